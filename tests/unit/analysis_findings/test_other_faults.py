"""The finding that failures are not the agent's: told first if rules say so of enough of them, and not if all are the agent's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.findings.ranked import findings_of
from tau2_logging.analysis.recordings import load_results
from tau2_logging.analysis.reports.text.fault_line import fault_line
from tests.support.recordings import write
from tests.unit.analysis_deep.test_fault_rules import APPLY


def _file(folder: Path, *rules: str, solved: int = 0) -> Path:
    """A results file whose failed simulations are those of the rules' own examples, one a task, beside solved ones."""
    tasks: list[Any] = []
    simulations: list[Any] = []
    for number, rule in enumerate(rules):
        data = APPLY[rule][1]
        tasks.append({**data["tasks"][0], "id": str(number)})
        simulations.append({**data["simulations"][0], "task_id": str(number)})
    for number in range(solved):
        tasks.append({"id": f"good{number}"})
        simulations.append({"task_id": f"good{number}", "trial": 0, "reward_info": {"reward": 1.0}, "messages": []})
    return write(folder / "results.json", {**APPLY[rules[0]][1], "tasks": tasks, "simulations": simulations})


def test_it_stands_first_with_its_numbers_and_the_agents_own_success(tmp_path: Path) -> None:
    hung_up, other = "hung up before the agent could act", "extra change"
    path = _file(tmp_path, hung_up, hung_up, other, other, other, solved=2)
    log, deep = load_results([path])[0], LogAnalyzer(path)
    first = findings_of(log, deep)[0]
    assert first.key == "not_the_agents"
    assert first.sentence == "2 of 5 failures are not the agent's but the user simulator's. Leaving these out, it solves 40%, not 29%."
    assert [names[1] for names in first.proof.simulations] == ["0", "1"]
    assert fault_line(deep.recorded) == ["Whose fault, by rules: agent in 3 failures, user simulator in 2"]


def test_failures_of_the_agent_alone_are_no_finding(tmp_path: Path) -> None:
    path = _file(tmp_path, "extra change", "extra change", "hung up before the agent could act")
    log, deep = load_results([path])[0], LogAnalyzer(path)
    assert "not_the_agents" not in {one.key for one in findings_of(log, deep)}
    alone = LogAnalyzer(_file(tmp_path, "extra change", "other arguments"))
    assert fault_line(alone.recorded) == []
