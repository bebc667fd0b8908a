"""docs/audit.md says of each kind of finding what the command does with it."""

from __future__ import annotations

import re
from pathlib import Path

from tau2_logging.audit.finding_kinds import KINDS
from tau2_logging.audit.mutants import MUTANT_KINDS

PAGE = (Path(__file__).resolve().parents[3] / "docs/audit.md").read_text(encoding="utf-8")


def test_the_page_has_every_finding_and_whether_it_makes_a_task_unsound() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (unsound|as before|not examined) \|", PAGE, re.MULTILINE)
    assert {kind: verdict == "unsound" for kind, verdict in rows} == {kind: about.unsound for kind, about in KINDS.items()}


def test_the_page_has_every_mutant() -> None:
    assert set(re.findall(r"^\| `(\w+)`: ", PAGE, re.MULTILINE)) == set(MUTANT_KINDS)
