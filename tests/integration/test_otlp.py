"""Traces and metrics as an OpenTelemetry endpoint gets them over the wire, from a run and from its log."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.timeline.replay import replay
from tau2_logging.cli import analyze_timing
from tau2_logging.events import MODEL_CALL_TYPES, Event, semconv
from tau2_logging.events.semconv import SPAN_TYPES
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.runner.settings.config import ModelChoice
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN, collect_clients
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles, of
from tests.support.semconv_names import ATTRIBUTES, METRICS, OPERATIONS, PROVIDERS, PYTHON_TYPES

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="pip install -r requirements-otel.txt")
pytestmark = LEFT_OPEN

from tau2_logging.runner.exports import send_log  # noqa: E402
from tau2_logging.sinks import otlp, otlp_sender  # noqa: E402
from tau2_logging.sinks.otlp import OtlpSink  # noqa: E402
from tests.support.otlp_receiver import Received, Receiver  # noqa: E402

SECRET = "sk-abcdef1234567890"
CONTENT = {
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "input.value",
    "input.mime_type", "output.value", "output.mime_type",
}  # fmt: skip


@dataclass
class Sent:
    """What one run left: its events, what an endpoint got meanwhile, what it got later from the log, and from the log with content."""

    log: Path
    events: list[Event]
    live: Receiver
    later: Receiver
    with_content: Receiver
    printed: str
    headers: list[str]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """Three tasks, twice each at once, of a priced model behind a server that refuses one request in eight; retries at most once."""
    log_dir = tmp_path_factory.mktemp("otlp")
    settings = ServerSettings(models=("gpt-4.1",), ttft_ms=5, itl_ms=0.2, turns=1, faults={"rate_limit": 0.12}, seed=4)
    with Receiver() as live, Receiver() as later, Receiver() as with_content:
        with SimulatedServer(settings) as server:
            model = ModelChoice("openai/gpt-4.1", {"api_base": server.base_url, "api_key": SECRET})
            config = scripted(
                log_dir, agent_model=model, user_model=model, num_tasks=3, num_trials=2, max_concurrency=6, max_retries=1,
                log_level="DEBUG", otlp=live.url, otlp_content=True,
            )  # fmt: skip
            _, printed = run_quietly(config)
            collect_clients()
            headers = [exchange.headers["traceparent"] for exchange in server.journal]
        log = log_dir / "tau2_mock.log"
        send_log(replay(load_log(log)), later.url)
        send_log(replay(load_log(log), everything=True), with_content.url + "/v1/traces", content=True)
        yield Sent(log, RunFiles(log_dir).events("mock"), live, later, with_content, printed, headers)


def by_id(spans: list[Received]) -> dict[str, Received]:
    """Spans by their ids, each of which is there once."""
    found = {span.span: span for span in spans}
    assert len(found) == len(spans)
    return found


def test_every_operation_of_the_log_is_one_span(sent: Sent) -> None:
    """As many spans as events of each type, over the run and from the log; and the run says how many it sent."""
    expected = Counter(event.type for event in sent.events if event.type in SPAN_TYPES)
    assert expected["retry"] == 0
    assert len(of(sent.events, "retry")) > 0
    for receiver in (sent.live, sent.later, sent.with_content):
        types = Counter(span.attributes["tau2.type"] for span in receiver.spans)
        types["task_end"] = types.pop("simulation")
        assert types == expected
    assert f"{sum(expected.values())} spans sent to {sent.live.url}" in sent.printed


def test_the_log_gives_the_same_spans_as_the_run(sent: Sent) -> None:
    """Ids, names, parents, durations, attributes and events are equal; only where the run's clock began is read from rounded times."""
    live, later, content = by_id(sent.live.spans), by_id(sent.later.spans), by_id(sent.with_content.spans)
    assert live.keys() == later.keys() == content.keys()
    dated = "langfuse.observation.completion_start_time"
    for key, span in live.items():
        for other in (later[key], content[key]):
            assert (span.trace, span.parent, span.name, span.kind, span.failed) == (
                other.trace,
                other.parent,
                other.name,
                other.kind,
                other.failed,
            )
            assert span.end_ns - span.start_ns == other.end_ns - other.start_ns
        assert {**span.attributes, dated: ""} == {**content[key].attributes, dated: ""}
        without = {name: value for name, value in span.attributes.items() if name not in CONTENT}
        assert {**without, dated: ""} == {**later[key].attributes, dated: ""}
        assert [event for event in span.events if event[0] in ("retry", "gen_ai.evaluation.result")] == later[key].events
    assert len({span.start_ns - later[key].start_ns for key, span in live.items()}) == 1


