"""Results files of real runs, read without their log: the figures are those of the file, and of the log that was left aside."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.recordings import load_results
from tau2_logging.cli import analyze_timing
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.runner.settings.config import ModelChoice
from tests.support.by_hand import checked_actions, figures, reference_actions
from tests.support.by_hand_checks import check_deep, check_log
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


def test_figures_are_those_of_the_file(both: Both) -> None:
    """Calls, tokens, money, tool errors, latencies, rewards, recall and pass^k: worked out from the JSON alone, and as tau2 noted them."""
    found = figures(both.data)
    check_log(found, both.read)
    check_deep(found, both.data, both.file)
    assert found.tokens["prompt_tokens"] > 1000
    assert sum(errors for _, errors in found.tools.values()) > 0
    assert checked_actions(both.data) == reference_actions(both.data)
    recorded = {(one["task_id"], one["trial"]): one for one in both.data["simulations"]}
    for row in both.read.simulations.to_dict("records"):
        one = recorded[row["task"], int(row["trial"])]
        if one["agent_cost"] is not None:  # tau2 gives up the sum where a message of the history has no price
            assert row["cost_usd"] == pytest.approx(one["agent_cost"] + one["user_cost"], abs=1e-8)


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
    assert {path.name for path in out.iterdir()} >= {"stats.json", "deep.json", "trace.pftrace.gz", "speedscope.json"}
    assert "not in these files: time to first token" in said.err
    assert "upper bound" in said.err
    with pytest.raises(SystemExit) as left:
        analyze_timing.main([*words, "--log_file", "x.log"])
    assert left.value.code == 2
    assert "--results replaces the log" in capsys.readouterr().err
