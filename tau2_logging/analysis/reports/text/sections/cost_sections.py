"""Tokens and money, by role, by expert, and on other models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.costs.prices import default_prices
from tau2_logging.analysis.measures.provenance import only_failed_note
from tau2_logging.analysis.reports.text.sections.section import MOST_ROWS, Section, Show, section, text
from tau2_logging.units import count, share
from tau2_logging.units import milliseconds as ms
from tau2_logging.units import money as usd

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog


def cost_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield tokens and money."""
    date = (options.prices or default_prices()).date
    note = f"Prices as logged by the run, else from the table of {date}. A price that is not known is unknown, never 0."
    note = " ".join([note, *only_failed_note(log)])
    yield section("Cost", _dearest_first(log.costs(prices=options.prices)), COST_COLUMNS, note, key=True)
    yield section(
        "Experts", _dearest_first(log.experts(options.prices)), EXPERT_COLUMNS, "Share of the total time of all simulations.", key=True
    )
    if options.price_as:
        table = log.priced_as(options.price_as, options.prices)
        shows: dict[str, tuple[str, Show]] = {
            "model": ("model", text), "agent_usd": ("agent", usd), "benchmark_usd": ("benchmark", usd), "all_usd": ("all", usd),
            "known_usd": ("of the calls with known price", usd), "unknown_calls": ("calls of unknown price", count),
        }  # fmt: skip
        yield section("The same tokens on other models", table, shows, f"Prices of {date}.")


def _dearest_first(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it is, or, if not all of it is shown, what cost most at its head; calls of unknown price go before them."""
    if len(table) <= MOST_ROWS:
        return table
    return table.sort_values(["cost_usd", "calls"], ascending=False, na_position="first", kind="stable", ignore_index=True)


COST_COLUMNS: dict[str, tuple[str, Show]] = {
    "side": ("cost of", text), "role": ("role", text), "model": ("model", text), "calls": ("calls", count),
    "errors": ("errors", count),
    "input_tokens": ("input", count), "cached_tokens": ("cached", count), "output_tokens": ("output", count),
    "reasoning_tokens": ("reasoning", count), "cost_usd": ("cost", usd), "unknown_calls": ("calls of unknown price", count),
}  # fmt: skip
EXPERT_COLUMNS: dict[str, tuple[str, Show]] = {
    "expert": ("expert", text), "model": ("model", text), "calls": ("calls", count), "errors": ("errors", count),
    "mean_ms": ("mean ms", ms), "p95_ms": ("p95", ms), "share": ("share", share), "input_tokens": ("input", count),
    "output_tokens": ("output", count), "cost_usd": ("cost", usd), "unknown_calls": ("calls of unknown price", count),
}  # fmt: skip