def test_each_request_named_its_span_to_the_server(sent: Sent) -> None:
    """The traceparent headers that the server got are those of the model calls' spans, failed attempts included."""
    calls = [span for span in sent.live.spans if span.attributes["tau2.type"] in MODEL_CALL_TYPES and "tau2.endpoint" in span.attributes]
    assert sorted(sent.headers) == sorted(f"00-{call.trace}-{call.span}-01" for call in calls)


def test_a_simulation_is_one_tree(sent: Sent) -> None:
    """One root each, every parent in the same trace, every child inside its parent's time."""
    traces: dict[str, list[Received]] = defaultdict(list)
    for span in sent.live.spans:
        traces[span.trace].append(span)
    assert len(traces) == len(of(sent.events, "task_end")) == 6
    for spans in traces.values():
        known = by_id(spans)
        (root,) = [span for span in spans if not span.parent]
        assert root.name == "invoke_agent llm_agent"
        for span in spans:
            if span is not root:
                parent = known[span.parent]
                assert parent.start_ns - 2000 <= span.start_ns
                assert span.end_ns <= parent.end_ns + 2000  # times in the log are whole microseconds
    conversations = {root.attributes["gen_ai.conversation.id"] for root in sent.live.spans if not root.parent}
    assert len(conversations) == 6


def test_calls_say_what_viewers_ask_for(sent: Sent) -> None:
    """Model, provider, tokens, money, server and first token of each model call equal those of its event, under everybody's names."""
    events = sorted(of(sent.events, *MODEL_CALL_TYPES), key=lambda event: float(event.get("start_ms") or 0))
    calls = sorted((span for span in sent.live.spans if span.name.startswith("chat ")), key=lambda span: span.start_ns)
    assert len(calls) == len(events) > 20
    for span, event in zip(calls, events, strict=True):
        is_judge = event.type == "evaluator"
        found = span.attributes
        assert found["gen_ai.operation.name"] == "chat"
        assert found["openinference.span.kind"] == "LLM"
        assert found["gen_ai.request.model"] == found["llm.model_name"] == ("scripted/judge" if is_judge else "gpt-4.1")
        assert found["gen_ai.provider.name"] == found["llm.provider"] == ("scripted" if is_judge else "vllm")  # what serves it
        assert span.kind == (1 if is_judge else 3)
        assert span.failed == event.get("error") == ("error.type" in found)
        assert found.get("gen_ai.usage.input_tokens") == found.get("llm.token_count.prompt") == event.get("input_tokens")
        assert found.get("gen_ai.usage.output_tokens") == found.get("llm.token_count.completion") == event.get("output_tokens")
        assert found.get("gen_ai.usage.cache_read.input_tokens") == event.get("cached_tokens")
        assert found.get("llm.cost.total") == event.get("cost_usd")
        ttft = event.get("ttft_ms")
        assert found.get("gen_ai.response.time_to_first_chunk") == (None if ttft is None else float(ttft) / 1000)
        if event.get("endpoint"):
            assert f"{found['server.address']}:{found['server.port']}" == event.get("endpoint")
        if event.get("cost_usd") is not None:
            assert json.loads(found["langfuse.observation.cost_details"]) == {"total": event.get("cost_usd")}
    assert {span.failed for span in calls} == {True, False}


