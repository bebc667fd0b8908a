"""Events become trees of spans, whatever order and company they come in."""

from __future__ import annotations

import random

from tau2_logging.events import Event
from tau2_logging.events.traces import Span, TraceBuilder

T0 = "2026-11-20 17:45:01.123"


def event(type_: str, span: str | None = None, parent: str | None = None, **fields: object) -> Event:
    """An event of task 7 whose times nobody looks at."""
    known = {"span": span, "parent": parent, "run": "r", "domain": "mock", "start_ms": 1.0, "duration_ms": 2.0, **fields}
    return Event(15, T0, "7", 1, type_, {name: value for name, value in known.items() if value is not None})  # type: ignore[misc]


def built(events: list[Event], content: bool = False) -> list[Span]:
    """Every span of these events."""
    builder = TraceBuilder(0, content)
    spans = [span for item in events for span in builder.add(item)]
    return spans + builder.close()


def simulation(name: str, steps: int) -> list[Event]:
    """A simulation without a trial, as tau2's own runner makes them: steps of one call each, a judge's call, an evaluation."""
    events = [event("task_start", name)]
    for number in range(steps):
        events.append(event("llm_call", f"{name}c{number}", f"{name}s{number}", model="m"))
        events.append(event("step_complete", f"{name}s{number}", name))
    events.append(event("evaluator", f"{name}j", name, model="j"))
    return [*events, event("evaluation", f"{name}e", name), event("task_end", name, reward=1.0, status="ok")]


def test_the_same_task_several_times_at_once_makes_separate_trees() -> None:
    """However the events of four simulations that nothing but their spans tells apart are mixed."""
    random_ = random.Random(1)
    for _ in range(30):
        lines = [simulation(name, steps) for name, steps in (("a", 3), ("b", 1), ("c", 0), ("d", 5))]
        mixed: list[Event] = []
        while any(lines):
            mixed.append(random_.choice([line for line in lines if line]).pop(0))
        spans = built(mixed)
        assert len(spans) == sum(2 * steps + 3 for steps in (3, 1, 0, 5))
        sizes = sorted(sum(span.trace_id == trace for span in spans) for trace in {span.trace_id for span in spans})
        assert sizes == [3, 5, 9, 13]
        traces = {span.span_id: span.trace_id for span in spans}
        assert all(traces[span.parent_id] == span.trace_id for span in spans if span.parent_id is not None)


def test_calls_of_a_step_that_never_ended_hang_on_the_simulation() -> None:
    """A simulation that was given up in the middle of a step: no call is lost, none has a parent that is not there."""
    spans = built([event("task_start", "a"), event("tool_call", "t", "lost", function="f"), event("task_end", "a", status="timeout")])
    call, root = spans
    assert call.parent_id == root.span_id
    assert call.trace_id == root.trace_id
    assert (root.error, call.error) == ("timeout", None)
    assert root.attributes["error.type"] == "timeout"


def test_calls_of_a_simulation_that_never_ended_are_not_lost() -> None:
    """They come when the builder is closed, in one trace."""
    begun = simulation("a", 2)[:3]
    spans = built([*begun, event("llm_call", "x", "open", model="m")])
    assert [span.name for span in spans] == ["chat m", "step None", "chat m"]
    assert len({span.trace_id for span in spans}) == 1


def test_a_payload_reaches_its_call_whether_or_not_its_step_is_over() -> None:
    """The messages stand in the span of the call they belong to, for calls in a step and for judges' calls."""
    said = {"messages": '[{"role": "user", "content": "hi"}]', "reply": '{"role": "assistant", "content": "ho"}'}
    events = []
    for item in simulation("a", 2):
        events.append(item)
        if item.type in ("llm_call", "evaluator"):
            events.append(event("llm_payload", str(item.get("span")), str(item.get("parent")), **said))
    spans = built(events, content=True)
    assert len(spans) == 7
    assert sum("gen_ai.input.messages" in span.attributes for span in spans) == 3
    assert not any("gen_ai.input.messages" in span.attributes for span in built(events))


def test_only_what_cannot_say_what_was_said_goes_along_without_content() -> None:
    """Retries are events of the simulation's span; kinds of events that somebody adds are, where content is asked for."""
    events = simulation("a", 1)
    events[1:1] = [event("retry", "r", "as0", error_type="X"), event("state_change", "q", "as0", result="secret")]
    for content, expected in ((False, ["retry"]), (True, ["retry", "state_change"])):
        root = next(span for span in built(events, content) if span.parent_id is None)
        assert [moment.name for moment in root.moments if moment.name != "gen_ai.evaluation.result"] == expected


def test_a_trace_is_tagged_with_what_one_filters_by() -> None:
    """Domain, variant and outcome; no outcome where nothing was scored."""
    ends = (({"reward": 1.0}, "pass"), ({"reward": 0.5}, "fail"), ({"status": "timeout"}, "timeout"), ({"status": "ok"}, None))
    for fields, outcome in ends:
        arm = {"domain": "mock@anger"}
        (root,) = built([event("task_start", "a", variant="anger", **arm), event("task_end", "a", **{**arm, **fields})])
        assert root.attributes["langfuse.trace.tags"] == [tag for tag in ("mock", "anger", outcome) if tag]
        assert root.attributes["tau2.variant"] == "anger"
    (root,) = built([event("task_start", "a"), event("task_end", "a", reward=1.0)])
    assert root.attributes["langfuse.trace.tags"] == ["mock", "pass"]
    assert "tau2.variant" not in root.attributes
