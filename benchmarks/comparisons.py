"""Does `--compare` keep quiet where two runs do not differ, and does `--fail-if-slower` find a run that is slower?

Each experiment writes two logs of the same tasks. Tasks differ in length, a task may be longer in one run than in the other (`interaction`,
mean 0 over tasks), trials and calls have noise of their own; the second run's times are all multiplied by `slowdown`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.comparison.differences import PAIR, duration_differences
from tau2_logging.events import KINDS, Event, encode

CALLS = (("llm_call", 400.0), ("user_sim", 250.0), ("tool_call", 0.2), ("llm_call", 500.0), ("evaluator", 300.0))
ALLOWED, GATED = 0.1, ("task_end", "llm_call")
"""What `--fail-if-slower 10%` looks at."""


@dataclass(frozen=True)
class Case:
    """A kind of experiment: tasks in both runs, trials of each, spread of the noise (log scale), how much slower this run is."""

    tasks: int
    trials: int
    interaction: float = 0.3
    noise: float = 0.5
    slowdown: float = 1.0


NULL = tuple(Case(tasks, trials) for tasks in (1, 2, 3, 5, 15, 30) for trials in (1, 2, 3, 4))
SLOWER = tuple(Case(tasks, 2, slowdown=slowdown) for tasks in (5, 15, 30) for slowdown in (1.3, 2.0))


def lengths(case: Case, random: np.random.Generator) -> Any:
    """Factors of one run's times, by task and trial."""
    of_task = random.lognormal(0.0, case.interaction, (case.tasks, 1))
    return of_task * random.lognormal(0.0, case.noise, (case.tasks, case.trials))


def lines(factors: Any, tasks: Any, random: np.random.Generator) -> Iterator[str]:
    """A run's log: each simulation has a call of each kind and ends. Times of day do not matter here."""
    for (task, trial), factor in np.ndenumerate(factors * tasks[:, None]):
        start = 0.0
        context: dict[str, Any] = {"domain": "retail", "trial": trial, "run": "r"}
        for type_, ms in CALLS:
            length = float(ms * factor * random.lognormal(0.0, 0.4))
            yield _line(type_, str(task), {"start_ms": start, "duration_ms": length, **context})
            start += length
        yield _line("task_end", str(task), {"status": "ok", "reward": 1.0, "start_ms": 0.0, "duration_ms": start, **context})


def _line(type_: str, task: str, fields: dict[str, Any]) -> str:
    return encode(Event(KINDS[type_].level, "2026-11-20 17:45:01.123", task, 1, type_, fields)) + "\n"


def runs(case: Case, folder: Path, random: np.random.Generator) -> tuple[RunLog, RunLog]:
    """This run and the other, as the analysis reads them."""
    tasks = random.lognormal(0.0, 0.6, case.tasks)
    found = []
    for name, factor in (("this", case.slowdown), ("other", 1.0)):
        path = folder / f"tau2_{name}.log"
        path.write_text("".join(lines(factor * lengths(case, random), tasks, random)), encoding="utf-8")
        found.append(load_log(path))
    return found[0], found[1]


def measure(case: Case, repeat: int, seed: int = 1) -> dict[str, Any]:
    """The share of experiments in which any row claims a difference, and in which a gate of 10 % finds this run slower."""
    random = np.random.default_rng([seed, case.tasks, case.trials, int(100 * case.slowdown)])
    claimed = slower = 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeat):
            this, other = runs(case, Path(folder), random)
            found = duration_differences(this, other, this.simulations[PAIR].merge(other.simulations[PAIR]))
            claims = found[found["significant"].eq(True)]
            claimed += len(claims) > 0
            slower += bool((claims["type"].isin(GATED) & (claims["change"] > ALLOWED)).any())
    return {**asdict(case), "any_claim": claimed / repeat, "found_slower": slower / repeat}


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparisons", description=__doc__)
    parser.add_argument("--repeat", type=int, default=200, help="experiments of each case (default: %(default)s)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print("| tasks | trials | slower by | any row beyond noise | gate of 10 % finds it slower |\n|---:|---:|---:|---:|---:|")
    rows = []
    for case in (*NULL, *SLOWER):
        row = measure(case, options.repeat)
        rows.append(row)
        shares = " | ".join(f"{100 * row[name]:.1f} %" for name in ("any_claim", "found_slower"))
        print(f"| {case.tasks} | {case.trials} | {100 * (case.slowdown - 1):.0f} % | {shares} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
