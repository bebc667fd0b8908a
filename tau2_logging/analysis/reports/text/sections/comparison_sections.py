"""A run compared with another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.reports.text.sections.section import Section, Show, section, text
from tau2_logging.units import count, is_unknown, number, share
from tau2_logging.units import milliseconds as ms
from tau2_logging.units import money as usd

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog


def _verdict(value: Any) -> str:
    return "not measured" if is_unknown(value) else "yes" if value else "no"


def comparison_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield this run beside another."""
    if options.compare is None:
        return
    found = log.compare(options.compare)
    shows: dict[str, tuple[str, Show]] = {
        "type": ("type", text), "n": ("n", count), "n_other": ("n other", count), "tasks": ("tasks", count), "median_ms": ("median ms", ms),
        "median_other_ms": ("other", ms),
        "difference_ms": ("difference", ms), "low_ms": ("95 % CI from", ms), "high_ms": ("to", ms), "change": ("change", share),
        "p_holm": ("p (Holm)", number), "significant": ("beyond noise", _verdict),
    }  # fmt: skip
    yield section("Compared", found.latency, shows, found.note, key=True)
    yield _totals_compared(found.totals)
    changed = found.simulations[found.simulations["reward_change"].fillna(0) != 0]
    rewards: dict[str, tuple[str, Show]] = {"domain": ("domain", text), "task": ("task", text), "trial": ("trial", text),
        "reward_other": ("was", number), "reward": ("is", number)}  # fmt: skip
    yield section("Compared: changed rewards", changed, rewards, top=20)
    settings: dict[str, tuple[str, Show]] = {name: (name, text) for name in ("field", "this", "other")}
    yield section("Compared: settings that differ", found.settings, settings, key=True)


def _totals_compared(totals: pd.DataFrame) -> Section:
    """Return rewards as numbers, and money as money: a cost that is not known is unknown."""
    sides = ["this", "other", "difference"]
    rows = []
    for row in totals.to_dict("records"):
        show = usd if row["what"].endswith(" usd") else number
        rows.append([row["what"], *(show(row[side]) for side in sides)])
    return Section("Compared: reward and cost", ["what", *sides], rows, frozenset(sides), key=True)
