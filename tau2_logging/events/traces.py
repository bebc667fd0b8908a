"""From events to spans: a trace for each simulation, put together as the events come.

    simulation (task_end)                invoke_agent llm_agent
    +-- step (step_complete)             step agent
    |   +-- model or tool call           chat gpt-4.1, execute_tool get_order
    +-- evaluation

An event is written when its operation ends, so a call comes before the step that holds it. It waits here until its parent has come,
which says whose it is, even if the same task runs several times at once. Ids are made from the run's and the span's own ones: the
live export and that of the finished log give the same spans.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tau2_logging.events import semconv
from tau2_logging.events.event import Event
from tau2_logging.events.roles import MODEL_CALL_TYPES
from tau2_logging.events.semconv_content import content_attributes, conversation_attributes
from tau2_logging.events.sent_prompts import PART, Prompts
from tau2_logging.events.trace_ids import span_id, trace_id

_CALLS = (*MODEL_CALL_TYPES, "tool_call")
_PAYLOADS = ("llm_payload", "tool_payload")
_MOMENTS = ("retry", "server_wait", "stuck", "context_reduction")
"""What becomes an event of the simulation's span. Other kinds may say what was said, and go along only with the content."""

_IGNORED = (*_PAYLOADS, PART, "server_call", "heartbeat", "run_start", "run_end")
_PARTS_KEPT = 65_536
"""Of prompts: a run's workers refer to parts that each has written within its last 16,384."""

MOST_MOMENTS = 128
"""Of retries and the like, so many are kept with a simulation's span; OpenTelemetry's own default limit."""


@dataclass(frozen=True)
class Moment:
    """A span event: something that happened at one time (ns since 1970)."""

    name: str
    at_ns: int
    attributes: semconv.Attributes


@dataclass(frozen=True)
class Span:
    """A finished span. Times are ns since 1970; `error` is what its status says, None if it succeeded."""

    trace_id: int
    span_id: int
    parent_id: int | None
    name: str
    leaves_process: bool
    start_ns: int
    end_ns: int
    attributes: semconv.Attributes
    moments: tuple[Moment, ...] = ()
    error: str | None = None


@dataclass
class _Open:
    """A simulation that has started: its own span, and what happened to it so far. `conversation`: the agent's first and last payload."""

    span: str
    place: tuple[object, ...]
    variant: object = None
    conversation: list[Event] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)


@dataclass
class _Held:
    event: Event
    payload: Event | None = None


