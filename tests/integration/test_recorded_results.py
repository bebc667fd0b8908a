"""Results files of real runs, read without their log: the figures are those of the file, and of the log that was left aside."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.recordings import load_results
from tau2_logging.cli import analyze_timing
from tau2_logging.models.servers.simulated import ServerSettings, SimulatedServer
from tau2_logging.runner.config import ModelChoice
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN, collect_clients
from tests.support.run_files import RunFiles

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN


@dataclass
class Both:
    """A run's results file, what it amounts to as a log, and the log that the run itself wrote."""

    file: Path
    data: dict[str, Any]
    read: RunLog
    own: RunLog


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """All tasks of mock (one begins in the middle of a talk, one is spoken by both sides' tools), twice, with a priced agent."""
    log_dir = tmp_path_factory.mktemp("recorded")
    with SimulatedServer(ServerSettings(models=("gpt-4.1",), ttft_ms=2, turns=2)) as server:
        priced = ModelChoice("openai/gpt-4.1", {"api_base": server.base_url, "api_key": "sk-none"})
        run_quietly(scripted(log_dir, agent_model=priced, user_model=priced, num_trials=2))
        collect_clients()
    file = RunFiles(log_dir).only_run() / "results_mock.json"
    return Both(file, json.loads(file.read_text()), load_results([file])[0], load_log(log_dir / "tau2_mock.log"))


def spoken(both: Both) -> Iterator[tuple[dict[str, Any], datetime]]:
    """(message, when what came before it was there) of what was said and done in each simulation, tau2's own first sentence left out.

    What stood there before the simulation began has the time at which tau2 read it from its file.
    """
    told = {task["id"]: len(((task.get("initial_state") or {}).get("message_history")) or []) for task in both.data["tasks"]}
    for simulation in both.data["simulations"]:
        messages = simulation["messages"]
        first = told[simulation["task_id"]]
        for number in range(first or 1, len(messages)):
            before = simulation["start_time"] if number == first else messages[number - 1]["timestamp"]
            yield messages[number], datetime.fromisoformat(before)


def test_figures_are_those_of_the_file(both: Both) -> None:
    """Calls, tokens, money, tool errors, latencies, rewards: computed here from the JSON alone."""
    found = {"calls": Counter[str](), "tokens": Counter[str](), "errors": 0, "usd": 0.0}
    waited: dict[str, list[float]] = {"llm_call": [], "user_sim": [], "tool_call": []}
    for message, before in spoken(both):
        type_ = {"assistant": "llm_call", "user": "user_sim", "tool": "tool_call"}[message["role"]]
        found["calls"][type_] += 1
        found["errors"] += message.get("error") is True
        found["usd"] += message.get("cost") or 0.0
        found["tokens"].update(message.get("usage") or {})
        waited[type_].append((datetime.fromisoformat(message["timestamp"]) - before).total_seconds() * 1000)
    calls = both.read.calls
    assert Counter(calls["type"]) == found["calls"]
    assert calls["input_tokens"].sum() == found["tokens"]["prompt_tokens"] > 1000
    assert calls["output_tokens"].sum() == found["tokens"]["completion_tokens"]
    assert calls["cost_usd"].sum() == pytest.approx(found["usd"])
    assert calls["error"].sum() == found["errors"] > 0
    latency = both.read.latency().set_index("type")
    for type_, times in waited.items():
        assert latency.loc[type_, "mean_ms"] == pytest.approx(sum(times) / len(times), abs=0.001)
        assert latency.loc[type_, "max_ms"] == pytest.approx(max(times), abs=0.001)
    recorded = {(one["task_id"], one["trial"]): one for one in both.data["simulations"]}
    for row in both.read.simulations.to_dict("records"):
        one = recorded.pop((row["task"], int(row["trial"])))
        assert (row["reward"], row["termination"]) == (one["reward_info"]["reward"], one["termination_reason"])
        assert row["duration_ms"] == pytest.approx(one["duration"] * 1000, abs=0.001)
        if one["agent_cost"] is not None:  # tau2 gives up the sum where a message of the history has no price
            assert row["cost_usd"] == pytest.approx(one["agent_cost"] + one["user_cost"], abs=1e-8)
    assert recorded == {}


def test_the_run_s_own_log_says_the_same(both: Both) -> None:
    """What both hold is equal call by call; the time between messages is typically no less than the call that was measured."""
    key = ["task", "trial", "start_ms"]
    ended = both.own.simulations[both.own.simulations["status"] == "ok"][["task", "trial"]]  # a failed one is in no results file
    own = both.own.calls.merge(ended, on=["task", "trial"])
    own = own[own["type"].isin(("llm_call", "user_sim", "tool_call"))].sort_values(key, kind="stable")
    read = both.read.calls.sort_values(key, kind="stable")
    for name in ("task", "trial", "type", "model", "function", "requestor", "input_tokens", "output_tokens", "error", "has_tool_calls"):
        assert own[name].astype(object).where(own[name].notna(), None).tolist() == (
            read[name].astype(object).where(read[name].notna(), None).tolist()
        )
    late = read["duration_ms"].to_numpy() - own["duration_ms"].to_numpy()
    assert statistics.median(late) >= 0  # not each: messages are dated by the clock on the wall, calls timed by the monotonic one
    ok = (log.simulations[log.simulations["status"] == "ok"] for log in (both.own, both.read))
    mine, theirs = (table.set_index(["task", "trial"]).sort_index() for table in ok)
    assert len(theirs) == len(both.data["simulations"]) > 9
    for name in ("reward", "termination", "stop_token", "llm_calls", "user_calls", "tool_calls", "tool_errors"):
        assert mine[name].tolist() == theirs[name].tolist(), name


def test_the_command_reads_results_like_a_log(both: Both, tmp_path: Path, capsys: Any) -> None:
    """Tables, pictures and the deep analysis, beside another file, with what is missing said on standard error."""
    out = tmp_path / "out"
    words = ["--results", str(both.file), "--output_dir", str(out), "--format", "json", "trace", "speedscope", "--deep"]
    with pytest.raises(SystemExit) as left:
        analyze_timing.main([*words, "--compare", str(both.file)])
    said = capsys.readouterr()
    assert left.value.code == 0
    assert {path.name for path in out.iterdir()} >= {"stats.json", "deep.json", "trace.json", "speedscope.json"}
    assert "never in such files: time to first token" in said.err
    assert "upper bound" in said.err
    with pytest.raises(SystemExit) as left:
        analyze_timing.main([*words, "--log_file", "x.log"])
    assert left.value.code == 2
    assert "--results stands for the log" in capsys.readouterr().err
