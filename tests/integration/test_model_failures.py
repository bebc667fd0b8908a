"""Whose failure it is when a model gives nothing that tau2 can use: the agent's own is scored with 0, everybody else's is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.models.simulated_server import Reply, ServerSettings, SimulatedServer, ToolUse
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_USER, ModelChoice
from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.run_files import RunFiles, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN

TASK = "create_task_1"
THOUGHT = Reply(reasoning="I have to think about this for a long time", finish_reason="length")
BAD: dict[str, tuple[Reply, str]] = {
    "empty": (Reply(fault="empty_reply"), "EmptyReply"),
    "malformed": (Reply(tools=(ToolUse("create_task", '{"title": '),)), "MalformedToolCall"),
    "a list": (Reply(tools=(ToolUse("create_task", "[]"),)), "MalformedToolCall"),
    "cut while thinking": (THOUGHT, "EmptyReply"),
    "context": (Reply(fault="context_length"), "ContextWindowExceededError"),
}


class Ran:
    """A run of one task, of which one role's model fails."""

    def __init__(self, log_dir: Path, server: SimulatedServer, role: str, args: dict[str, Any], **settings: Any) -> None:
        failing = ModelChoice("openai/sim", {"api_base": server.base_url, "api_key": "sk-x", **args})
        models = {"agent_model": ModelChoice(SCRIPTED_AGENT), "user_model": ModelChoice(SCRIPTED_USER), f"{role}_model": failing}
        self.config = scripted(log_dir, task_ids=(TASK,), **models, **settings)
        self.code, self.printed = run_quietly(self.config)
        self.files = RunFiles(log_dir)
        self.requests = len(server.journal)
        (self.row,) = read_rows(self.files.only_run() / "simulations_mock.jsonl")

    @property
    def end(self) -> dict[str, Any]:
        """The fields of its task_end."""
        (event,) = of(self.files.events("mock"), "task_end")
        return dict(event.fields)


def ran(tmp_path: Path, reply: Reply, role: str, args: dict[str, Any] | None = None, **settings: Any) -> Ran:
    """A server that always answers with `reply` plays one role."""
    with SimulatedServer(ServerSettings(models=("sim",))) as server:
        server.script(*[reply] * 12)
        return Ran(tmp_path, server, role, args or {}, **settings)


@pytest.mark.parametrize("name", BAD)
def test_a_failure_of_the_agents_model_is_scored_with_0_under_its_own_name(name: str, tmp_path: Path) -> None:
    """The log, the row, the results file and the table at the end say the same; tau2 opens the results; --resume has nothing to do."""
    reply, error_type = BAD[name]
    run = ran(tmp_path, reply, "agent")
    assert run.code == 0
    assert {name: run.end.get(name) for name in ("status", "reward", "termination", "error_type")} == {
        "status": "ok", "reward": 0.0, "termination": "agent_error", "error_type": error_type,
    }  # fmt: skip
    assert {name: run.row[name] for name in ("status", "reward", "termination")} == {
        "status": "ok", "reward": 0.0, "termination": "agent_error",
    }  # fmt: skip
    assert run.row["error"].startswith(f"{error_type}: ")
    (ended,) = of(run.files.events("mock"), "run_end")
    assert {name: ended.get(name) for name in ("ok", "errors", "model_failures", "mean_reward")} == {
        "ok": 1, "errors": 0, "model_failures": 1, "mean_reward": 0.0,
    }  # fmt: skip
    assert "ended by the agent's model" in run.printed
    check_results(run)
    again, printed = run_quietly(run.config, run.files.only_run())
    assert again == 0
    assert "1 of 1 simulations are done" in printed
    assert "ended by the agent's model" in printed


def check_results(run: Ran) -> None:
    from tau2.data_model.simulation import Results

    results = Results.load(run.files.only_run() / "results_mock.json")
    (simulation,) = results.simulations
    assert simulation.termination_reason.value == "agent_error"
    assert simulation.reward_info.reward == 0.0
    assert [message.role for message in simulation.messages] == ["assistant", "user"]
    assert simulation.trial == 0
    assert results.to_df().reward.tolist() == [0.0]


