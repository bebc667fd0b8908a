"""What a reader must know of a record stands in every file beside the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.recall import recall_by
from tau2_logging.cli.analyze_timing import main
from tau2_logging.events import encode
from tests.unit.analysis.samples import event, llm, simulation, write


def action(name: str) -> dict[str, Any]:
    return {"action_id": name, "requestor": "assistant", "name": name, "arguments": {"id": "1"}, "compare_args": None}


def mixed_up(folder: Path) -> Path:
    """Two simulations of task 1, whose own action is `look`: one was checked against it, the other against two of another task."""
    call = {"role": "assistant", "tool_calls": [{"id": "c", "name": "look", "arguments": {"id": "1"}}], "timestamp": "2026-01-01T00:00:01"}
    result = {"role": "tool", "id": "c", "content": "ok", "error": False, "timestamp": "2026-01-01T00:00:02"}
    checks = {0: [("look", True)], 1: [("pay", True), ("send", False)]}
    runs = [
        {
            "task_id": "1", "trial": trial, "duration": 2.0, "termination_reason": "user_stop", "messages": [call, result],
            "reward_info": {"reward": 1.0, "action_checks": [{"action": action(name), "action_match": made} for name, made in told]},
        }
        for trial, told in checks.items()
    ]  # fmt: skip
    path = folder / "results.json"
    task = {"id": "1", "evaluation_criteria": {"actions": [action("look")]}}
    path.write_text(json.dumps({"info": {"environment_info": {"domain_name": "mock"}}, "tasks": [task], "simulations": runs}))
    return path


def test_where_reference_actions_do_not_fit_the_file_s_own_checks_are_used(tmp_path: Path) -> None:
    table = recall_by(LogAnalyzer(mixed_up(tmp_path)).recorded)
    assert (table["made"].tolist(), table["actions"].tolist()) == ([2], [3])


@pytest.mark.parametrize("asked", [["--log_file"], ["--results"]])
def test_a_file_in_which_tasks_are_mixed_up_says_so_in_every_report(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit):
        main([*asked, str(mixed_up(tmp_path)), "--deep", "--format", "json", "markdown", "html", "--output_dir", str(out)])
    assert "another task than the one they name" in json.dumps(json.loads((out / "deep.json").read_text())["notes"])
    for name in ("deep.md", "report.html", *(("summary.md", "stats.json") if asked == ["--results"] else ())):
        assert "another task than the one they" in (out / name).read_text(), name
    capsys.readouterr()


def test_a_log_of_a_later_format_says_so_and_is_not_strictly_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write(tmp_path, [event("run_start", None, schema=99), *simulation(calls=[llm()])])
    for strict, code in (([], 0), (["--strict"], 1)):
        with pytest.raises(SystemExit) as ended:
            main(["--log_file", str(log), "--format", "console", "json", "--output_dir", str(tmp_path / "out"), "--force", *strict])
        assert ended.value.code == code
        assert "The log has format 99" in " ".join(capsys.readouterr().out.split())
    assert load_log(log).rejected == []
    assert "format 99" in json.loads((tmp_path / "out" / "stats.json").read_text())["notes"][0]
    assert encode(llm())
