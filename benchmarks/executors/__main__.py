"""Threads, worker processes and Ray beside each other, with scripted models.

    python -m benchmarks.executors alike        every task on each executor: the same trajectories, rewards and terminations?
    python -m benchmarks.executors in-flight    64 simulations in flight whose model takes 500 ms: wall time beside the ideal
    python -m benchmarks.executors cpu          simulations a second when the work is CPU-bound: processes beside threads
    python -m benchmarks.executors distortion   p95 of the measured length of those 500 ms calls, by executor
    python -m benchmarks.executors distortion --in-flight 8 16 32 48 64        where threads begin to distort

Ray is left out where it is not installed (requirements-ray.txt). Times are taken from the log, from the first simulation's begin to the
last one's end: workers are up by then. The ideal of `in-flight` is the schedule in which simulations are begun in the run's order, each
as soon as one of 64 is over, and take what their model calls are told to take, and nothing else.
"""

from __future__ import annotations

import argparse
import heapq
import importlib.util
import io
import json
import os
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from rich.console import Console

from tau2_logging.events import Event, decode
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, ModelChoice, RunConfig
from tests.support.executors import essence

DOMAINS = ("retail", "airline", "telecom")
EXECUTORS = ("threads", "processes", *(("ray",) if importlib.util.find_spec("ray") else ()))
LATENCY_MS = 500.0
IN_FLIGHT = 64


def carried_out(directory: Path, executor: str, latency_ms: float = 0.0, **settings: Any) -> None:
    """A whole run, which has to succeed."""
    model = {"ttft_ms": latency_ms} if latency_ms else {}
    config = RunConfig(
        log_dir=directory, progress=False, executor=executor,
        agent_model=ModelChoice(SCRIPTED_AGENT, model), user_model=ModelChoice(SCRIPTED_USER, model),
        judge_model=ModelChoice(SCRIPTED_JUDGE, model), **settings,
    )  # fmt: skip
    out = io.StringIO()
    if run(config, console=Console(file=out)) != 0:
        raise SystemExit(f"the run with {executor} failed:\n{out.getvalue()}")


def events_of(directory: Path, domains: Sequence[str]) -> list[Event]:
    """Every event of a run."""
    return [decode(line) for domain in domains for line in (directory / f"tau2_{domain}.log").read_text().splitlines()]


def begun_and_ended_s(events: Sequence[Event]) -> tuple[list[float], list[float]]:
    """When simulations began and ended, in seconds since the run began, each in order."""
    starts = [float(event.get("start_ms") or 0) / 1e3 for event in events if event.type == "task_start"]
    ends = [
        float(event.get("start_ms") or 0) / 1e3 + float(event.get("duration_ms") or 0) / 1e3 for event in events if event.type == "task_end"
    ]
    return sorted(starts), sorted(ends)


def alike(options: argparse.Namespace) -> dict[str, Any]:
    """Every task, with and without faults of the agent's model."""
    figures: dict[str, Any] = {}
    for faults in ({}, {"invalid_args": 0.1, "unknown_tool": 0.05, "server_error": 0.05}):
        found = {executor: _essences(executor, faults, options.tasks) for executor in EXECUTORS}
        for executor in EXECUTORS[1:]:
            same = sum(found[executor].get(key) == value for key, value in found["threads"].items())
            name = f"{executor}{', with faults' if faults else ''}"
            figures[name] = {"simulations": len(found["threads"]), "same": same}
            print(f"{name:24} {same} of {len(found['threads'])} simulations as in threads", flush=True)
    return figures


def _essences(executor: str, faults: dict[str, float], tasks: int | None) -> dict[tuple[str, str, int], str]:
    with tempfile.TemporaryDirectory() as name:
        agent = ModelChoice(SCRIPTED_AGENT, {"faults": faults, "seed": 3} if faults else {})
        config = RunConfig(
            domains=DOMAINS, num_tasks=tasks, log_dir=Path(name), progress=False, executor=executor, max_concurrency=6, agent_model=agent,
            judge_model=ModelChoice(SCRIPTED_JUDGE), run_name="r",
        )  # fmt: skip
        run(config, console=Console(file=io.StringIO()))
        found = {}
        for domain in DOMAINS:
            results = json.loads((Path(name) / "runs" / "r" / f"results_{domain}.json").read_text())["simulations"]
            found.update({(domain, *key): value for key, value in essence(results).items()})
        return found


