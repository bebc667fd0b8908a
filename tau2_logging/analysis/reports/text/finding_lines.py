"""Findings as text: lines for a terminal, and a list in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tau2_logging.analysis.findings.finding import Finding
from tau2_logging.analysis.findings.ranked import MOST_SHOWN, findings_of
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.reports.text.markdown_table import escape
from tau2_logging.units import duration, money

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

HEADING = "Findings"


def shown_findings(log: RunLog, options: ReportOptions) -> Sequence[Finding]:
    """Return the findings that the user is shown."""
    return findings_of(log, options.deep, options.prices)[:MOST_SHOWN]


def lines_of(number: int, found: Finding, width: int) -> list[str]:
    """Return a finding for a terminal: its sentence, numbered, with what to do below it, no line wider than `width`."""
    indent = " " * len(f"{number}. ")
    return [*sentence_of(number, found, width), *wrapped(f"-> {found.advice}", indent, f"{indent}   ", width)]


def sentence_of(number: int, found: Finding, width: int) -> list[str]:
    """Return the sentence alone, numbered."""
    head = f"{number}. "
    return wrapped(found.sentence, head, " " * len(head), width)


def wrapped(text: str, first: str, rest: str, width: int) -> list[str]:
    """Return the text as lines no wider than `width`, with what is before the first and before the others."""
    return textwrap.wrap(printable(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def printable(text: str) -> str:
    """Return the text without what a terminal would act upon."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def proof_text(found: Finding) -> str:
    """Return where to look, in one sentence; what would be saved comes first."""
    parts = [saving_text(found)] if saving_text(found) else []
    if found.proof.simulations:
        parts.append(f"simulations {', '.join(':'.join(names) for names in found.proof.simulations)}")
    if found.proof.lines:
        parts.append(f"lines {', '.join(found.proof.lines)}")
    return "; ".join(parts)


def saving_text(found: Finding) -> str:
    """Return what would be saved, if that is known: `saves at most 42 s of wall time, $0.12`."""
    saves = found.saves
    parts = [] if saves.ms is None else [f"{duration(saves.ms)} of wall time"]
    parts += [] if saves.usd is None else [money(saves.usd)]
    return f"saves at most {', '.join(parts)}" if parts else ""


def heading_of(log: RunLog) -> str:
    """Return the heading; with the run if the log holds several."""
    return f"{HEADING} of {log.run_id}" if log.run_id and len(log.runs) > 1 else HEADING


def findings_as_markdown(log: RunLog, options: ReportOptions) -> str:
    """Return the findings as a numbered list under a heading; empty without any. What comes from a log is escaped."""
    items = [f"{number}. {_item(one)}" for number, one in enumerate(shown_findings(log, options), 1)]
    return f"## {escape(heading_of(log))}\n\n" + "\n".join(items) + "\n" if items else ""


def _item(found: Finding) -> str:
    more = f"\n   {escape(proof_text(found))}" if proof_text(found) else ""
    return f"**{escape(found.sentence)}**\n   {escape(found.advice)}{more}"
