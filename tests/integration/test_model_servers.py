"""Runs on model servers: which gets which simulation, what is known of them afterwards, and what happens when one dies."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tau2_logging.analysis import load_log
from tau2_logging.errors import UserError
from tau2_logging.events import MODEL_CALL_TYPES, Event
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.endpoints import Endpoint, Endpoints
from tau2_logging.models.servers.server_settings import ModelServerSettings as Settings
from tau2_logging.models.simulated_server import Exchange, Reply, ServerSettings, SimulatedServer
from tau2_logging.runner.model_calls.preflight import check
from tau2_logging.runner.model_calls.routing import Routing
from tau2_logging.runner.model_calls.server_questions import agent_llm
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tests.support.command import start_local
from tests.support.in_process import run_quietly, scripted
from tests.support.patience import LONG_S
from tests.support.processes import with_word
from tests.support.run_files import RunFiles, by_simulation, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
litellm = pytest.importorskip("litellm")

SERVED = ModelChoice("hosted_vllm/sim")
TASKS = ("create_task_1", "update_task_1")
TTFT_MS, ITL_MS, BATCH = 150.0, 1.0, 2


@dataclass(frozen=True)
class Done:
    """A run that has ended, and the journals of the servers it used."""

    log: Path
    code: int
    printed: str
    events: list[Event]
    journals: dict[str, list[Exchange]]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """16 simulations, 12 at a time, of agent and user on two servers that work on two requests at a time."""
    folder = tmp_path_factory.mktemp("crowded")
    served = ServerSettings(ttft_ms=TTFT_MS, itl_ms=ITL_MS, batch_size=BATCH)
    with SimulatedServer(served) as one, SimulatedServer(served) as two:
        settings = Settings(endpoints=(one.url, two.base_url), metrics_interval=0.2)
        models = {"agent_model": SERVED, "user_model": SERVED, "judge_model": None}
        code, printed = run_quietly(scripted(folder, servers=settings, task_ids=TASKS, num_trials=8, max_concurrency=12, **models))
        journals = {server.endpoint: [seen for seen in server.journal if seen.path.endswith("completions")] for server in (one, two)}
    return Done(folder / "tau2_mock.log", code, printed, RunFiles(folder).events("mock"), journals)


def calls(events: list[Event]) -> list[Event]:
    return of(events, *MODEL_CALL_TYPES)


def test_every_call_goes_to_a_server_and_every_simulation_stays_at_one(crowded: Done) -> None:
    """Half of the simulations each, and the servers have seen just the calls that the log tells of."""
    assert crowded.code == 0, crowded.printed
    homes = {key: {call.get("endpoint") for call in calls(events)} for key, events in by_simulation(crowded.events).items()}
    assert [len(home) for home in homes.values()] == [1] * 16
    shares = Counter(next(iter(home)) for home in homes.values())
    assert max(shares.values()) - min(shares.values()) <= 4
    logged = Counter(call.get("endpoint") for call in calls(crowded.events))
    assert logged == {endpoint: len(journal) for endpoint, journal in crowded.journals.items()}


def test_queueing_and_prefill_are_told_apart(crowded: Done) -> None:
    """Their means in the analysis are those of the server's own journal within 20 ms, and TTFT at the client is their sum."""
    table = load_log(crowded.log).model_servers().set_index("endpoint")
    for endpoint, journal in crowded.journals.items():
        row = table.loc[endpoint]
        queue_ms = sum(seen.queue_ms or 0 for seen in journal) / len(journal)
        ttft_ms = sum(seen.ttft_sent_ms or 0 for seen in journal) / len(journal)
        assert row["requests"] == len(journal) == row["calls"]
        assert queue_ms > 20  # the test is of a server that queues: longer than what is allowed for below
        assert abs(row["queue_mean_ms"] - queue_ms) <= 20
        assert abs(row["prefill_mean_ms"] - (ttft_ms - queue_ms)) <= 20
        assert row["prefill_mean_ms"] >= TTFT_MS - 1
        assert abs(row["ttft_mean_ms"] - ttft_ms) <= 20
        assert row["client_ttft_mean_ms"] >= row["ttft_mean_ms"] - 20
        assert row["peak_running"] == BATCH
        assert row["peak_waiting"] >= 1
        assert 0 < row["prefix_hit_share"] < 1