def in_flight(options: argparse.Namespace) -> dict[str, Any]:
    """Wall time beside the ideal, by executor."""
    figures = {}
    for executor in EXECUTORS:
        with tempfile.TemporaryDirectory() as name:
            carried_out(
                Path(name), executor, LATENCY_MS, domains=("retail",), num_tasks=options.tasks, num_trials=options.trials,
                max_concurrency=IN_FLIGHT,
            )  # fmt: skip
            events = events_of(Path(name), ["retail"])
        starts, ends = begun_and_ended_s(events)
        wall = ends[-1] - starts[0]
        ideal = ideal_s(events)
        figures[executor] = {"simulations": len(ends), "wall_s": wall, "ideal_s": ideal, "ratio": wall / ideal}
        print(
            f"{executor:10} {len(ends)} simulations, {IN_FLIGHT} in flight: {wall:.2f} s, ideal {ideal:.2f} s, ratio {wall / ideal:.3f}",
            end="",
        )
        print(" (target 1.15)", flush=True)
    return figures


def ideal_s(events: Sequence[Event]) -> float:
    """Length of the ideal schedule."""
    calls = Counter((event.task, event.get("trial")) for event in events if event.type in ("llm_call", "user_sim", "evaluator"))
    order = [(event.task, event.get("trial")) for event in events if event.type == "task_start"]
    free = [0.0] * IN_FLIGHT
    for key in order:
        heapq.heappush(free, heapq.heappop(free) + calls[key] * LATENCY_MS / 1e3)
    return max(free)


def cpu(options: argparse.Namespace) -> dict[str, Any]:
    """Simulations a second in the middle of a run, executors in turn."""
    rates: dict[str, list[float]] = {executor: [] for executor in EXECUTORS}
    for _ in range(options.rounds):
        for executor in EXECUTORS:
            with tempfile.TemporaryDirectory() as name:
                carried_out(
                    Path(name), executor, domains=("retail",), num_tasks=options.tasks, num_trials=options.trials, max_concurrency=8
                )
                ends = begun_and_ended_s(events_of(Path(name), ["retail"]))[1]
            middle = ends[len(ends) // 10 : -len(ends) // 10]
            rates[executor].append((len(middle) - 1) / (middle[-1] - middle[0]))
    figures = {}
    for executor, found in rates.items():
        rate = statistics.median(found)
        ratio = rate / statistics.median(rates["threads"])
        figures[executor] = {"per_s": rate, "ratio": ratio, "rounds": found}
        print(f"{executor:10} {rate:6.1f} simulations a second, {ratio:.2f} times threads" + (" (target 1.7)" * (executor == "processes")))
    return figures


def distortion(options: argparse.Namespace) -> dict[str, Any]:
    """How long 500 ms are, by executor and number in flight."""
    figures = {}
    for number in options.in_flight:
        for executor in EXECUTORS:
            calls = _lengths_ms(executor, number, options.tasks)
            p50, p95, p99 = (statistics.quantiles(calls, n=100, method="inclusive")[at] for at in (49, 94, 98))
            figures[f"{executor}, {number}"] = {"calls": len(calls), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
            print(
                f"{number:3} in flight, {executor:10} {len(calls)} calls of {LATENCY_MS:.0f} ms: p50 {p50:.0f}, "
                f"p95 {p95:.0f} (target 550), p99 {p99:.0f} ms", flush=True,
            )  # fmt: skip
    return figures


def _lengths_ms(executor: str, number: int, tasks: int | None) -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        carried_out(Path(name), executor, LATENCY_MS, domains=("retail",), num_tasks=tasks, max_concurrency=number)
        events = events_of(Path(name), ["retail"])
    return sorted(float(event.get("duration_ms") or 0) for event in events if event.type in ("llm_call", "user_sim"))


def main() -> None:
    """Measure what is asked for."""
    figures = {"alike": alike, "in-flight": in_flight, "cpu": cpu, "distortion": distortion}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.executors", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("figure", choices=list(figures))
    parser.add_argument("--tasks", type=int, help="tasks of each domain (default: all)")
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[IN_FLIGHT], metavar="N", help="of distortion (default: 64)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    result = figures[options.figure](options)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