class TraceBuilder:
    """Feed it the events of one run in the order of the log; it gives back the spans that are complete.

    `origin_ns`: ns since 1970 at `start_ms=0`. `content`: put what was said into the spans, if the log has payload events.
    """

    def __init__(self, origin_ns: int, content: bool = False) -> None:
        self.origin_ns = origin_ns
        self._content = content
        self._prompts = Prompts(_PARTS_KEPT)
        self._runs: dict[object, dict[str, object]] = {}
        self._open: dict[str, _Open] = {}
        self._waiting: dict[object, list[_Held]] = defaultdict(list)

    def add(self, event: Event) -> list[Span]:
        """Return the spans that this event completes."""
        if event.type == "run_start":
            self._runs[event.get("domain")] = dict(event.fields)
        elif event.type == "task_start":
            span = str(event.get("span"))
            self._open[span] = _Open(span, _place(event), event.get("variant"))
        elif event.type == "task_end":
            return self._end(event)
        elif event.type in semconv.SPAN_TYPES:
            return self._operation(event)
        elif event.type in _PAYLOADS:
            return self._payload(self._with_prompt(event) if self._content else event)
        elif event.type == PART and self._content:
            self._prompts.add(PART, event.fields)
        elif event.type in _MOMENTS or (self._content and event.task is not None and event.type not in _IGNORED):
            self._moment(event)
        return []

    def close(self) -> list[Span]:
        """Return what is left: calls of simulations that never ended."""
        left = [(held, parent) for parent, many in self._waiting.items() for held in many]
        self._waiting.clear()
        return [self._span(held, self._root_of(held.event) or str(parent), str(parent)) for held, parent in left]

    def _operation(self, event: Event) -> list[Span]:
        parent = str(event.get("parent"))
        held = _Held(event)
        if parent not in self._open or (self._content and event.type in _CALLS):
            self._waiting[parent].append(held)
            return []
        return [*self._release(str(event.get("span")), parent), self._span(held, parent, parent)]

    def _release(self, span: str, root: str) -> list[Span]:
        """Return the spans of what waited for the operation `span`, and of what waited for those."""
        released: list[Span] = []
        for held in self._waiting.pop(span, ()):
            released += [*self._release(str(held.event.get("span")), root), self._span(held, root, span)]
        return released

    def _with_prompt(self, payload: Event) -> Event:
        """Return a payload with the messages that it has only the hashes of."""
        self._prompts.add(payload.type, payload.fields)
        messages = self._prompts.messages(payload.get("run"), payload.get("span"))
        return payload if messages is None else replace(payload, fields={**payload.fields, "messages": messages})

    def _payload(self, event: Event) -> list[Span]:
        parent, span = str(event.get("parent")), event.get("span")
        waiting = self._waiting.get(parent, []) if self._content else []
        held = next((held for held in reversed(waiting) if held.event.get("span") == span), None)
        if held is None:
            return []
        held.payload = event
        open_ = self._open.get(self._root_of(event) or "")
        if open_ is not None and held.event.type == "llm_call" and event.get("reply") is not None:
            open_.conversation[1:] = [event]
        if parent not in self._open:
            return []
        waiting.remove(held)
        return [self._span(held, parent, parent)]

    def _moment(self, event: Event) -> None:
        open_ = self._open.get(self._root_of(event) or "")
        if open_ is not None and len(open_.moments) < MOST_MOMENTS:
            attributes: semconv.Attributes = {f"tau2.{name}": value for name, value in event.fields.items() if value is not None}
            start = event.get("start_ms")
            at_ns = self._ns(start) if isinstance(start, float) else 0
            open_.moments.append(Moment(event.type, at_ns, attributes))

    def _root_of(self, event: Event) -> str | None:
        """Return the simulation of an event by its place; the last one started, if the same task runs several times at once."""
        place = _place(event)
        return next((span for span in reversed(self._open) if self._open[span].place == place), None)

    def _end(self, event: Event) -> list[Span]:
        span = str(event.get("span"))
        open_ = self._open.setdefault(span, _Open(span, _place(event)))
        spans = self._release(span, span)
        if not any(other.place == open_.place for other in self._open.values() if other is not open_):
            spans += [item for parent in self._orphans(open_) for item in self._release_to(parent, span)]
        del self._open[span]
        return [*spans, self._root(event, open_)]

    def _orphans(self, open_: _Open) -> Iterable[object]:
        """Return the steps of this simulation that never came: it was given up in the middle of them."""
        return [parent for parent, held in self._waiting.items() if held and _place(held[0].event) == open_.place]

    def _release_to(self, parent: object, root: str) -> list[Span]:
        return [self._span(held, root, root) for held in self._waiting.pop(parent, ())]

    def _ns(self, ms: float) -> int:
        return self.origin_ns + round(ms * 1e6)

    def _times(self, event: Event) -> tuple[int, int]:
        start = event.get("start_ms")
        whole = event.get("total_duration_ms")
        duration = event.get("duration_ms") if whole is None else whole
        start_ns = self._ns(start if isinstance(start, float) else 0.0)
        return start_ns, start_ns + round((duration if isinstance(duration, float) else 0.0) * 1e6)

    def _span(self, held: _Held, root: str, parent: str) -> Span:
        event = held.event
        start_ns, end_ns = self._times(event)
        attributes = semconv.call_attributes(event, start_ns)
        if held.payload is not None:
            attributes |= content_attributes(held.payload, event.get("finish_reason"))
        run = event.get("run")
        return Span(
            trace_id=trace_id(run, root),
            span_id=span_id(run, event.get("span")),
            parent_id=span_id(run, parent),
            name=semconv.span_name(event, None),
            leaves_process=semconv.leaves_process(event),
            start_ns=start_ns,
            end_ns=end_ns,
            attributes=attributes,
            error=_error(event),
        )

    def _root(self, event: Event, open_: _Open) -> Span:
        run = {**self._runs.get(event.get("domain"), {}), "variant": open_.variant}
        start_ns, end_ns = self._times(event)
        moments = [Moment(moment.name, moment.at_ns or start_ns, moment.attributes) for moment in open_.moments]
        attributes = semconv.simulation_attributes(event, run)
        if open_.conversation:
            attributes |= conversation_attributes(open_.conversation[0], open_.conversation[-1])
        reward = event.get("reward")
        if isinstance(reward, float):
            moments.append(Moment(semconv.EVALUATION_EVENT, end_ns, semconv.evaluation_attributes(reward)))
        return Span(
            trace_id=trace_id(event.get("run"), open_.span),
            span_id=span_id(event.get("run"), open_.span),
            parent_id=None,
            name=semconv.span_name(event, str(run["agent"]) if run.get("agent") else None),
            leaves_process=False,
            start_ns=start_ns,
            end_ns=end_ns,
            attributes=attributes,
            moments=tuple(moments),
            error=_error(event),
        )


def _place(event: Event) -> tuple[object, ...]:
    return (event.get("run"), event.get("domain"), event.task, event.get("trial"))


def _error(event: Event) -> str | None:
    failure = semconv.error_type(event)
    return None if failure is None else str(event.get("error_message") or failure)


__all__ = ["Moment", "Span", "TraceBuilder"]
