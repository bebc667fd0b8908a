"""Events as OpenTelemetry spans and metrics, while the run goes on.

A thread of its own makes and sends them, so that a measured path pays for one `append`. An endpoint that does not answer costs the run
nothing: spans are kept for later attempts, up to MOST_KEPT, and the log holds all of them in any case.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from tau2_logging.errors import UserError
from tau2_logging.events import Event
from tau2_logging.events.levels import DEBUG, PROFILE
from tau2_logging.events.secrets.masking import mask_text
from tau2_logging.events.traces import Span, TraceBuilder
from tau2_logging.invocation import ANALYZE, command
from tau2_logging.logger.sink import Sink
from tau2_logging.sinks.otlp_sender import Sender

BATCH = 512
EVERY_S = 1.0
METRICS_EVERY_S = 10.0
MOST_KEPT = 50_000
FINISHED_TIMEOUT_S = 60.0
"""How long an endpoint may take over a batch of a finished log, which nobody waits for but the user who sends it."""

PATIENCE_S = 5.0
"""How long the end of a run waits for the endpoint."""


class _Portions:
    """Sends what is at the left of a queue, as much at a time as the endpoint takes; `sent` and `unsent` count spans.

    A request that is refused as too large is halved; a span that is too large alone is left out, so that it does not hold up the others.
    After a success portions grow again, slowly: one long conversation does not make every later request small.
    """

    def __init__(self, sender: Sender) -> None:
        self.sent = self.unsent = 0
        self._sender = sender
        self._size = BATCH

    def send(self, spans: deque[Span]) -> bool:
        """Send the next portion and take it out of the queue. False if the endpoint takes nothing now; the spans then stay."""
        batch = list(islice(spans, self._size))
        if self._sender.send(batch):
            self.sent += len(batch)
            self._size = min(BATCH, self._size + 1 + self._size // 8)
        elif not self._sender.too_large:
            return False
        elif len(batch) > 1:
            self._size = len(batch) // 2
            return True
        else:
            self.unsent += 1
        for _ in batch:
            spans.popleft()
        return True


class OtlpSink(Sink):
    """Sends a trace for each simulation to `endpoint`. `sent` and `unsent` count spans.

    `origin_ns`: ns since 1970 at `start_ms=0`. `content`: what was said goes along, secrets masked. `say` is called once, from the
    sink's thread, when the endpoint does not take what it is sent. Raises UserError if the endpoint is no address, or OpenTelemetry
    is not installed.
    """

    wants_events = True

    def __init__(self, endpoint: str, origin_ns: int, content: bool = False, say: Callable[[str], None] = lambda text: None) -> None:
        self.level = DEBUG if content else PROFILE
        self._say = say
        self._said = False
        self._sender = Sender(endpoint)
        self._portions = _Portions(self._sender)
        self._builder = TraceBuilder(origin_ns, content)
        self._events: deque[Event] = deque()
        self._spans: deque[Span] = deque()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="otlp", daemon=True)
        self._thread.start()

    @property
    def sent(self) -> int:
        """Spans that the endpoint took."""
        return self._portions.sent

    @property
    def unsent(self) -> int:
        """Spans that it will not get."""
        return self._portions.unsent

    def write_event(self, event: Event) -> None:
        """Queue an event; the sink's own thread makes the span and sends it."""
        self._events.append(event)

    def close(self) -> None:
        """Send what is left; an endpoint that does not answer is given PATIENCE_S. Idempotent."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self._sender.interrupt()
            self._thread.join(PATIENCE_S)
        self._sender.close()
        self._portions.unsent += len(self._spans)
        self._spans.clear()

    def report(self) -> str:
        """Return one sentence on how it went, for the end of the run."""
        lost = f", {self.unsent} could not be: the log has them" if self.unsent else ""
        metrics = "; it takes no metrics" if self._sender.metrics_refused else ""
        return f"{self.sent} spans sent to {mask_text(self._sender.endpoint)}{lost}{metrics}"

    def _work(self) -> None:
        turns = 0
        while not self._ending.wait(EVERY_S):
            self._attempt()
            turns += 1
            if turns % round(METRICS_EVERY_S / EVERY_S) == 0:
                self._sender.send_metrics()
        self._attempt(last=True)
        self._sender.send_metrics()

    def _attempt(self, last: bool = False) -> None:
        try:
            self._take(last)
            while self._spans and self._send():
                pass
        except Exception as error:  # nothing of this may reach the run
            self._complain(f"{type(error).__name__}: {error}")

    def _take(self, last: bool) -> None:
        while self._events:
            event = self._events.popleft()
            self._sender.record(event)
            self._spans.extend(self._builder.add(event))
        if last:
            self._spans.extend(self._builder.close())
        while len(self._spans) > MOST_KEPT:
            self._spans.popleft()
            self._portions.unsent += 1

    def _send(self) -> bool:
        before = self.unsent
        took = self._portions.send(self._spans)
        if not took or self.unsent > before:
            self._complain(self._sender.reason)
        return took

    def _complain(self, reason: str) -> None:
        if not self._said:
            self._said = True
            self._say(
                f"warning: {mask_text(self._sender.endpoint)} does not take spans ({mask_text(reason)}); the run goes on, and its log can "
                f"be sent later: {command(ANALYZE)} --log_file ... --otlp ENDPOINT"
            )


def send_runs(runs: Iterable[tuple[int, Iterable[Event]]], endpoint: str, content: bool = False) -> str:
    """Send finished runs: for each when it started (ns since 1970 at its `start_ms=0`) and its events. The sentence that says how it
    went.

    Raises UserError if the endpoint is no address or does not take them.
    """
    sender = Sender(endpoint, FINISHED_TIMEOUT_S)
    portions = _Portions(sender)
    try:
        for origin_ns, events in runs:
            for batch in _batches(events, origin_ns, content, sender):
                _send_or_raise(sender, portions, deque(batch))
        sender.send_metrics()
    finally:
        sender.close()
    lost = f", {portions.unsent} are too large for it: {mask_text(sender.reason)}" if portions.unsent else ""
    metrics = "; it takes no metrics" if sender.metrics_refused else ""
    return f"{portions.sent} spans sent to {mask_text(sender.endpoint)}{lost}{metrics}"


def _batches(events: Iterable[Event], origin_ns: int, content: bool, sender: Sender) -> Iterator[list[Span]]:
    builder = TraceBuilder(origin_ns, content)
    batch: list[Span] = []
    for event in events:
        sender.record(event)
        batch += builder.add(event)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch := batch + builder.close():
        yield batch


def _send_or_raise(sender: Sender, portions: _Portions, spans: deque[Span]) -> None:
    while spans:
        if not portions.send(spans):
            raise UserError(
                f"{mask_text(sender.endpoint)} does not take spans ({mask_text(sender.reason)}), after {portions.sent} that it took; "
                "is it up, and is it an OTLP/HTTP endpoint? A key goes into OTEL_EXPORTER_OTLP_HEADERS"
            )


__all__ = ["OtlpSink", "send_runs"]
