"""Do the intervals of an experiment cover the true effect, and does it keep quiet where there is none?

Each simulated experiment draws tasks of their own difficulty, a trial at a time: in the control a task succeeds with pᵢ (beta distributed,
mean `rate`, share `between` of the variance between tasks), in an arm with pᵢ·(1 - drop). The true effect of the drawn tasks' population
is -drop·rate. It is analyzed by what `experiments analyze` uses.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.experiments.effects import effects

ARMS = ("frustration", "anxiety", "anger", "confusion")


@dataclass(frozen=True)
class Case:
    """A kind of experiment."""

    tasks: int
    trials: int
    rate: float
    between: float
    drop: float


CASES = (
    Case(114, 4, 0.6, 0.5, 0.2),
    Case(50, 4, 0.6, 0.5, 0.2),
    Case(50, 1, 0.5, 0.5, 0.3),
    Case(30, 4, 0.7, 0.4, 0.3),
    Case(114, 4, 0.6, 0.5, 0.0),
    Case(50, 1, 0.5, 0.5, 0.0),
    Case(30, 4, 0.7, 0.4, 0.0),
)


def draw(case: Case, random: np.random.Generator) -> pd.DataFrame:
    """Mean reward of each task in each arm."""
    weight = (1 - case.between) / case.between
    chance = random.beta(case.rate * weight, (1 - case.rate) * weight, case.tasks)
    columns = {"control": chance, **dict.fromkeys(ARMS, chance * (1 - case.drop))}
    return pd.DataFrame({arm: random.binomial(case.trials, p) / case.trials for arm, p in columns.items()})


def measure(case: Case, repeat: int, seed: int = 1, resamples: int = 1999) -> dict[str, Any]:
    """Over `repeat` experiments of four arms: the share of intervals that hold the true effect, and of experiments that claim any."""
    random = np.random.default_rng([seed, *map(int, (case.tasks, case.trials, case.rate * 100, case.drop * 100))])
    truth = -case.drop * case.rate
    held = below = claimed = found = 0
    for number in range(repeat):
        results = effects(draw(case, random), "control", seed=number, resamples=resamples, step=1 / case.trials)
        for effect in results:
            interval = effect.comparison.interval
            held += interval.low <= truth <= interval.high
            below += interval.high < truth
            found += effect.found
        claimed += any(effect.found for effect in results)
    n = repeat * len(ARMS)
    return {**asdict(case), "truth": truth, "covered": held / n, "all_below": below / n, "found": found / n, "any_claim": claimed / repeat}


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__)
    parser.add_argument("--repeat", type=int, default=500, help="experiments of each case (default: %(default)s)")
    parser.add_argument("--resamples", type=int, default=1999)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(
        "| tasks | trials | rate | between | true effect | intervals that cover it | arms found | experiments with any claim | ± (2 se) |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    for case in CASES:
        row = measure(case, options.repeat, resamples=options.resamples)
        rows.append(row)
        error = 2 * math.sqrt(0.05 * 0.95 / options.repeat)
        shares = " | ".join(f"{100 * row[name]:.1f} %" for name in ("covered", "found", "any_claim"))
        print(
            f"| {case.tasks} | {case.trials} | {case.rate} | {case.between} | {row['truth']:+.2f} | {shares} | {100 * error:.1f} % |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
