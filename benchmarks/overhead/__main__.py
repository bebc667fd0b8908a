"""What profiling costs: the same scripted simulations with it and without, one after the other in one process.

    python -m benchmarks.overhead                    all 278 tasks of retail, airline and telecom, about five minutes
    python -m benchmarks.overhead --tasks 10         ten of each

Blocks of ten tasks are run in turn bare (tau2's own run_task and nothing of ours but the scripted models) and profiled (everything
run_local.py installs, events at PROFILE to both files), in changing order. What is compared is the CPU time of the process, which other
work on the machine does not add to, though it does disturb it: how far two bare runs of the same blocks differ is shown beside.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from tau2_logging.events import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.instrument.tau2 import outcome_of
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.logger.scope import end
from tau2_logging.models.scripted.provider import register
from tau2_logging.models.scripted.task_script import TaskScripts
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.model_calls.litellm_settings import warm_up
from tau2_logging.runner.settings.simulation_settings import SimulationSettings
from tau2_logging.sinks import DomainFiles
from tau2_logging.sinks.totals import LiveTotals

DOMAINS = ("retail", "airline", "telecom")
BLOCK = 10


def settings_of(domain: str, task: Any) -> SimulationSettings:
    """A task with the scripted models, as run_local.py gives it to tau2."""
    args = {"scripted_task": f"{domain}/{task.id}", "num_retries": 0}
    return SimulationSettings(
        domain=domain, agent="llm_agent", user="user_simulator", agent_llm="scripted/agent", agent_args=args, user_llm="scripted/user",
        user_args=args, judge_llm="scripted/judge", judge_args={}, repetition_judge=False,
        max_steps=200, max_errors=10, num_trials=1, seed=1,
    )  # fmt: skip


@contextmanager
def cpu(spent: list[float]) -> Iterator[None]:
    """Append the CPU seconds of the block."""
    begun = time.process_time()
    yield
    spent.append(time.process_time() - begun)


def scored(harness: Tau2Harness, settings: SimulationSettings, task: Any, seed: int = 1) -> Any:
    """Play and evaluate a task, as a run does; returns tau2's SimulationRun."""
    run = harness.play(settings, task, seed)
    harness.evaluate(settings, task, run)
    return run


def bare(harness: Tau2Harness, domain: str, task: Any, spent: list[float]) -> None:
    """Run a task without profiling."""
    with cpu(spent):
        scored(harness, settings_of(domain, task), task)


def profiled(harness: Tau2Harness, domain: str, task: Any, logger: EventLogger, spent: list[float]) -> None:
    """Run a task with everything on."""
    with cpu(spent), simulation_scope(logger, domain, task.id, 0, 1) as simulation:
        end(simulation, outcome_of(scored(harness, settings_of(domain, task), task)))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overhead", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tasks", type=int, help="tasks of each domain (default: all)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    harness = Tau2Harness.load()
    tasks = {domain: harness.tasks(domain, None)[: options.tasks] for domain in DOMAINS}
    register(TaskScripts.of(tasks))
    warm_up()
    figures = {}
    with tempfile.TemporaryDirectory() as directory, harness.judge("scripted/judge", {}):
        logger = EventLogger("overhead", [LiveTotals(dict.fromkeys(DOMAINS, 0)), DomainFiles(Path(directory), DOMAINS, PROFILE)])
        for domain, chosen in tasks.items():
            figures[domain] = measure(harness, domain, chosen, logger)
        logger.close()
    report(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


def measure(harness: Tau2Harness, domain: str, tasks: list[Any], logger: EventLogger) -> dict[str, float]:
    """CPU of the tasks of a domain, bare and profiled."""
    off: list[float] = []
    on: list[float] = []
    again: list[float] = []
    bare(harness, domain, tasks[0], [])
    with Instrumentation():  # caches of ours are filled too
        profiled(harness, domain, tasks[0], logger, [])
    for number, at in enumerate(range(0, len(tasks), BLOCK)):
        block = tasks[at : at + BLOCK]
        for kind in (("bare", "on", "again"), ("again", "on", "bare"))[number % 2]:
            if kind == "on":
                with Instrumentation():
                    for task in block:
                        profiled(harness, domain, task, logger, on)
            else:
                for task in block:
                    bare(harness, domain, task, off if kind == "bare" else again)
    return {
        "simulations": len(tasks),
        "bare_s": (sum(off) + sum(again)) / 2,
        "profiled_s": sum(on),
        "ratio": 2 * sum(on) / (sum(off) + sum(again)),
        "bare_to_bare": sum(again) / sum(off),
    }


def report(figures: dict[str, dict[str, float]]) -> None:
    """Print the table."""
    print(f"{'':10}{'tasks':>7}{'bare':>10}{'profiled':>10}{'difference':>12}{'bare again':>12}")
    for domain, row in figures.items():
        print(
            f"{domain:10}{row['simulations']:7.0f}{row['bare_s']:8.1f} s{row['profiled_s']:8.1f} s"
            f"{100 * (row['ratio'] - 1):+11.2f}%{100 * (row['bare_to_bare'] - 1):+11.2f}%"
        )
    off, on = (sum(row[name] for row in figures.values()) for name in ("bare_s", "profiled_s"))
    print(f"{'all':10}{sum(row['simulations'] for row in figures.values()):7.0f}{off:8.1f} s{on:8.1f} s{100 * (on / off - 1):+11.2f}%")


if __name__ == "__main__":
    main()
