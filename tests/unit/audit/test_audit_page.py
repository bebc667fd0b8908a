"""audit.html and audit.md hold every finding, and no text of a task becomes markup."""

from __future__ import annotations

from tau2_logging.audit.audit_files import markdown
from tau2_logging.audit.audit_page import page
from tau2_logging.audit.domain_audit import DomainAudit
from tau2_logging.audit.finding_kinds import AuditFinding
from tau2_logging.audit.task_audit import TaskAudit


def test_the_page_has_every_finding_as_text() -> None:
    idle = TaskAudit("0", "a", [AuditFinding("idle_passes", "<script>alert(1)</script>")], 1.0, {"talks": 1.0, "stops": 1.0})
    sound = TaskAudit("<b>", "b", [], 1.0, {"talks": 0.0, "stops": 0.0})
    text = page([DomainAudit("air<line", "tau2 1", [idle, sound])])
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>" not in text
    assert "<b>" not in text.replace('<b class="unsound">', "")
    assert "1 of 2 sound" in text
    assert "floor: 1 of 2 (50.0 %)" in text


def test_a_finding_is_one_row_of_audit_md_whatever_it_holds() -> None:
    evidence = "a \\| b | <img src=x>\nc `d` *e*"
    task = TaskAudit("<b>", "a", [AuditFinding("idle_passes", evidence)], 1.0, {"talks": 1.0})
    [row] = [line for line in markdown([DomainAudit("retail", "tau2 1", [task])]) if "src" in line]
    assert row == r"| \<b\> | idle\_passes | a \\\| b \| \<img src=x\> c \`d\` \*e\* |"