def test_names_are_those_that_are_published(sent: Sent) -> None:
    """Every attribute, event and metric is in the conventions, of the type that it has there, or in a space of OpenInference, Langfuse or
    our own; operations and providers have well-known values."""
    values = [
        pair
        for span in sent.live.spans
        for found in (span.attributes, *(e for name, e in span.events if name != "retry"))
        for pair in found.items()
    ]
    foreign = ("tau2.", "llm.", "langfuse.", "openinference.", "input.", "output.", "tool.name", "agent.name")
    for name, value in values:
        if not name.startswith(foreign):
            assert type(value) is PYTHON_TYPES[ATTRIBUTES[name]], name
    assert len({name for name, _ in values if name.startswith("gen_ai.")}) >= 18
    assert {value for name, value in values if name == "gen_ai.operation.name"} == {"invoke_agent", "chat", "execute_tool"} <= OPERATIONS
    assert set(semconv.PROVIDERS.values()) <= PROVIDERS
    assert {(metric.name, metric.unit) for metric in semconv.METRICS} <= METRICS.items()
    assert {name for name, _ in sent.live.points()} == {metric.name for metric in semconv.METRICS}
    assert sent.live.scopes == {("tau2_logging", "https://opentelemetry.io/schemas/1.41.1")}
    assert {resource["service.name"] for resource in sent.live.resources} == {"tau2_logging"}


def test_metrics_add_up_to_the_log(sent: Sent) -> None:
    """Counts and sums of durations, first chunks and tokens, however the endpoint groups them."""
    calls = of(sent.events, *MODEL_CALL_TYPES)
    totals: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for (name, attributes), (count, total) in sent.live.points().items():
        kind = dict(attributes).get("gen_ai.token.type", "")
        totals[name + kind][0] += count
        totals[name + kind][1] += total
    for metric, name, scale in (
        ("gen_ai.client.operation.duration", "duration_ms", 1000),
        ("gen_ai.client.operation.time_to_first_chunk", "ttft_ms", 1000),
        ("gen_ai.client.token.usageinput", "input_tokens", 1),
        ("gen_ai.client.token.usageoutput", "output_tokens", 1),
    ):
        values = [float(value) for call in calls if (value := call.get(name)) is not None]
        assert totals[metric] == [len(values), pytest.approx(sum(values) / scale)]
    live, later = sent.live.points(), sent.later.points()
    assert live.keys() == later.keys()
    assert all(later[key] == pytest.approx(live[key]) for key in live)


def test_what_was_said_goes_along_only_where_it_is_asked_for(sent: Sent) -> None:
    """With it, messages have the conventions' shape and tools their arguments; without it nothing of it; never a key."""
    assert {name for span in sent.later.spans for name in span.attributes} & CONTENT == set()
    assert SECRET not in repr(sent.live.spans)
    calls = [span for span in sent.live.spans if span.name == "chat gpt-4.1" and not span.failed]
    for span in calls:
        messages = json.loads(span.attributes["gen_ai.input.messages"])
        (reply,) = json.loads(span.attributes["gen_ai.output.messages"])
        assert messages[0]["role"] == "system"
        assert all(set(message) >= {"role", "parts"} and all("type" in part for part in message["parts"]) for message in messages)
        assert reply["finish_reason"] in ("stop", "tool_call", "length")
        assert (reply["finish_reason"] == "tool_call") == (reply["parts"][-1]["type"] == "tool_call")
    for root in (span for span in sent.live.spans if not span.parent):
        own = sorted((c for c in calls if (c.trace, c.attributes["tau2.type"]) == (root.trace, "llm_call")), key=lambda c: c.start_ns)
        if not own:  # the server refused the first call, and the second attempt
            continue
        shown = [root.attributes.get("input.value"), root.attributes.get("output.value")]
        asked, answered = (json.loads(own[0].attributes["gen_ai.input.messages"]), json.loads(own[-1].attributes["gen_ai.output.messages"]))
        texts = [[part["content"] for part in talk[-1]["parts"] if part["type"] == "text"] for talk in (asked, answered)]
        assert shown == ["".join(text) or None for text in texts]
    tools = [span for span in sent.live.spans if span.name.startswith("execute_tool")]
    assert len(calls) > 4  # which simulations the refusals end depends on the order of arrival
    assert tools
    assert all(isinstance(json.loads(span.attributes["gen_ai.tool.call.arguments"]), dict) for span in tools)


