"""What model servers tell of each call, by OpenTelemetry spans: one event for each call, of every role, with the server's own figures."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.reports import csv_tables, stats_json
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.timeline.replay import replay
from tau2_logging.errors import UserError
from tau2_logging.events import MODEL_CALL_TYPES, Event
from tau2_logging.events.kinds import SERVER_CALL_MS
from tau2_logging.events.traces import TraceBuilder
from tau2_logging.models.servers.server_settings import ModelServerSettings as Settings
from tau2_logging.models.simulated_server import Exchange, ServerSettings, SimulatedServer
from tau2_logging.runner.settings.config import ModelChoice
from tests.support.executors import essence
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, of
from tests.support.server_spans import free_port

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytest.importorskip("litellm")
pytest.importorskip("opentelemetry.proto", reason="pip install -r requirements-otel.txt")

SERVED = ModelChoice("hosted_vllm/sim")
ROLES: dict[str, Any] = {"agent_model": SERVED, "user_model": SERVED, "judge_model": None}
TASKS = ("create_task_1", "update_task_1")
PREFILL_MS = 60.0
SUMS = {
    "server_queue_ms": "queue",
    "server_ttft_ms": "ttft",
    "server_prefill_ms": "prefill",
    "server_decode_ms": "decode",
    "server_e2e_ms": "e2e",
}


@dataclass(frozen=True)
class Done:
    """A run that has ended: its log, what was printed, and the journal of the server it used."""

    folder: Path
    printed: str
    journal: list[Exchange]

    @property
    def log(self) -> Path:
        return self.folder / "tau2_mock.log"

    @property
    def events(self) -> list[Event]:
        return RunFiles(self.folder).events("mock")

    def of(self, *types: str) -> list[Event]:
        return of(self.events, *types)


def run(folder: Path, concurrency: int = 1, places: int = 4, traced: bool = True, **how: Any) -> Done:
    """Twelve simulations on a server of so many places, which sends its spans every 0.3 s."""
    port = free_port()
    served = ServerSettings(
        ttft_ms=PREFILL_MS, itl_ms=1.0, batch_size=places, traces_endpoint=f"http://127.0.0.1:{port}/v1/traces" if traced else None,
        traces_every_s=0.3,
    )  # fmt: skip
    with SimulatedServer(served) as server:
        settings = Settings(endpoints=(server.url,), metrics_interval=0.5)
        receives = {"receive_traces": f"127.0.0.1:{port}"} if traced else {"trace_header": False}
        config = {"task_ids": TASKS, "num_trials": 6, "max_concurrency": concurrency, "servers": settings, **ROLES, **receives, **how}
        code, printed = run_quietly(scripted(folder, **config))
        assert code == 0, printed
        return Done(folder, printed, [seen for seen in server.journal if seen.path.endswith("completions")])


@pytest.fixture(scope="module", params=[1, 4, 12], ids="{} at a time for 4".format)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Runs in which nobody waits, and in which many do."""
    return run(tmp_path_factory.mktemp("told"), request.param)


def test_each_call_of_each_role_has_one_event_in_its_place(done: Done) -> None:
    """Agent's and user's: by span, with the call's parent, task, trial, step, model and endpoint; before run_end; and it is said."""
    calls = {call.get("span"): call for call in done.of(*MODEL_CALL_TYPES)}
    told = done.of("server_call")
    assert {call.type for call in calls.values()} == {"llm_call", "user_sim"}
    assert Counter(event.get("span") for event in told) == Counter(list(calls))
    for event in told:
        call = calls[event.get("span")]
        assert event.task == call.task
        assert all(event.get(name) == call.get(name) for name in ("domain", "trial", "run", "parent", "step", "model", "endpoint"))
        assert all(event.get(name) == call.get(name) for name in ("input_tokens", "output_tokens"))
    assert done.events[-1].type == "run_end"
    assert f"note: {len(calls)} of {len(calls)} successful model calls have their server's own times" in done.printed


def test_sums_are_those_of_the_servers_histograms(done: Done) -> None:
    """Of every time, within 1 %, with the same counts; and of the journal, call by call."""
    told = done.of("server_call")
    last = done.of("server_metrics")[-1]
    for name, histogram in SUMS.items():
        assert int(last.get(f"{histogram}_count") or 0) == len(told)
        total = sum(float(event.get(name) or 0) for event in told)
        rounding = 0.0005 * (len(told) + 1)
        assert total == pytest.approx(float(last.get(f"{histogram}_sum_ms") or 0), rel=0.01, abs=rounding)
    assert sorted(round(seen.queue_ms or 0, 3) for seen in done.journal) == sorted(event.get("server_queue_ms") for event in told)


def test_a_call_is_as_long_as_its_parts(done: Done) -> None:
    """Queue and prefill are TTFT, with decode they are the server's part; that is within the call, less our own queue."""
    calls = {call.get("span"): call for call in done.of(*MODEL_CALL_TYPES)}
    for event in done.of("server_call"):
        queue, ttft, prefill, decode, e2e = (
            float(event.get(f"server_{name}_ms") or 0) for name in ("queue", "ttft", "prefill", "decode", "e2e")
        )
        assert prefill >= PREFILL_MS - 1
        assert queue + prefill == pytest.approx(ttft, abs=0.002)
        assert ttft + decode <= e2e + 0.002
        call = calls[event.get("span")]
        assert e2e <= float(call.get("duration_ms") or 0) - float(call.get("queue_ms") or 0)


