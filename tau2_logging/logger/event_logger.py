"""From 'this happened' to a line in every sink that wants it. Never raises into the code that is measured."""

from __future__ import annotations

import itertools
import secrets
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from tau2_logging.events import KINDS, Event, canonical_fields
from tau2_logging.events.codec import encode_parts, field_name
from tau2_logging.events.levels import INFO
from tau2_logging.logger.clock import Clock, WallText
from tau2_logging.logger.records import RecordForwarder
from tau2_logging.logger.sink import Sink

T = TypeVar("T")


class EventLogger:
    """Writes the events of one run.

    `sinks` are owned by it: `close` closes them. `origin_ns` is the monotonic time that `start_ms` counts from; a resumed run passes
    one that lies before its own start.
    """

    def __init__(self, run_id: str, sinks: Iterable[Sink], clock: Clock | None = None, origin_ns: int | None = None) -> None:
        self.run_id = run_id
        self.clock = clock or Clock()
        self.origin_ns = self.clock.now_ns() if origin_ns is None else origin_ns
        self.sinks = tuple(sinks)
        self.failures = 0
        self._threshold = min((sink.level for sink in self.sinks), default=INFO)
        self._wall = WallText(self.clock)
        self._spans = itertools.count(1)
        self._prefix = secrets.token_hex(3)
        self._forward = RecordForwarder()

    def new_span(self) -> str:
        """An id that is unique within the run, also over its resumptions and processes."""
        return f"{self._prefix}{next(self._spans):x}"

    def since_start_ms(self, now_ns: int) -> float:
        """Milliseconds from the begin of the run to a monotonic time."""
        return (now_ns - self.origin_ns) / 1e6

    def enabled(self, level: int) -> bool:
        """Whether anyone wants events of this level."""
        return level >= self._threshold or self._forward.enabled(level)

    def emit(
        self,
        type_: str,
        fields: Mapping[str, object],
        domain: str | None = None,
        task: str | None = None,
        level: int | None = None,
    ) -> None:
        """Write an event. `level` defaults to the kind's own, INFO for a type that is not in the table. Never raises."""
        try:
            self._emit(type_, fields, domain, task, level)
        except Exception:
            self.failed()

    def _emit(self, type_: str, fields: Mapping[str, object], domain: str | None, task: str | None, level: int | None) -> None:
        if level is None:
            kind = KINDS.get(type_)
            level = kind.level if kind is not None else INFO
        forward = self._forward.enabled(level)
        if level < self._threshold and not forward:
            return
        thread = threading.get_ident()
        time = self._wall()
        line = encode_parts(level, time, task, thread, type_, fields)
        event: Event | None = None
        for sink in self.sinks:
            if level >= sink.level:
                sink.write_line(domain, line)
                if sink.wants_events:
                    event = event or _event(level, time, task, thread, type_, fields)
                    sink.write_event(event)
        if forward:
            self._forward.send(event or _event(level, time, task, thread, type_, fields), line)

    def text(self, domain: str | None, text: str) -> None:
        """Pass on something that is no event. Never raises."""
        try:
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
        """Call a piece of telemetry; None where it failed."""
        try:
            return function(*args)
        except Exception:
            self.failed()
            return None

    def close(self) -> None:
        """Close every sink, whatever the others do."""
        for sink in self.sinks:
            self.attempt(sink.close)


def _event(level: int, time: str, task: str | None, thread: int, type_: str, fields: Mapping[str, object]) -> Event:
    named = {field_name(name): value for name, value in fields.items()}
    return Event(level, time, task, thread, type_, canonical_fields(named))
