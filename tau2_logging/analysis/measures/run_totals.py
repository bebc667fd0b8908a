"""The totals of a run, made in one place: simulations, outcome, wall time, calls, errors, cost. Every report shows these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tau2_logging.analysis.measures.comparison.arms import scores
from tau2_logging.analysis.measures.costs.cost_tables import cost_summary
from tau2_logging.analysis.measures.latency import total_time
from tau2_logging.analysis.measures.run_time.makespan import idle_tail
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.keyed import kept
from tau2_logging.analysis.tables.simulations import score
from tau2_logging.events.roles import CALL_COUNTERS, MODEL_CALL_TYPES
from tau2_logging.statistics.score import Score
from tau2_logging.units import UNKNOWN, count, duration, is_unknown, money

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.tables.log_data import LogData


@dataclass(frozen=True)
class Calls:
    """How many calls of a kind the run made, every attempt at a simulation included, and how many failed. None is unknown."""

    made: int | None
    failed: int | None

    @property
    def text(self) -> str:
        """`3 of 120`: failed of made."""
        return UNKNOWN if self.made is None else f"{count(self.failed) if self.failed is not None else UNKNOWN} of {self.made:,}"


@dataclass(frozen=True)
class Totals:
    """What a run comes to.

    wall_ms: first simulation's start to last end, of each start of the run, without the pauses between them and what comes before the
    first simulation (start_up_ms); None if not known, as of several runs. attempts: those run again included. at_once: simulations at a
    time, on average over the wall time. arms: the score of each arm, empty for a run without arms. costs: see `costs.cost_summary`.
    """

    score: Score
    arms: Mapping[str, Score]
    statuses: Mapping[str, int]
    attempts: int
    wall_ms: float | None
    starts: int | None
    start_up_ms: float | None
    at_once: float | None
    model_calls: Calls
    tool_calls: Calls
    costs: Mapping[str, float | int | None]

    @property
    def simulations(self) -> int:
        """How many there are, each once, however often it was attempted."""
        return self.score.simulations

    @property
    def outcomes(self) -> Mapping[str, Score]:
        """The scores to show: that of the run, under an empty name, or those of its arms, which are never added up."""
        return self.arms or {"": self.score}

    @property
    def headline(self) -> str:
        """The outcome on one line: `1.000 of 2 scored`, after the arm's name if there are arms."""
        return "; ".join(f"{arm}: {found.headline}" if arm else found.headline for arm, found in self.outcomes.items())

    @property
    def errors(self) -> int | None:
        """Calls that failed, of models and tools."""
        both = (self.model_calls.failed, self.tool_calls.failed)
        return None if None in both else sum(number or 0 for number in both)

    @property
    def endings(self) -> str:
        """`13 ok, 2 timeout`."""
        return ", ".join(f"{number} {name}" for name, number in self.statuses.items())

    @property
    def shown(self) -> dict[str, str]:
        """Name and text of each total, as every report that people read has it."""
        again = self.attempts - self.simulations
        return {
            "simulations": f"{self.simulations:,} ({self.endings})" + (f", {self.attempts:,} attempts" if again > 0 else ""),
            "wall time": UNKNOWN if is_unknown(self.wall_ms) else duration(self.wall_ms),
            "errors": f"{self.model_calls.text} model calls, {self.tool_calls.text} tool calls",
            "cost": money(self.costs["total_usd"]),
        }

    def as_json(self) -> dict[str, object]:
        """Return the figures by name, for files that programs read. None is unknown."""
        return {
            "simulations": self.simulations, "statuses": dict(self.statuses), "attempts": self.attempts, "wall_ms": self.wall_ms,
            "start_up_ms": self.start_up_ms, "model_calls": self.model_calls.made, "model_errors": self.model_calls.failed,
            "tool_calls": self.tool_calls.made, "tool_errors": self.tool_calls.failed, "errors": self.errors,
            "cost_usd": self.costs["total_usd"],
        }  # fmt: skip


@kept
def totals_of(log: LogData, prices: PriceTable | None = None) -> Totals:
    """Return the totals of a log of one run, or of several that are pooled."""
    table, idle = log.simulations, idle_tail(log)
    wall = idle["makespan_ms"]
    return Totals(
        score=score(table),
        arms=scores(table),
        statuses={str(status): int(number) for status, number in table["status"].value_counts().items()},
        attempts=max(len(log.attempts), len(table)),
        wall_ms=wall,
        starts=None if idle["starts"] is None else int(idle["starts"]),
        start_up_ms=idle["start_up_ms"],
        at_once=total_time(log) / wall if wall else None,
        model_calls=_calls(log, MODEL_CALL_TYPES, _MODEL_COUNTS, "llm_errors"),
        tool_calls=_calls(log, ("tool_call",), ("tool_calls",), "tool_errors"),
        costs=cost_summary(log, prices),
    )


_MODEL_COUNTS = tuple(CALL_COUNTERS[type_] for type_ in MODEL_CALL_TYPES)


def _calls(log: LogData, types: tuple[str, ...], counts: tuple[str, ...], errors: str) -> Calls:
    """By the log's events; by what the ends of simulations sum up if that is more, as in a log whose level leaves calls out."""
    failed = log.select(["error"], types=types)["error"].fillna(False).to_numpy(dtype=bool)
    ends = log.select([*counts, errors], types=["task_end"])
    noted = [_noted(ends, name) for name in counts]
    summed = None if all(number is None for number in noted) else sum(number or 0 for number in noted)
    if summed is not None and summed > len(failed):
        return Calls(summed, _noted(ends, errors))
    if not len(failed) and summed is None and len(log.simulations):
        return Calls(None, None)
    return Calls(len(failed), int(failed.sum()))


def _noted(table: pd.DataFrame, name: str) -> int | None:
    values = as_floats(table[name])
    return None if np.isnan(values).all() else int(np.nansum(values))