def test_the_analysis_tells_queue_from_prefill_and_the_rest(done: Done) -> None:
    """By role: the means of the events, the number of calls that have them, and what is left of the whole call."""
    table = load_log(done.log).waiting_at_servers().set_index("role")
    told = {event.get("span"): event for event in done.of("server_call")}
    for role, type_ in (("agent", "llm_call"), ("user", "user_sim")):
        calls = done.of(type_)
        row = table.loc[role]
        assert (row["calls"], row["told"], row["source"], row["endpoint"]) == (len(calls), len(calls), "trace", calls[0].get("endpoint"))
        for name in SERVER_CALL_MS:
            mean = sum(float(told[call.get("span")].get(name) or 0) for call in calls) / len(calls)
            assert row[name.removesuffix("_ms") + "_mean_ms"] == pytest.approx(mean)
        left = [
            float(call.get("duration_ms") or 0) - float(call.get("queue_ms") or 0) - float(told[call.get("span")].get("server_e2e_ms") or 0)
            for call in calls
        ]
        assert row["network_mean_ms"] == pytest.approx(sum(left) / len(left))


def test_waiting_is_told_from_prefill(done: Done, request: pytest.FixtureRequest) -> None:
    """One at a time: no queue worth the name. Twelve for four places: some wait for most of a prefill."""
    told = done.of("server_call")
    queues = [float(event.get("server_queue_ms") or 0) for event in told]
    concurrency = request.node.callspec.params["done"]
    if concurrency == 1:
        assert max(queues) < PREFILL_MS / 3
    if concurrency == 12:
        assert max(queues) > PREFILL_MS / 2


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The same without header, spans and receiver."""
    return run(tmp_path_factory.mktemp("plain"), 4, traced=False)


def test_trajectories_are_those_without(done: Done, plain: Done) -> None:
    """Who said and called what, rewards and how it ended are the same; without, no request had a header and no event was written."""
    expected = essence(RunFiles(plain.folder).results("mock"))
    assert essence(RunFiles(done.folder).results("mock")) == expected
    assert len(expected) == 12
    assert not any("traceparent" in seen.headers for seen in plain.journal)
    assert plain.of("server_call") == []


@pytest.mark.parametrize("done", [12], indirect=True)
def test_the_reports_hold_the_table(done: Done, tmp_path: Path) -> None:
    """In files for programs and for people; the timeline has the figures with each call."""
    log, options = load_log(done.log), ReportOptions()
    csv_tables.write(log, tmp_path, options)
    assert (tmp_path / "waiting_at_servers.csv").read_text().count("\n") == 3
    assert [row["role"] for row in stats_json.statistics(log, options)["waiting_at_servers"]] == ["agent", "user"]


@pytest.mark.parametrize("done", [12], indirect=True)
def test_the_otlp_export_has_a_span_for_each_call_still(done: Done) -> None:
    """The servers' events are no spans of ours: the servers send their own."""
    ((_, events),) = replay(load_log(done.log))
    builder = TraceBuilder(0)
    names = Counter(span.attributes["tau2.type"] for event in events for span in builder.add(event))
    assert names["llm_call"] + names["user_sim"] == len(done.journal)
    assert "server_call" not in names


def test_worker_processes(tmp_path: Path) -> None:
    """Their calls are joined in the main process, and the events say which worker made them."""
    done = run(tmp_path, concurrency=4, executor="processes", workers=1)
    calls = {call.get("span"): call for call in done.of(*MODEL_CALL_TYPES)}
    told = done.of("server_call")
    assert Counter(event.get("span") for event in told) == Counter(list(calls))
    assert all(event.get("worker") == calls[event.get("span")].get("worker") is not None for event in told)


def test_servers_that_the_run_starts_send_their_spans_to_it(tmp_path: Path) -> None:
    """--serve: a receiver on loopback, of which the servers are told; nothing is to be switched on."""
    command = (sys.executable, "-m", "tau2_logging.models.simulated_server", "serve")
    settings = Settings(serve="sim", serve_command=command, start_port=18_900, num_servers=2)
    code, printed = run_quietly(scripted(tmp_path, servers=settings, task_ids=TASKS, num_trials=2, **ROLES))
    assert code == 0, printed
    events = RunFiles(tmp_path).events("mock")
    calls = of(events, *MODEL_CALL_TYPES)
    assert Counter(event.get("span") for event in of(events, "server_call")) == Counter(call.get("span") for call in calls)
    assert f"{len(calls)} of {len(calls)} successful model calls have" in printed


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"receive_traces": "4318"}, "HOST:PORT"),
        ({"receive_traces": "127.0.0.1:x"}, "HOST:PORT"),
        ({"receive_traces": "127.0.0.1:99999"}, "HOST:PORT"),
        ({"receive_traces": "127.0.0.1:0", "profile": False}, "--no-profile"),
        ({"receive_traces": "127.0.0.1:0", "log_level": "INFO"}, "--log-level"),
        ({"receive_traces": "127.0.0.1:0", "trace_header": False}, "--no-trace-header"),
        ({"receive_traces": "192.0.2.1:4318"}, "cannot receive spans at 192.0.2.1:4318"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_run(how: dict[str, Any], word: str, tmp_path: Path) -> None:
    """In one sentence that names the flag."""
    with pytest.raises(UserError, match=word):
        run_quietly(scripted(tmp_path, task_ids=("create_task_1",), **how))
    assert not (tmp_path / "tau2_mock.log").exists()