@pytest.mark.parametrize(("name", "asked"), [("empty", 2), ("malformed", 2), ("cut while thinking", 2), ("context", 1)])
def test_a_deterministic_request_that_got_a_bad_answer_is_bought_only_once_more(name: str, asked: int, tmp_path: Path) -> None:
    """With tau2's own settings, which are deterministic: temperature 0 and a seed for each trial."""
    run = ran(tmp_path, BAD[name][0], "agent", max_retries=3)
    assert run.requests == asked == run.end["llm_calls"]
    assert len(of(run.files.events("mock"), "retry")) == asked - 1


@pytest.mark.parametrize("name", ["empty", "malformed", "context"])
@pytest.mark.parametrize("profile", [True, False])
def test_a_failure_of_the_users_model_is_never_the_agents(name: str, profile: bool, tmp_path: Path) -> None:
    """No reward, not in the results, named after what the call was named, told as the user's, and run again by --resume."""
    reply, error_type = BAD[name]
    run = ran(tmp_path, reply, "user", profile=profile)
    assert run.code == 1
    assert {name: run.row[name] for name in ("status", "reward", "termination")} == {
        "status": "error", "reward": None, "termination": "user_error",
    }  # fmt: skip
    assert run.row["error"].startswith(f"{error_type}: ")
    assert json.loads((run.files.only_run() / "results_mock.json").read_text())["simulations"] == []
    if profile:
        assert (run.end["status"], run.end["termination"], run.end["error_type"]) == ("error", "user_error", error_type)
        (ended,) = of(run.files.events("mock"), "run_end")
        assert (ended.get("errors"), ended.get("model_failures")) == (1, 0)


@pytest.mark.parametrize("name", BAD)
def test_without_profiling_the_score_is_the_same(name: str, tmp_path: Path) -> None:
    """What is measured does not decide what is scored."""
    reply, error_type = BAD[name]
    run = ran(tmp_path, reply, "agent", profile=False)
    assert (run.code, run.row["status"], run.row["reward"], run.row["termination"]) == (0, "ok", 0.0, "agent_error")
    assert run.row["error"].startswith(f"{error_type}: ")
    check_results(run)


def test_on_demand_a_failure_of_the_agents_model_is_an_error(tmp_path: Path) -> None:
    """As an outage is, but under its own name and termination."""
    run = ran(tmp_path, BAD["empty"][0], "agent", model_failures="error")
    assert run.code == 1
    assert (run.end["status"], run.end.get("reward"), run.end["termination"], run.end["error_type"]) == (
        "error", None, "agent_error", "EmptyReply",
    )  # fmt: skip
    (ended,) = of(run.files.events("mock"), "run_end")
    assert {name: ended.get(name) for name in ("ok", "errors", "model_failures")} == {"ok": 0, "errors": 1, "model_failures": 1}


def test_an_outage_of_the_agents_server_is_not_the_agents_failure(tmp_path: Path) -> None:
    """Neither reward nor termination."""
    run = ran(tmp_path, Reply(fault="server_error"), "agent", max_retries=1)
    assert run.code == 1
    assert (run.row["status"], run.row["reward"], run.row["termination"]) == ("error", None, None)
    assert run.end["error_type"] == "InternalServerError"


@pytest.mark.parametrize("source", ["log", "results"])
def test_the_analysis_counts_it_as_a_failure_of_the_agent_and_says_why(source: str, tmp_path: Path) -> None:
    """Scored, in pass^k, under its own status and cause, with what the call was named."""
    from tau2_logging.analysis.deep import LogAnalyzer

    run = ran(tmp_path, BAD["empty"][0], "agent")
    paths = sorted(tmp_path.glob("tau2_*.log") if source == "log" else run.files.only_run().glob("results_*.json"))
    tables = {table.kind.key: table.frame for table in LogAnalyzer(paths).tables}
    (cause,) = tables["root_causes"].to_dict("records")
    assert (cause["cause"], cause["reward"]) == ("no usable reply", 0.0)
    assert "EmptyReply" in cause["evidence"]
    (passed,) = tables["pass_k"].to_dict("records")
    assert (passed["expected_passes"], passed["of_tasks"], passed["tasks_left_out"]) == (0.0, 1, 0)
    (how,) = tables["terminations"].to_dict("records")
    assert (how["termination"], how["mean_reward"]) == ("agent_error", 0.0)
