"""What rules look at: one run, its deep analysis if there is one, the prices in force, and the figures that several rules need."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl

from tau2_logging.analysis.measures.comparison.arms import has_arms
from tau2_logging.analysis.measures.costs.prices import FREE_PREFIXES
from tau2_logging.analysis.measures.run_time.makespan import idle_tail
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import solved
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.run_log import RunLog

Name = tuple[str, str, str]
MOST_PROOFS = 3
_LONGEST_NAME = 48


class RunFacts:
    """One run as rules see it. Tables are the log's own, made once."""

    def __init__(self, log: RunLog, deep: LogAnalyzer | None = None, prices: PriceTable | None = None) -> None:
        self.log, self.deep, self.prices = log, deep, prices

    @cached_property
    def simulations(self) -> pd.DataFrame:
        """One row a simulation, with `scored` and `solved`."""
        table = self.log.simulations
        return table.assign(scored=~np.isnan(as_floats(table["reward"])), solved=solved(table))

    @cached_property
    def budget(self) -> pd.DataFrame:
        """Where the time of each simulation went; see `time_budget.task_budget`."""
        return self.log.budget()

    @cached_property
    def simulation_ms(self) -> float:
        """The time of all simulations that ended, added up."""
        return float(np.nansum(as_floats(self.budget["duration_ms"]))) if len(self.budget) else 0.0

    @cached_property
    def idle(self) -> dict[str, float | int | None]:
        """How long the run took and what workers waited; see `makespan.idle_tail`."""
        return idle_tail(self.log)

    @cached_property
    def prompts(self) -> pd.DataFrame:
        """Input tokens that were sent before; see `repeated_prompts`."""
        return self.log.repeated_prompts(prices=self.prices)

    @cached_property
    def answered(self) -> pd.DataFrame:
        """The successful calls of models that are neither scripted nor recorded: model, error, ttft_ms, input_tokens."""
        failed = pl.col("error").fill_null(False)
        calls = self.log.select(["model", "error", "ttft_ms", "input_tokens"], types=MODEL_CALL_TYPES, where=~failed)
        played = {model: str(model).startswith(FREE_PREFIXES) for model in calls["model"].unique()}
        return calls[~calls["model"].map(played).to_numpy(dtype=bool)]

    @cached_property
    def known_usd(self) -> float:
        """What the calls of known price cost."""
        return float(np.nansum(as_floats(self.log.costs(prices=self.prices)["known_cost_usd"])))

    @property
    def wall_ms(self) -> float:
        """From the first simulation's start to the last one's end; 0 if not known."""
        return float(self.idle["makespan_ms"] or 0.0)

    @cached_property
    def is_one_arm(self) -> bool:
        """Whether outcomes may be added up: not over arms, which differ in agent or user."""
        return not has_arms(self.simulations["domain"])

    def time_share(self, ms: float) -> float:
        """Return a time as a share of all simulations' time; 0 if that is not known."""
        return ms / self.simulation_ms if self.simulation_ms else 0.0

    def wall_part(self, ms: float) -> float | None:
        """Return the part of the wall time that a part of the simulations' time is, if it is spread evenly over workers."""
        return self.time_share(ms) * self.wall_ms if self.wall_ms and self.simulation_ms else None

    def deep_table(self, key: str) -> pd.DataFrame:
        """Return a table of the deep analysis; empty without one."""
        found = (table.frame for table in self.deep.tables if table.kind.key == key) if self.deep is not None else iter(())
        return next(found, pd.DataFrame())


def simulation_names(table: pd.DataFrame, most: int = MOST_PROOFS) -> tuple[Name, ...]:
    """Return (domain, task, trial) of the first simulations of a table, each once."""
    rows = table[["domain", "task", "trial"]].drop_duplicates().head(most)
    return tuple((_text(row.domain), _text(row.task), _text(row.trial)) for row in rows.itertuples())


def line_names(table: pd.DataFrame, most: int = MOST_PROOFS) -> tuple[str, ...]:
    """Return `file:line` of the first rows of a table."""
    return tuple(f"{row.file}:{row.line}" for row in table[["file", "line"]].dropna().head(most).itertuples())


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def short(name: Any) -> str:
    """Return a name from a log on one line, cut to what a sentence can hold."""
    text = " ".join(str(name).split())
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def listed(names: Iterable[Any], most: int = 5) -> str:
    """Return the first names, and how many more there are."""
    found = [short(name) for name in names]
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
