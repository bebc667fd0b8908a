"""From 'this happened' to a line in every sink that wants it. Never raises into the code that is measured."""

from __future__ import annotations

import itertools
import os
import secrets
import threading
import traceback
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from tau2_logging.events import Event, level_of
from tau2_logging.events.codec import EventContext, decode, encode_in, encode_parts, event_of
from tau2_logging.events.levels import DEBUG, INFO
from tau2_logging.events.structured import StructuredEvent, make_event
from tau2_logging.logger.clock import Clock, WallText
from tau2_logging.logger.content.sensitive import ALL, SECRETS, mask_personal
from tau2_logging.logger.content.written_parts import WrittenParts
from tau2_logging.logger.event_queue import Flusher
from tau2_logging.logger.event_writer import StructuredFields
from tau2_logging.logger.logging_records import RecordForwarder, register_levels
from tau2_logging.logger.sink import NO_LINES, Sink

T = TypeVar("T")

_LOGGERS: weakref.WeakSet[EventLogger] = weakref.WeakSet()


def _after_fork() -> None:
    """Give the spans of a copy of this process (os.fork, multiprocessing) another prefix, so that no two events have the same id."""
    for logger in _LOGGERS:
        logger.new_span_prefix()
        logger.written_parts.unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

_TEXTS = frozenset(("arguments", "result", "messages", "reply", "error_message", "traceback", "summary"))
"""Fields that may contain personal data."""


