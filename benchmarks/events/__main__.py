"""What structured events cost: the same scripted simulations profiled with and without them, and what a write tool's examination takes.

    python -m benchmarks.events                    all 278 tasks of retail, airline and telecom, nine times: two to six minutes
    python -m benchmarks.events --tasks 10         ten of each

Both sides are profiled with fast environments, as run_local.py does it. Blocks of ten tasks are run in turn without, with, and without
events again, in changing order; what is compared is the CPU time of the process. How far the two sides without events differ is shown
beside: what the figures are good for. This is done `--rounds` times from the beginning, and the median of each simulation is counted. Which
side is set up first changes with each round: where its databases come to lie in memory is worth 2 to 3 %, so rounds by the three are fair.
`examination` is what a look at the databases takes the thread of a write tool's call, after its clock has stopped: CPU and wall time.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import numpy as np

from benchmarks.overhead.__main__ import BLOCK, DOMAINS, profiled
from tau2_logging.environments import EnvironmentStates, FastDatabases, FastTools
from tau2_logging.events import PROFILE
from tau2_logging.instrument import Instrumentation, ToolDetails
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes, ToolSubstitutes
from tau2_logging.logger import EventLogger
from tau2_logging.logger.sink import Sink
from tau2_logging.models.scripted.provider import register
from tau2_logging.models.scripted.task_script import TaskScripts
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.model_calls.litellm_settings import warm_up
from tau2_logging.sinks import DomainFiles
from tau2_logging.sinks.structured_file import StructuredFiles
from tau2_logging.sinks.totals import LiveTotals


class TimedStates(EnvironmentStates):
    """Remembers how long each look at the databases after a write tool took its thread, in ms of CPU and of wall time."""

    def __init__(self, databases: FastDatabases) -> None:
        super().__init__(databases)
        self.took_ms: list[float] = []
        self.held_ms: list[float] = []

    def after(self, environment: Any) -> Any:
        begun = time.perf_counter_ns(), time.thread_time_ns()
        found = super().after(environment)
        self.took_ms.append((time.thread_time_ns() - begun[1]) / 1e6)
        self.held_ms.append((time.perf_counter_ns() - begun[0]) / 1e6)
        return found


def measure(harness: Tau2Harness, domain: str, tasks: list[Any], directory: Path, rounds: int) -> dict[str, float]:
    """CPU of the tasks of a domain with and without events, and the examinations; of each simulation the median of the rounds."""
    spent: dict[str, list[list[float]]] = {"without": [], "with": [], "again": []}
    took, held = [], []
    for number in range(rounds):
        sides = _round(harness, domain, tasks, directory, number)
        for kind, side in sides.items():
            spent[kind].append(side.spent)
        took.append(sides["with"].states.took_ms)
        held.append(sides["with"].states.held_ms)
    sums = {kind: float(np.median(found, axis=0).sum()) for kind, found in spent.items()}
    plain = (sums["without"] + sums["again"]) / 2
    return {
        "simulations": len(tasks),
        "without_s": plain,
        "with_s": sums["with"],
        "ratio": sums["with"] / plain,
        "without_to_without": sums["again"] / sums["without"],
        **_examination(np.median(took, axis=0), np.median(held, axis=0)),
    }


def _examination(took: Any, held: Any) -> dict[str, float]:
    return {
        "write_calls": len(took),
        "examination_mean_ms": float(took.mean()),
        "examination_p95_ms": float(np.percentile(took, 95)),
        "examination_max_ms": float(took.max()),
        "held_p95_ms": float(np.percentile(held, 95)),
        "held_max_ms": float(held.max()),
    }


class Side:
    """Simulations with or without events, on databases of their own; what is learned of tools and states is kept, as in a run."""

    def __init__(self, with_events: bool) -> None:
        self.databases = FastDatabases()
        self.states = TimedStates(self.databases)
        self.details = ToolDetails(self.states if with_events else None)
        self.with_events = with_events
        self.spent: list[float] = []

    def run(self, harness: Tau2Harness, domain: str, tasks: list[Any], directory: Path) -> None:
        """Run tasks, in order."""
        sinks: list[Sink] = [LiveTotals({domain: 0}), DomainFiles(directory, [domain], PROFILE)]
        if self.with_events:
            sinks.append(StructuredFiles(directory, [domain]))
        logger = EventLogger("events", sinks)
        with closing(logger), DatabaseSubstitutes("tau2", self.databases), Instrumentation(details=self.details):
            for task in tasks:
                profiled(harness, domain, task, logger, self.spent)

    def forget(self) -> None:
        """Leave out what has been measured so far."""
        for figures in (self.spent, self.states.took_ms, self.states.held_ms):
            figures.clear()


def _round(harness: Tau2Harness, domain: str, tasks: list[Any], directory: Path, number: int) -> dict[str, Side]:
    kinds = ["without", "with", "again"]
    first = number % len(kinds)
    sides = {kind: Side(kind == "with") for kind in kinds[first:] + kinds[:first]}
    for side in sides.values():  # caches are filled
        side.run(harness, domain, tasks[:1], directory)
        side.forget()
    gc.collect()
    gc.freeze()
    for block, at in enumerate(range(0, len(tasks), BLOCK)):
        for kind in (kinds, kinds[::-1])[block % 2]:
            sides[kind].run(harness, domain, tasks[at : at + BLOCK], directory)
    gc.unfreeze()
    return sides


def report(figures: dict[str, dict[str, float]]) -> None:
    """Print the table."""
    heads = f"{'':10}{'tasks':>7}{'without':>10}{'with':>10}{'difference':>12}{'again':>9}"
    print(f"{heads}   write calls: mean, p95, max of the examination; p95, max of its wall time")
    for domain, row in figures.items():
        print(
            f"{domain:10}{row['simulations']:7.0f}{row['without_s']:8.2f} s{row['with_s']:8.2f} s{100 * (row['ratio'] - 1):+11.2f}%"
            f"{100 * (row['without_to_without'] - 1):+8.2f}%   {row['write_calls']:.0f}: {row['examination_mean_ms']:.2f}, "
            f"{row['examination_p95_ms']:.2f}, {row['examination_max_ms']:.2f}; {row['held_p95_ms']:.2f}, {row['held_max_ms']:.2f} ms"
        )
    off, on = (sum(row[name] for row in figures.values()) for name in ("without_s", "with_s"))
    print(f"{'all':10}{sum(row['simulations'] for row in figures.values()):7.0f}{off:8.2f} s{on:8.2f} s{100 * (on / off - 1):+11.2f}%")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, help="tasks of each domain (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="measure so many times and take the median (default: 3)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    harness = Tau2Harness.load()
    tasks = {domain: harness.tasks(domain, None)[: options.tasks] for domain in DOMAINS}
    register(TaskScripts.of(tasks))
    warm_up()
    figures = {}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(harness.judge("scripted/judge", {}))
        stack.enter_context(ToolSubstitutes(FastTools()))
        for domain, chosen in tasks.items():
            figures[domain] = measure(harness, domain, chosen, directory, options.rounds)
    report(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
