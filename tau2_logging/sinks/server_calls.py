"""Spans of model servers joined with the model calls they belong to: each becomes a `server_call` event.

A call's event and the server's span of it come in any order, the span usually some seconds later, in a batch. What is measured pays for one
`append`; the join is made when spans come, in the receiver's thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tau2_logging.events import MODEL_CALL_TYPES, Event
from tau2_logging.events.codec import EventContext
from tau2_logging.events.levels import PROFILE
from tau2_logging.events.trace_ids import span_id
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.sink import Sink
from tau2_logging.sinks.server_spans import ServerSpan

MOST_KEPT = 100_000
"""Of calls, and of spans whose call has not been seen, the last so many are kept."""
_DEEPEST = 16
"""Spans between a call's and the server's: proxies that trace too."""
QUIET_S = 6.5
"""Exporters send what they have every five seconds: after this long a silent server has no more."""
LONGEST_S = 15.0
_LOOK_S = 0.25

T = TypeVar("T")
Figures = dict[str, object]


@dataclass(frozen=True)
class JoinCounts:
    """How it went: calls over HTTP that succeeded, those of them that have a span, spans of requests that are of no call of the run."""

    calls: int
    joined: int
    foreign: int


class ServerCalls(Sink):
    """`take` spans; the events are written by the logger that is given to `write_with`. Spans that come before that are kept."""

    level = PROFILE
    wants_events = True

    def __init__(self) -> None:
        self._new: deque[Event] = deque(maxlen=MOST_KEPT)
        self._calls: dict[int, Event] = {}
        self._parents: dict[int, int] = {}
        self._early: dict[int, list[Figures]] = {}
        self._silent: dict[int, object] = {}
        self._telling: set[object] = set()
        self._counted = self._joined = self._foreign = 0
        self._logger: EventLogger | None = None
        self._news = threading.Condition()
        self._arrived_ns = 0

    def write_with(self, logger: EventLogger) -> None:
        """Have the events written by this logger, which has the run's clock."""
        self._logger = logger

    def write_event(self, event: Event) -> None:
        """Queue a model call that names its endpoint, to be joined with the server's span; of too many the oldest are dropped."""
        if event.type in MODEL_CALL_TYPES and event.get("endpoint") is not None:
            self._new.append(event)

    def take(self, spans: Sequence[ServerSpan]) -> None:
        """Join these, and those that waited for a call which has ended since. Never raises."""
        logger = self._logger
        with self._news:
            if logger is not None:
                self._arrived_ns = logger.clock.now_ns()
                logger.attempt(self._take_new_calls)
            for span in spans:
                try:
                    self._take_span(span)
                except Exception:
                    self._foreign += 1
            self._news.notify_all()

    def wait(self, stopped: Callable[[], bool] = lambda: False) -> JoinCounts:
        """Wait for the last batch, while calls lack a span that servers which sent others may still send; then say how it went."""
        logger = self._logger
        if logger is None:
            return JoinCounts(0, 0, 0)
        begun_ns = logger.clock.now_ns()
        with self._news:
            while True:
                self._take_new_calls()
                now_ns = logger.clock.now_ns()
                quiet_s = (now_ns - max(begun_ns, self._arrived_ns)) / 1e9
                left_s = min(QUIET_S - quiet_s, LONGEST_S - (now_ns - begun_ns) / 1e9)
                if not self._missing() or left_s <= 0 or stopped():
                    break
                self._news.wait(min(left_s, _LOOK_S))
        return self.counts()

    def counts(self) -> JoinCounts:
        """Return how it has gone so far."""
        with self._news:
            self._take_new_calls()
            return JoinCounts(self._counted, self._joined, self._foreign + sum(map(len, self._early.values())))

    def _missing(self) -> bool:
        """Return whether a call waits for its span: of a model of which a server tells, or of any as long as none has told anything.
        Several servers of one model are started alike, and the last batch of one may be its first."""
        return any(not self._telling or model in self._telling for model in self._silent.values())

    def _take_new_calls(self) -> None:
        while self._new:
            event = self._new.popleft()
            key = span_id(event.get("run"), event.get("span"))
            _keep(self._calls, key, event)
            if not event.get("error"):
                self._counted += 1
                _keep(self._silent, key, event.get("model"))
            for figures in self._early.pop(key, ()):
                self._write(key, figures)

    def _take_span(self, span: ServerSpan) -> None:
        figures = span.figures()
        if figures:
            self._place(span.parent_id, figures)
        elif span.parent_id is not None:
            _keep(self._parents, span.span_id, span.parent_id)
            for waiting in self._early.pop(span.span_id, ()):
                self._place(span.parent_id, waiting)

    def _place(self, parent: int | None, figures: Figures) -> None:
        for _ in range(_DEEPEST):
            if parent is None or parent in self._calls or parent not in self._parents:
                break
            parent = self._parents[parent]
        if parent in self._calls:
            self._write(parent, figures)
        elif parent is None:
            self._foreign += 1
        else:
            gone: list[Figures] | None = _keep(self._early, parent, [*self._early.get(parent, []), figures])
            self._foreign += len(gone or ())

    def _write(self, key: int, figures: Figures) -> None:
        call = self._calls[key]
        if self._silent.pop(key, None) is not None:
            self._joined += 1
            self._telling.add(call.get("model"))
        if self._logger is not None:
            about = {name: call.get(name) for name in ("step", "model", "endpoint")}
            fields = {**about, "server_source": "trace", **figures}
            self._logger.emit_in(_context_of(call), "server_call", fields, _text(call, "span"), _text(call, "parent"))


def _keep(kept: dict[int, T], key: int, value: T) -> T | None:
    """Put it in; what has had to go for it is given back."""
    gone = kept.pop(next(iter(kept))) if key not in kept and len(kept) >= MOST_KEPT else None
    kept[key] = value
    return gone


def _context_of(call: Event) -> EventContext:
    trial = call.get("trial")
    names = ("domain", "run", "host", "worker")
    domain, run, host, worker = (_text(call, name) for name in names)
    return EventContext(call.task, domain, trial if isinstance(trial, int) else None, run, host, worker)


def _text(call: Event, name: str) -> str | None:
    value = call.get(name)
    return None if value is None else str(value)


__all__ = ["JoinCounts", "ServerCalls"]