def test_the_figures_begin_before_the_first_simulation_and_end_after_the_last(crowded: Done) -> None:
    """Sampled all along, numbered, counters never falling, and nothing after run_end."""
    for endpoint in crowded.journals:
        samples = [event for event in of(crowded.events, "server_metrics") if event.get("endpoint") == endpoint]
        assert [sample.get("sample") for sample in samples] == list(range(len(samples)))
        assert len(samples) >= 3
        finished = [int(sample.get("e2e_count") or 0) for sample in samples]
        assert finished == sorted(finished)
        assert (finished[0], finished[-1]) == (0, len(crowded.journals[endpoint]))
        assert {sample.get("model") for sample in samples} == {"sim"}
    types = [event.type for event in crowded.events]
    assert types.index("server_metrics") < types.index("task_start")
    assert types[-1] == "run_end"


def serving(folder: Path, servers: int) -> tuple[str, ...]:
    """A run on simulated servers that it starts itself; their command lines hold the folder's name."""
    return (
        "--domains", "mock", "--task-ids", *TASKS, "--num-trials", "6", "--max-concurrency", "4", "--no-progress", "--log-dir", str(folder),
        "--run-name", "r", "--serve", "sim", "--user-llm", "hosted_vllm/sim", "--num-servers", str(servers), "--start-port", "18700",
        "--serve-command", f"{sys.executable} -m tau2_logging.models.simulated_server serve",
        "--serve-args", f"--ttft-ms 150 --journal {folder}/journal.jsonl",
    )  # fmt: skip


@pytest.mark.parametrize(("servers", "code", "statuses"), [(2, 0, {"ok"}), (1, 1, {"ok", "error"})])
def test_a_server_is_killed_in_the_middle(servers: int, code: int, statuses: set[str], tmp_path: Path) -> None:
    """Of two: its simulations go on at the other and all finish. Of one: those under way end with an error that says what happened, at
    once, and those to come are not begun. Either way the run ends, and no process is left behind."""
    process = start_local(*serving(tmp_path, servers))
    log = tmp_path / "tau2_mock.log"
    deadline = time.monotonic() + LONG_S
    while not (log.exists() and "type=task_end" in log.read_text()) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    assert process.stdout is not None
    victim = re.search(r"model server 0: (\S+), pid (\d+)", process.stdout.readline())
    assert victim is not None
    os.kill(int(victim[2]), signal.SIGKILL)
    printed, errors = process.communicate(timeout=LONG_S)
    assert (process.returncode, "Traceback" in errors) == (code, False), errors + printed
    assert with_word(str(tmp_path)) == []
    events = RunFiles(tmp_path).events("mock")
    ends = of(events, "task_end")
    assert len(ends) == len(of(events, "task_start"))
    assert (len(ends) == 12) is (servers == 2)
    assert {end.get("status") for end in ends} == statuses
    (down,) = of(events, "server_down")
    assert down.get("endpoint") == victim[1]
    assert "exit code 137 (SIGKILL)" in str(down.get("error_message"))
    assert str(down.get("error_message")) in printed
    if servers == 1:
        said = [str(end.get("error_message")) for end in ends if end.get("status") == "error"]
        assert len(said) <= 4  # as many as are in flight
        assert all("no server is left" in text and "server_0.log" in text for text in said)
        assert "stopped: no server is left" in printed
        assert "--resume" in printed
        assert [end.get("pending") for end in of(events, "run_end")] == [12 - len(ends)]
        assert {end.get("reward") for end in ends if end.get("status") == "error"} == {None}
    else:
        moved = [key for key, seen in by_simulation(events).items() if len({call.get("endpoint") for call in calls(seen)}) == 2]
        assert moved
        failed = [call for call in calls(events) if call.get("error")]
        again = [call for call in calls(events) if int(call.get("attempt") or 0) > 1]
        assert len(again) == len(failed) >= len(moved)  # after a pause, or at once and plainly where a stream broke off
        assert len(of(events, "retry")) <= len(failed)


def checked(*endpoints: str, **models: ModelChoice) -> tuple[int, str]:
    """Exit code of --check, and what it prints."""
    out = io.StringIO()
    settings = Settings(endpoints=endpoints) if endpoints else None
    code = check(RunConfig(domains=("mock",), servers=settings, **models), Console(file=out, width=100))
    return code, out.getvalue()


