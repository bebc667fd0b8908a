"""Every table of one run as text, by the groups that `--tables` takes: one list for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports.text.sections.comparison_sections import comparison_sections
from tau2_logging.analysis.reports.text.sections.cost_sections import cost_sections
from tau2_logging.analysis.reports.text.sections.latency_sections import latency_sections, voice_sections
from tau2_logging.analysis.reports.text.sections.run_sections import rejected_section, run_sections
from tau2_logging.analysis.reports.text.sections.section import Section
from tau2_logging.analysis.reports.text.sections.server_sections import server_sections
from tau2_logging.analysis.reports.text.sections.time_sections import time_sections
from tau2_logging.analysis.reports.text.sections.trouble_sections import trouble_sections

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

DEEP = "deep"
GROUPS = ("run", "latency", "voice", "time", "servers", "cost", "trouble", "compare", DEEP)
"""Groups of tables, by the names that `--tables` takes; `deep` are those of the deep analysis."""


def all_sections(log: RunLog, options: ReportOptions, groups: Sequence[str] = GROUPS) -> Iterator[Section]:
    """Yield every section of some groups that has something to say, in the order of reading."""
    makers: dict[str, Callable[[], Iterator[Section]]] = {
        "run": lambda: run_sections(log, options),
        "latency": lambda: latency_sections(log, options),
        "voice": lambda: voice_sections(log),
        "time": lambda: time_sections(log),
        "servers": lambda: server_sections(log),
        "cost": lambda: cost_sections(log, options),
        "trouble": lambda: trouble_sections(log, options),
        "compare": lambda: comparison_sections(log, options),
    }
    yield from (found for group in makers if group in groups for found in makers[group]() if found.rows)
    rejected = rejected_section(log)
    yield from [rejected] if rejected.rows else []
