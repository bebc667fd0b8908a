"""What an audit writes of a task's texts holds no credential."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tau2_logging.audit.audit_files import write_audit, write_changes
from tau2_logging.audit.domain_audit import DomainAudit
from tau2_logging.audit.finding_kinds import AuditFinding
from tau2_logging.audit.judge_audit import JudgeAudit
from tau2_logging.audit.judge_questions import JudgeQuestion
from tau2_logging.audit.task_audit import TaskAudit
from tau2_logging.audit.task_changes import Edition, changes
from tau2_logging.runner.asked_judge import JudgeAnswer, JudgeVerdict

SECRET = "ghp_" + "a1B2c3D4e5F6" * 3


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_no_file_of_an_audit_holds_a_credential_of_a_task_or_of_a_judge(tmp_path: Path) -> None:
    judge = JudgeAudit("gpt-4.1")
    question = JudgeQuestion("sentence_left_out", (), (f"The token {SECRET} is named.",), (False,))
    judge.add("0", question, JudgeAnswer((JudgeVerdict(question.assertions[0], True, f"It says {SECRET}."),)))
    task = TaskAudit("0", "a", [AuditFinding("idle_passes", f"login(token={SECRET!r}): scores 1")], 1.0)
    files = written(write_audit([DomainAudit("retail", "tau2 1", [task], judge)], tmp_path))
    assert files.keys() == {"retail.json", "sound.json", "audit.md", "audit.html"}
    assert {name for name, text in files.items() if "scores 1" in text} == files.keys()
    assert all(SECRET not in text for text in files.values())


def test_no_file_of_changes_holds_a_credential_of_a_task(tmp_path: Path) -> None:
    def edition(name: str, said: str) -> Edition:
        task: dict[str, Any] = {"id": "0", "user_scenario": f"{said} {SECRET}", "evaluation_criteria": None}
        return Edition(name, {"retail": [task]})

    here, there = edition("here", "My token is"), edition("there", "The token is")
    files = written(write_changes(list(changes(here, there)), here, there, tmp_path))
    assert {name for name, text in files.items() if "My token is" in text} == {"changes.json", "changes.md"}
    assert all(SECRET not in text for text in files.values())
