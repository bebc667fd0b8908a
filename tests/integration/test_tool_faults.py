"""Tools and judges that fail on purpose: what is marked, what is scored, and who is blamed."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import records
from tau2_logging.errors import UserError
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.session import run, run_in
from tau2_logging.runner.settings.config import SCRIPTED_JUDGE, ModelChoice
from tests.support.in_process import run_quietly, scripted

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

WRITES = ("cancel_pending_order", "modify_pending_order_items", "exchange_delivered_order_items", "return_delivered_order_items")
LOOK = {"action_id": "look", "name": "get_users", "arguments": {}}
CREATE = {"action_id": "new", "name": "create_task", "arguments": {"user_id": "user_1", "title": "Important Meeting"}}


def played(log_dir: Path, *faults: str, **settings: Any) -> tuple[LogAnalyzer, list[dict[str, Any]]]:
    """The analysis of a retail run whose tools have these faults, and its simulations as tau2 keeps them."""
    chosen: dict[str, Any] = {"domains": ("retail",), "num_tasks": 6, **settings}
    run_quietly(scripted(log_dir, tool_faults=faults, run_name="r", **chosen))
    (results,) = (log_dir / "runs" / "r").glob("results_*.json")
    return LogAnalyzer(log_dir / "tau2_retail.log"), json.loads(results.read_text(encoding="utf-8"))["simulations"]


def marks(analyzer: LogAnalyzer) -> Counter[str]:
    calls = records(analyzer.recorded.calls)
    return Counter(str(call["injected"]) for call in calls if isinstance(call["injected"], str))


def test_a_write_that_never_reached_its_tool_is_not_in_the_database_that_is_scored_and_the_tools_are_blamed(tmp_path: Path) -> None:
    analyzer, simulations = played(tmp_path, *(f"{tool}:error=1" for tool in WRITES))
    failed = [one for one in simulations if one["reward_info"]["reward"] < 1]
    assert len(simulations) == 6
    assert len(failed) >= 4
    assert all(not one["reward_info"]["db_check"]["db_match"] for one in failed)
    blamed = Counter((row["fault"], row["rule"]) for row in records(attribution(analyzer.recorded)))
    assert blamed == {("tools", "fault on purpose"): len(failed)}


def test_of_calls_that_were_executed_the_reward_is_as_without_faults_and_every_spoiled_answer_is_marked(tmp_path: Path) -> None:
    analyzer, simulations = played(tmp_path, "empty=0.5", "slow=0.3", "wait=0")
    assert [one["reward_info"]["reward"] for one in simulations] == [1.0] * 6
    found = marks(analyzer)
    emptied = [m for one in simulations for m in one["messages"] if m["role"] == "tool" and m["content"] in ("", "{}", "[]")]
    assert found["empty"] == len(emptied) > 3
    assert found["slow"] > 0
    assert set(found) == {"empty", "slow"}


def test_the_same_seed_hits_the_same_calls_and_another_seed_others(tmp_path: Path) -> None:
    hit = []
    for number, seed in enumerate((300, 300, 301)):
        analyzer, _ = played(tmp_path / str(number), "error=0.3", seed=seed, num_tasks=3)
        hit.append([(call["task"], call["position"]) for call in records(analyzer.recorded.calls) if call["injected"] == "error"])
    assert hit[0] == hit[1] != hit[2]
    assert hit[0]


def test_a_stale_answer_is_the_first_one_of_the_same_read(tmp_path: Path) -> None:
    harness = Tau2Harness.load()
    task = harness.tasks("mock", None)[0]
    data = task.model_dump(mode="json")
    data["evaluation_criteria"].update(actions=[LOOK, CREATE, {**LOOK, "action_id": "again"}], reward_basis=["DB"])
    config = scripted(tmp_path, tool_faults=("stale=1",), run_name="r")
    folder = run_in(config, {"mock": [type(task).model_validate(data)]})
    (simulation,) = json.loads((folder / "results_mock.json").read_text(encoding="utf-8"))["simulations"]
    first, _, second = (message["content"] for message in simulation["messages"] if message["role"] == "tool")
    assert first == second
    assert simulation["reward_info"]["reward"] == 1.0  # the task was created all the same, and the replay agrees with the record
    assert marks(LogAnalyzer(tmp_path / "tau2_mock.log")) == {"stale": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eror=0.1",), "did you mean 'error'?"),
        (("error=2",), "from 0 to 1"),
        (("error",), "cannot be read"),
        (("error=0.7", "empty=0.7"), "add up to 1.4"),
        (("get_user_detail:error=0.1",), "did you mean 'get_user_details'?"),
    ],
)
def test_faults_that_cannot_be_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        run(scripted(tmp_path, tool_faults=words, domains=("retail",)), console=Console(file=io.StringIO()))


@pytest.mark.parametrize(
    ("knob", "rule"),
    [
        ("empty_verdict", "verdict without a reason"),
        ("contradicts", "verdict against its own words"),
        ("miscounts", "other number of verdicts"),
        ("fails", "judge failed"),
    ],
)
def test_a_judge_that_fails_on_command_is_blamed(tmp_path: Path, knob: str, rule: str) -> None:
    harness = Tau2Harness.load()
    task = harness.tasks("mock", None)[0]
    data = task.model_dump(mode="json")
    data["evaluation_criteria"].update(nl_assertions=["The agent is polite."], reward_basis=["DB", "NL_ASSERTION"])
    config = scripted(tmp_path, run_name="r", judge_model=ModelChoice(SCRIPTED_JUDGE, {knob: 1.0}, named=True))
    run_in(config, {"mock": [type(task).model_validate(data)]})
    (row,) = records(attribution(LogAnalyzer(tmp_path / "tau2_mock.log").recorded))
    assert (row["fault"], row["rule"]) == ("judge", rule)
