"""Two runs side by side, paired by simulation where they did the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.costs import cost_summary
from tau2_logging.analysis.simulations import TIMED_TYPES, solved
from tau2_logging.analysis.summary import as_floats, percentile

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.table import RunLog

PAIR = ["domain", "task", "trial"]
RESAMPLES = 1000
CONFIDENCE = 0.95
_SEED = 20261120
_PER_RUN = frozenset(
    ("time", "run", "argv", "span", "parent", "thread", "file", "line", "row", "start_ms", "simulations", "resumed", "seeds", "level")
)


@dataclass(frozen=True)
class Comparison:
    """`latency`: a row for task durations and each type of call; `simulations`: the pairs; `totals`: reward and cost; `settings`: what of
    run_start differs. "this" is the run at hand, "other" the one it is held against; differences are this minus other.
    """

    this_run: str
    other_run: str
    pairs: int
    only_this: int
    only_other: int
    latency: pd.DataFrame
    simulations: pd.DataFrame
    totals: pd.DataFrame
    settings: pd.DataFrame


def compare(this: RunLog, other: RunLog) -> Comparison:
    """Compare two runs.

    Latencies: medians of both, their difference and its 95 % bootstrap confidence interval (percentile method, 1000 resamples of whole
    simulations with a fixed seed, since the calls of one simulation are not independent; the same simulations on both sides where they
    are paired). Where no simulation is in both, each side is resampled on its own.
    """
    pairs = _pairs(this, other)
    paired = len(pairs) > 0
    return Comparison(
        this_run=this.run_id or "this",
        other_run=other.run_id or "other",
        pairs=len(pairs),
        only_this=len(this.simulations) - len(pairs),
        only_other=len(other.simulations) - len(pairs),
        latency=_latency(this, other, pairs if paired else None),
        simulations=pairs,
        totals=_totals(this, other, pairs),
        settings=changed_settings(this, other),
    )


def _keyed(log: RunLog) -> pd.DataFrame:
    table = log.simulations[[*PAIR, "status", "reward", "duration_ms"]].drop_duplicates(PAIR, keep="last")
    costs = log.task_costs().drop_duplicates(PAIR, keep="last")[[*PAIR, "cost_usd", "agent_cost_usd"]]
    return table.merge(costs, on=PAIR, how="left")


def _pairs(this: RunLog, other: RunLog) -> pd.DataFrame:
    pairs = _keyed(this).merge(_keyed(other), on=PAIR, suffixes=("", "_other"))
    for name in ("reward", "duration_ms", "cost_usd"):
        pairs[f"{name}_change"] = as_floats(pairs[name]) - as_floats(pairs[f"{name}_other"])
    return pairs


def _latency(this: RunLog, other: RunLog, pairs: pd.DataFrame | None) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for type_ in ("task_end", *TIMED_TYPES):
        sides = [_by_simulation(log, type_, pairs) for log in (this, other)]
        if all(len(values) for values, _, _ in sides):
            rows.append({"type": type_, **_difference(sides, paired=pairs is not None)})
    columns = ["type", "n", "n_other", "median_ms", "median_other_ms", "difference_ms", "low_ms", "high_ms", "change", "significant"]
    return pd.DataFrame(rows, columns=columns)


_Side = tuple[Any, Any, int]


def _by_simulation(log: RunLog, type_: str, pairs: pd.DataFrame | None) -> _Side:
    """Durations, the number of the simulation each belongs to, and how many simulations there are."""
    calls = log.select([*PAIR, "duration_ms"], types=[type_]).dropna(subset=["duration_ms"])
    if type_ == "task_end":
        calls = calls.drop_duplicates(PAIR, keep="last")
    known = (pairs if pairs is not None else log.simulations)[PAIR].drop_duplicates()
    calls = calls.merge(known.assign(place=np.arange(len(known))), on=PAIR)
    return as_floats(calls["duration_ms"]), calls["place"].to_numpy(), len(known)


def _difference(sides: list[_Side], paired: bool) -> dict[str, Any]:
    medians = [percentile(values, 50) for values, _, _ in sides]
    dice = np.random.default_rng(_SEED)
    draws = [dice.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) for _, _, count in sides]
    if paired:
        draws[1] = draws[0]
    resampled = [_weighted_medians(values, places, drawn) for (values, places, _), drawn in zip(sides, draws, strict=True)]
    tail = (1 - CONFIDENCE) / 2 * 100
    spread = resampled[0] - resampled[1]
    low, high = np.nanpercentile(spread, [tail, 100 - tail])
    return {
        "n": len(sides[0][0]),
        "n_other": len(sides[1][0]),
        "median_ms": medians[0],
        "median_other_ms": medians[1],
        "difference_ms": medians[0] - medians[1],
        "low_ms": float(low),
        "high_ms": float(high),
        "change": medians[0] / medians[1] - 1 if medians[1] else float("nan"),
        "significant": bool(low > 0 or high < 0),
    }


def _weighted_medians(values: Any, places: Any, draws: Any) -> Any:
    """The median for each row of draws, in which simulation i counts draws[:, i] times; NaN where nothing was drawn."""
    order = np.argsort(values, kind="stable")
    values, places = values[order], places[order]
    result = np.empty(len(draws))
    for index, drawn in enumerate(draws):
        reached = np.cumsum(drawn[places])
        total = int(reached[-1])
        if not total:
            result[index] = np.nan
            continue
        low, high = np.searchsorted(reached, [(total - 1) // 2, total // 2], side="right")
        result[index] = (values[low] + values[high]) / 2
    return result


def _totals(this: RunLog, other: RunLog, pairs: pd.DataFrame) -> pd.DataFrame:
    """Rewards and money of both: what, this, other, difference; NaN is unknown."""
    import pandas as pd

    rows = [
        ("mean reward", _mean(this.simulations["reward"]), _mean(other.simulations["reward"])),
        ("mean reward of pairs", _mean(pairs["reward"]), _mean(pairs["reward_other"])),
        ("solved", float(solved(this.simulations).sum()), float(solved(other.simulations).sum())),
    ]
    costs, others = cost_summary(this), cost_summary(other)
    rows += [(name.replace("_", " "), _known(costs[name]), _known(others[name])) for name in ("total_usd", "agent_usd", "per_solved_usd")]
    table = pd.DataFrame(rows, columns=["what", "this", "other"])
    return table.assign(difference=table["this"] - table["other"])


def _mean(values: Any) -> float:
    numbers = as_floats(values)
    return float(np.nanmean(numbers)) if len(numbers) and not np.isnan(numbers).all() else float("nan")


def _known(value: float | int | None) -> float:
    return float("nan") if value is None else float(value)


def changed_settings(this: RunLog, other: RunLog) -> pd.DataFrame:
    """Fields of run_start in which the runs differ: field, this, other. Values that differ in any two runs (time, id) are left out."""
    import pandas as pd

    sides = [_settings(log) for log in (this, other)]
    names = [name for name in dict.fromkeys([*sides[0], *sides[1]]) if name not in _PER_RUN]
    rows = [(name, sides[0].get(name), sides[1].get(name)) for name in names if sides[0].get(name) != sides[1].get(name)]
    return pd.DataFrame(rows, columns=["field", "this", "other"])


def _settings(log: RunLog) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for fields in log.run_start.values():
        for name, value in fields.items():
            if value is not None and value == value:  # not NaN
                found.setdefault(name, {})[str(value)] = None
    return {name: ", ".join(values) for name, values in found.items()}
