"""Do intervals and test of the deep analysis keep their promise where calls depend on their task?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from tau2_logging.statistics.intervals import ranks, rate_of, score_test, wilson

CASES = ((0.9, 0.3, 30, 6), (0.5, 0.5, 20, 8), (0.95, 0.2, 40, 10), (0.2, 0.05, 15, 5), (0.9, 0.6, 50, 4), (0.98, 0.3, 40, 8))
"""(rate, correlation within a task, tasks, mean calls of a task)."""


def measure(rate: float, correlation: float, tasks: int, calls: int, repeat: int, random: np.random.Generator) -> dict[str, Any]:
    """How often the clustered and the plain interval hold the rate, and how often the test finds an association where there is none."""
    weight = (1 - correlation) / correlation
    held = plain = wolf = 0
    for _ in range(repeat):
        clusters = np.repeat(np.arange(tasks), random.integers(1, 2 * calls, tasks))
        hits = random.random(len(clusters)) < random.beta(rate * weight, (1 - rate) * weight, tasks)[clusters]
        found, (low, high) = rate_of(hits, clusters), wilson(float(hits.mean()), len(hits), 1.96)
        feature = random.normal(size=tasks)[clusters] + random.normal(size=len(clusters))
        held += found.low <= rate <= found.high
        plain += low <= rate <= high
        wolf += score_test(ranks(feature), hits, clusters)[1] < 0.05
    shares = {"held": held / repeat, "plain_held": plain / repeat, "false_positives": wolf / repeat}
    return {"rate": rate, "correlation": correlation, "tasks": tasks, "calls": calls, **shares}


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intervals", description=__doc__)
    parser.add_argument("--repeat", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    random = np.random.default_rng(1)
    rows = [measure(*case, options.repeat, random) for case in CASES]
    print("| rate | correlation | tasks | calls a task | held | plain Wilson held | false positives |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        shares = " | ".join(f"{100 * row[name]:.1f} %" for name in ("held", "plain_held", "false_positives"))
        print(f"| {row['rate']} | {row['correlation']} | {row['tasks']} | {row['calls']} | {shares} |")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