class EventLogger:
    """Writes the events of one run.

    `sinks` are owned by it: `close` closes them. `origin_ns` is the monotonic time that `start_ms` counts from; a resumed run passes
    one that lies before its own start. `masking` is one of sensitive.LEVELS: with `all`, personal data is masked in every sink; what is
    masked at all in arguments and results is up to those who make the events. `host` and `worker` are in every event of a simulation, if
    a worker process writes them. `lost_elsewhere` is what each worker has told of lines that it could not write, with the reason.
    """

    def __init__(
        self,
        run_id: str,
        sinks: Iterable[Sink],
        clock: Clock | None = None,
        origin_ns: int | None = None,
        masking: str = SECRETS,
        host: str | None = None,
        worker: str | None = None,
    ) -> None:
        register_levels()
        self.run_id = run_id
        self.host = host
        self.worker = worker
        self.clock = clock or Clock()
        self.origin_ns = self.clock.now_ns() if origin_ns is None else origin_ns
        self.sinks = tuple(sinks)
        self.failures = 0
        self.masking = masking
        self.flusher = Flusher()
        self.written_parts = WrittenParts()
        self.lost_elsewhere: dict[str, tuple[int, str]] = {}
        self.wants_structured = any(sink.wants_structured for sink in self.sinks)
        self._personal = masking == ALL
        self._threshold = min((sink.level for sink in self.sinks), default=INFO)
        self._event_threshold = min((sink.level for sink in self.sinks if sink.wants_events), default=NO_LINES)
        self._wall = WallText(self.clock)
        self._spans = itertools.count(1)
        self.new_span_prefix()
        self._forward = RecordForwarder()
        _LOGGERS.add(self)

    def new_span(self) -> str:
        """Return an id that is unique within the run, also over its resumptions and processes."""
        return f"{self._prefix}{next(self._spans):x}"

    def new_span_prefix(self) -> None:
        """Choose the prefix of the spans that follow."""
        self._prefix = secrets.token_hex(3)

    def since_start_ms(self, now_ns: int) -> float:
        """Return milliseconds from the start of the run to a monotonic time."""
        return (now_ns - self.origin_ns) / 1e6

    def relayed_level(self, written: bool) -> int:
        """Least level of the events that `relay` is of use for."""
        least = min((sink.level for sink in self._relay_sinks(written)), default=NO_LINES)
        return min(least, DEBUG if self._forward.enabled(DEBUG) else NO_LINES)

    def enabled(self, level: int) -> bool:
        """Return whether anyone wants events of this level."""
        return level >= self._threshold or self._forward.enabled(level)

    def emit(
        self,
        type_: str,
        fields: Mapping[str, object],
        domain: str | None = None,
        task: str | None = None,
        level: int | None = None,
    ) -> None:
        """Write an event. `level` defaults to that of `level_of`. Never raises."""
        try:
            level = level_of(type_, fields) if level is None else level
            forward = self._forward.enabled(level)
            if level >= self._threshold or forward:
                fields = _without_personal(fields) if self._personal else fields
                time, thread = self._wall(), threading.get_ident()
                line = encode_parts(level, time, task, thread, type_, fields)
                for sink in self.sinks:
                    if level >= sink.level:
                        sink.write_line(domain, line)
                if forward or level >= self._event_threshold:
                    self._write_event(event_of(level, time, task, thread, type_, fields), line, forward)
        except Exception:
            self.failed()

    def emit_in(self, context: EventContext, type_: str, fields: Mapping[str, object], span: str | None, parent: str | None) -> None:
        """The same for an event of a simulation, whose context is turned into text only once. Never raises."""
        try:
            level = level_of(type_, fields)
            forward = self._forward.enabled(level)
            if level >= self._threshold or forward:
                fields = _without_personal(fields) if self._personal else fields
                time, thread = self._wall(), threading.get_ident()
                line = encode_in(context, level, time, thread, type_, fields, span, parent)
                for sink in self.sinks:
                    if level >= sink.level:
                        sink.write_line(context.domain, line)
                if forward or level >= self._event_threshold:
                    event = event_of(level, time, context.task, thread, type_, context.complete(fields, span, parent))
                    self._write_event(event, line, forward)
        except Exception:
            self.failed()

    def _write_event(self, event: Event, line: str, forward: bool) -> None:
        for sink in self.sinks:
            if sink.wants_events and event.level >= sink.level:
                sink.write_event(event)
        if forward:
            self._forward.send(event, line)

    def structured(self, made: Sequence[StructuredFields]) -> None:
        """Write structured events, if a sink wants them. Never raises."""
        if not self.wants_structured:
            return
        shared = {"run": self.run_id, "host": self.host, "worker": self.worker}
        events = [event for kind, fields in made if (event := self.attempt(make_event, kind, {**shared, **fields})) is not None]
        for sink in self.sinks:
            if sink.wants_structured and events:
                self.attempt(sink.write_structured, events)

    def relay(self, domain: str | None, line: str, written: bool) -> None:
        """Pass on an event that a worker has made; `written`: it has put the line into the shared files itself. Never raises."""
        try:
            event = decode(line)
            for sink in self._relay_sinks(written):
                if event.level >= sink.level:
                    sink.write_line(domain, line)
            self._write_event(event, line, self._forward.enabled(event.level))
        except Exception:
            self.failed()

    def relay_structured(self, events: Sequence[StructuredEvent], written: bool) -> None:
        """The same for structured events."""
        for sink in self._relay_sinks(written):
            if sink.wants_structured and events:
                self.attempt(sink.write_structured, events)

    def _relay_sinks(self, written: bool) -> list[Sink]:
        return [sink for sink in self.sinks if not (written and sink.shared)]

    def event_time(self) -> str:
        """Return the time now, as structured events have it."""
        return self._wall().replace(" ", "T")

    def text(self, domain: str | None, text: str) -> None:
        """Pass on something that is no event. Never raises."""
        try:
            text = mask_personal(text) if self._personal else text
            for sink in self.sinks:
                sink.write_text(domain, text)
        except Exception:
            self.failed()

    def failed(self) -> None:
        """Count a failure of the telemetry itself; the first one is written out with its traceback."""
        self.failures += 1
        if self.failures == 1:
            report = traceback.format_exc()
            for sink in self.sinks:
                try:
                    sink.write_text(None, f"tau2_logging could not write an event:\n{report}")
                except Exception:
                    continue

    def attempt(self, function: Callable[..., T], *args: object) -> T | None:
        """Call a piece of telemetry; None if it failed."""
        try:
            return function(*args)
        except Exception:
            self.failed()
            return None

    def lost(self) -> tuple[int, str]:
        """Return how many lines could not be written here and, as they have told, by the workers; and why."""
        told = [*(sink.lost() for sink in self.sinks), *self.lost_elsewhere.values()]
        return sum(lines for lines, _ in told), "; ".join(sorted({reason for _, reason in told if reason}))

    def reopened(self) -> list[str]:
        """Return files that were moved away or removed and have been opened again."""
        return [path for sink in self.sinks for path in sink.reopened()]

    def close(self) -> None:
        """Close every sink, whatever the others do, when the structured events that wait have been written."""
        self.flusher.close()
        for sink in self.sinks:
            self.attempt(sink.close)


def _without_personal(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: mask_personal(value) if name in _TEXTS and isinstance(value, str) else value for name, value in fields.items()}
