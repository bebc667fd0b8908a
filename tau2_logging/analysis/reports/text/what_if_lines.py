"""The answers to `--what-if` as text: lines for a terminal, and a list in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports.text.finding_lines import wrapped
from tau2_logging.analysis.reports.text.markdown_table import escape
from tau2_logging.units import duration, money

if TYPE_CHECKING:
    from tau2_logging.analysis.what_if import Forecast

WHAT_IF, REASONS = "What if", "What the answers rest on"
_SAME = 0.005


def what_if_lines(forecasts: Sequence[Forecast], width: int) -> list[str]:
    """Return the answers for a terminal, then what they rest on, no line wider than `width`; nothing if nothing was asked."""
    answers = [line for one in forecasts for line in wrapped(answer_text(one), "- ", "  ", width)]
    reasons = [line for reason in reasons_text(forecasts) for line in wrapped(reason, "- ", "  ", width)]
    return ["", WHAT_IF, *answers, "", REASONS, *reasons, ""] if forecasts else []


def what_if_as_markdown(forecasts: Sequence[Forecast]) -> Iterator[str]:
    """Return the same as two lists, each under a heading. What comes from a log is escaped."""
    for heading, texts in ((WHAT_IF, [answer_text(one) for one in forecasts]), (REASONS, reasons_text(forecasts))):
        if forecasts:
            yield f"## {heading}\n\n" + "".join(f"- {escape(text)}\n" for text in texts)


def answer_text(one: Forecast) -> str:
    """Return `concurrency=16: wall time 7.2 s instead of 24.6 s (-71 %, likely 7.1 s to 7.3 s)`, and the cost if that was asked."""
    parts = [_time(one)] if one.changes_time else []
    if one.changes_money:
        parts.append(f"cost {money(one.money_after_usd)} instead of {money(one.money_before_usd)}")
    return f"{one.what_if}: {'; '.join(parts) or 'nothing changes'}"


def _time(one: Forecast) -> str:
    before, after = one.wall_before_ms, one.wall_after_ms
    change = after / before - 1 if before else 0.0
    shown = f"{change * 100:+.0f} %" if abs(change) >= _SAME else "no change"
    return f"wall time {duration(after)} instead of {duration(before)} ({shown}, likely {duration(one.low_ms)} to {duration(one.high_ms)})"


def reasons_text(forecasts: Sequence[Forecast]) -> list[str]:
    """Return each reason once, behind the questions that it belongs to unless those are all, all about time or all about cost."""
    found: dict[str, list[str]] = {}
    for one in forecasts:
        for sentence in one.rests_on:
            found.setdefault(sentence, []).append(one.what_if)
    groups = (forecasts, [one for one in forecasts if one.changes_time], [one for one in forecasts if one.changes_money])
    plain = [[one.what_if for one in group] for group in groups]
    return [sentence if asked in plain else f"({'; '.join(asked)}) {sentence}" for sentence, asked in found.items()]
