"""Findings as report.html reads them: each with the page of its table and the simulations that prove it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from tau2_logging.analysis.findings.finding import Finding
from tau2_logging.analysis.findings.proof_tables import TABLES
from tau2_logging.analysis.reports.html.table_data import Rows, counted_rows
from tau2_logging.analysis.reports.text.finding_lines import saving_text
from tau2_logging.analysis.timeline.timeline import Timeline


def shown_in_page(found: Sequence[Finding], timeline: Timeline) -> list[dict[str, Any]]:
    """Return the findings with the names of their simulations, each with its row in the timeline."""
    rows_of = counted_rows(timeline)
    return [_shown(one, rows_of) for one in found]


def _shown(found: Finding, rows_of: Rows) -> dict[str, Any]:
    page, title = TABLES[found.proof.table]
    return {
        "sentence": found.sentence,
        "advice": found.advice,
        "saves": saving_text(found),
        "page": page,
        "table": title,
        "simulations": [[":".join(names), rows_of.get(names)] for names in found.proof.simulations],
        "lines": [_without_folder(line) for line in found.proof.lines],
    }


def _without_folder(line: str) -> str:
    return PurePath(line).name