def test_the_reward_is_an_evaluation_result(sent: Sent) -> None:
    """On the span of each simulation that was scored: name, value and label as the conventions have them; for Langfuse a tag."""
    rewards = [end.get("reward") for end in of(sent.events, "task_end") if end.get("reward") is not None]
    found = [event for span in sent.live.spans for name, event in span.events if name == "gen_ai.evaluation.result"]
    assert sorted(event["gen_ai.evaluation.score.value"] for event in found) == sorted(rewards)
    assert all((event["gen_ai.evaluation.score.label"] == "pass") == (event["gen_ai.evaluation.score.value"] == 1) for event in found)
    ends = [(end.get("status"), end.get("reward")) for end in of(sent.events, "task_end")]
    outcomes = Counter(status if status != "ok" else "pass" if reward == 1 else "fail" for status, reward in ends)
    tags = Counter(tuple(span.attributes["langfuse.trace.tags"]) for span in sent.live.spans if not span.parent)
    assert tags == {("mock", str(outcome)): count for outcome, count in outcomes.items()}


def test_an_endpoint_that_is_not_there_is_said_once_and_costs_nothing(tmp_path: Path) -> None:
    """The run ends well, the log has every line that it has without --otlp, and one warning says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    code, printed = run_quietly(scripted(tmp_path / "with", num_tasks=3, otlp=f"http://user:{SECRET}@127.0.0.1:{port}"))
    assert code == 0
    assert printed.count("does not take spans") == 1
    assert "--log_file ... --otlp" in printed
    assert SECRET not in printed
    run_quietly(scripted(tmp_path / "without", num_tasks=3))
    types = [Counter(event.type for event in RunFiles(tmp_path / name).events("mock")) for name in ("with", "without")]
    assert types[0] == types[1]
    everything = (tmp_path / "with" / "eval_mock.log").read_text()
    assert "opentelemetry" not in everything
    assert SECRET not in everything


def test_spans_wait_for_an_endpoint_that_comes_up_late(sent: Sent) -> None:
    """What was refused at first is sent again later in the run: nothing is lost, one warning was said."""
    said: list[str] = []
    with Receiver(status=503) as late:
        sink = OtlpSink(late.url, 0, say=said.append)
        for event in sent.events:
            sink.write_event(event)
        while not late.requests:
            time.sleep(0.05)
        late.status = 200
        sink.close()
        sink.close()
    assert len(by_id(late.spans)) == len(sent.later.spans) == sink.sent
    assert (sink.unsent, len(said)) in ((0, 0), (0, 1))


def test_an_endpoint_that_never_answers_does_not_hold_up_the_end(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its time, then it is left: every span counts as unsent, and the one warning says that no answer came."""
    monkeypatch.setattr(otlp, "PATIENCE_S", 0.5)
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = OtlpSink(f"http://127.0.0.1:{silent.getsockname()[1]}", 0, say=said.append)
        for event in sent.events:
            sink.write_event(event)
        started = time.monotonic()
        sink.close()
        assert time.monotonic() - started < otlp_sender.TIMEOUT_S  # the sender's own patience, which would be the end of it otherwise
    while not said and time.monotonic() < started + LONG_S:
        time.sleep(0.05)
    assert (sink.sent, sink.unsent) == (0, len(sent.later.spans))
    assert "no answer before the end of the run" in said[0]
    assert len(said) == 1


@pytest.mark.parametrize("status", [401, 500])
def test_a_log_that_an_endpoint_refuses_ends_in_one_line(sent: Sent, status: int, tmp_path: Path, capsys: Any) -> None:
    """With the reason, and exit code 2."""
    with Receiver(status=status) as refusing, pytest.raises(SystemExit) as left:
        analyze_timing.main(["--log_file", str(sent.log), "--output_dir", str(tmp_path), "--format", "json", "--otlp", refusing.url])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert "does not take spans" in said
    assert said.count("\n") == 1