def row(printed: str, at: str) -> list[str]:
    """up, listed, answers, tools, streams, usage of the model at a place."""
    lines = printed.splitlines()
    line = lines[next(number for number, text in enumerate(lines) if at in text) - 1]
    return re.findall(r"yes|no(?= )", line)


def test_the_preflight_finds_what_each_server_can_do() -> None:
    """Streams or not, in a way that can be used: one that does not count the tokens of its streams is asked plainly, as by a run. A server
    that can be used at all makes the check succeed."""
    with (
        SimulatedServer(ServerSettings()) as able,
        SimulatedServer(ServerSettings(can_stream=False)) as whole,
        SimulatedServer(ServerSettings(stream_usage=False)) as silent,
    ):
        code, printed = checked(able.url, whole.url, silent.url, agent_model=SERVED)
    assert code == 0
    assert row(printed, able.endpoint) == ["yes"] * 6
    assert row(printed, whole.endpoint) == ["yes", "yes", "yes", "yes", "no", "yes"]
    assert row(printed, silent.endpoint) == ["yes", "yes", "yes", "yes", "no", "yes"]
    assert "every model is usable" in printed


def test_the_preflight_fails_for_a_server_that_is_not_there_or_does_not_answer() -> None:
    """And says what is wrong with each."""
    with SimulatedServer(ServerSettings()) as able, SimulatedServer(ServerSettings(faults={"server_error": 1.0})) as ill:
        code, printed = checked(able.url, ill.url, "http://127.0.0.1:9", agent_model=SERVED)
    assert code == 1
    assert f"hosted_vllm/sim at {ill.endpoint}: InternalServerError" in printed
    assert "hosted_vllm/sim at 127.0.0.1:9: connection refused" in printed
    assert "2 of 4 cannot be used" in printed


def test_the_preflight_knows_the_scripted_models() -> None:
    """The default run can always be made."""
    code, printed = checked()
    assert code == 0
    assert printed.count("- usable") == 2


def test_the_agents_model_is_the_only_one_that_is_served() -> None:
    """Asked of the endpoints when none is named; of several, the person has to choose."""
    with SimulatedServer(ServerSettings(models=("qwen",))) as one, SimulatedServer(ServerSettings(models=("qwen", "llama"))) as two:
        assert agent_llm(Settings(endpoints=(one.url, "127.0.0.1:9"))) == "hosted_vllm/qwen"
        with pytest.raises(UserError, match=r"the endpoints serve llama, qwen; choose one with --agent-llm"):
            agent_llm(Settings(endpoints=(one.url, two.url)))


def test_only_calls_that_have_no_address_of_their_own_are_routed() -> None:
    """Sync and async; a server that answers with an error is asked how it is, and stays; taken off, the layer leaves nothing."""
    ask: dict[str, Any] = {"model": "hosted_vllm/sim", "messages": [{"role": "user", "content": "hello"}], "max_retries": 0}
    before = litellm.completion
    looked: list[str] = []
    with SimulatedServer(ServerSettings()) as ours, SimulatedServer(ServerSettings()) as theirs:
        endpoints = Endpoints([Endpoint(Address.of(ours.url), ("sim",))], lambda one: looked.append(one.name), lambda one: None)
        layer = Routing(endpoints, ["hosted_vllm/sim"])
        layer.install()
        try:
            litellm.completion(**ask)
            asyncio.run(litellm.acompletion(**ask))
            litellm.completion(**ask, api_base=theirs.base_url)
            ours.script(Reply(fault="server_error"))
            with pytest.raises(litellm.InternalServerError):
                litellm.completion(**ask)
        finally:
            layer.uninstall()
        assert (len(ours.journal), len(theirs.journal)) == (3, 1)
    assert looked == [ours.endpoint]
    assert litellm.completion is before


def test_a_model_that_no_server_has_is_refused_with_those_they_have() -> None:
    """Before anything is run."""
    with (
        SimulatedServer(ServerSettings(models=("qwen", "llama"))) as server,
        pytest.raises(UserError, match=r"no server has model 'sim'; they serve llama, qwen: write hosted_vllm/llama"),
    ):
        checked(server.url, agent_model=SERVED)
    with pytest.raises(UserError, match="no role uses the model servers"):
        checked("http://127.0.0.1:9")
    with pytest.raises(UserError, match="no --endpoint answers"):
        checked("http://127.0.0.1:9", agent_model=SERVED)
