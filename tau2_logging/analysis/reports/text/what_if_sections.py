"""The answers to `--what-if`, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports.text.sections import Section
from tau2_logging.units import duration, money

if TYPE_CHECKING:
    from tau2_logging.analysis.what_if import Forecast

_TIMES = ["what if", "wall time", "then", "90 % range", "change"]
_COSTS = ["cost", "then it costs"]


def what_if_sections(forecasts: Sequence[Forecast]) -> Iterator[Section]:
    """One table of all questions, then what each answer rests on; nothing if none was asked."""
    if not forecasts:
        return
    columns = _TIMES + (_COSTS if any(one.changes_money for one in forecasts) else [])
    rows = [[*_times(one), *_costs(one)][: len(columns)] for one in forecasts]
    yield Section("What if", columns, rows, frozenset(columns[1:]), key=True)
    yield Section("What the answers rest on", ["reason", "for"], list(_reasons(forecasts)), key=True)


def _reasons(forecasts: Sequence[Forecast]) -> Iterator[list[str]]:
    """Each sentence once, with the questions that it belongs to."""
    found: dict[str, list[str]] = {}
    for one in forecasts:
        for sentence in one.rests_on:
            found.setdefault(sentence, []).append(one.what_if)
    for sentence, questions in found.items():
        yield [sentence, "all" if len(questions) == len(forecasts) else "; ".join(questions)]


def _times(one: Forecast) -> list[str]:
    before, after = one.wall_before_ms, one.wall_after_ms
    if after == before == one.low_ms:
        return [one.what_if, duration(before), "the same", "", ""]
    change = f"{after / before - 1:+.0%}" if before else ""
    return [one.what_if, duration(before), duration(after), f"{duration(one.low_ms)} to {duration(one.high_ms)}", change]


def _costs(one: Forecast) -> list[str]:
    return [money(one.money_before_usd), money(one.money_after_usd)] if one.changes_money else ["", ""]
