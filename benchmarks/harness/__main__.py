"""What a simulation costs besides its model, beside plain tau2 (`tau2.run.run_tasks`) with the same scripted models.

    python -m benchmarks.harness cpu            CPU per simulation, by domain: ours (profiling on) against plain tau2
    python -m benchmarks.harness wall           wall time of all 278 tasks x --trials, same threads
    python -m benchmarks.harness growth         CPU per simulation early and late in a run of --simulations; peak memory beside a run of 100
    python -m benchmarks.harness distortion     measured length of a 500 ms model call with 64 simulations in flight

Every figure is a ratio of two measurements made in one go. `--tasks N` takes N tasks of each domain.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from rich.console import Console

from benchmarks.harness.tau2_batch import run_tasks
from tau2_logging.events import PROFILE, decode
from tau2_logging.instrument import Instrumentation
from tau2_logging.instrument.replacing import replaced
from tau2_logging.logger import EventLogger
from tau2_logging.models.scripted.provider import register
from tau2_logging.models.scripted.task_script import TaskScripts
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.model_calls.litellm_settings import warm_up
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.sinks import MemorySink

DOMAINS = ("retail", "airline", "telecom")
TARGETS = {"airline": 0.15, "retail": 0.20, "telecom": 1.0}


def prepare(harness: Tau2Harness, domains: Sequence[str]) -> None:
    """Make the scripted models play these domains, and litellm import what it needs."""
    register(TaskScripts.of({domain: harness.tasks(domain, None) for domain in domains}))
    warm_up()


def ours(directory: Path, domains: Sequence[str], tasks: int | None, threads: int, trials: int, **more: Any) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of a whole run of ours: profiling on, both logs, checkpoint and results."""
    config = RunConfig(
        domains=tuple(domains), num_tasks=tasks, max_concurrency=threads, num_trials=trials, log_dir=directory, progress=False,
        judge_model=None, **more,
    )  # fmt: skip
    cpu, wall = time.process_time(), time.perf_counter()
    code = run(config, console=Console(file=io.StringIO()))
    if code != 0:
        raise SystemExit(f"our run ended with exit code {code}")
    return time.process_time() - cpu, time.perf_counter() - wall


def plain(harness: Tau2Harness, directory: Path, domain: str, tasks: int | None, threads: int, trials: int) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of tau2's own batch."""
    prepare(harness, [domain])
    chosen = harness.tasks(domain, None)[:tasks]
    cpu, wall = time.process_time(), time.perf_counter()
    run_tasks(domain, chosen, threads, trials, directory / f"plain_{domain}_{time.monotonic_ns()}.json")
    return time.process_time() - cpu, time.perf_counter() - wall


def cpu(options: argparse.Namespace) -> dict[str, Any]:
    """CPU per simulation, by domain; one thread, so that nothing waits."""
    harness = Tau2Harness.load()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for domain in DOMAINS:
            number = len(harness.tasks(domain, None)[: options.tasks])
            theirs, mine = [], []
            for turn in range(2):
                theirs.append(plain(harness, Path(name), domain, options.tasks, 1, 1)[0])
                mine.append(ours(Path(name) / f"{domain}{turn}", [domain], options.tasks, 1, 1)[0])
            ratio = min(mine) / min(theirs)
            figures[domain] = {"tau2_ms": 1e3 * min(theirs) / number, "ours_ms": 1e3 * min(mine) / number, "ratio": ratio}
            print(
                f"{domain:10} tau2 {figures[domain]['tau2_ms']:8.1f} ms   ours {figures[domain]['ours_ms']:8.1f} ms   "
                f"ratio {ratio:.3f} (target {TARGETS[domain]})"
            )
    return figures


def wall(options: argparse.Namespace) -> dict[str, Any]:
    """Wall time of everything, the same number of threads."""
    harness = Tau2Harness.load()
    with tempfile.TemporaryDirectory() as name:
        mine = ours(Path(name), DOMAINS, options.tasks, options.threads, options.trials)[1]
        theirs = sum(plain(harness, Path(name), domain, options.tasks, options.threads, options.trials)[1] for domain in DOMAINS)
    print(f"tau2 {theirs:.1f} s   ours {mine:.1f} s   ratio {mine / theirs:.3f} (target 0.15)")
    return {"tau2_s": theirs, "ours_s": mine, "ratio": mine / theirs, "trials": options.trials, "threads": options.threads}


def growth(options: argparse.Namespace) -> dict[str, Any]:
    """Two runs of mock in processes of their own, 100 simulations and many."""
    few, many = (_grow(number) for number in (100, options.simulations))
    late, early = statistics.mean(many["cpu_s"][-90:]), statistics.mean(many["cpu_s"][90:180])
    figures = {
        "simulations": len(many["cpu_s"]),
        "cpu_ratio": late / early,
        "memory_ratio": many["peak_kib"] / few["peak_kib"],
        "peak_mib_of_100": few["peak_kib"] / 1024,
        "peak_mib": many["peak_kib"] / 1024,
    }
    print(f"CPU per simulation: number 100 {1e3 * early:.2f} ms, number {figures['simulations']} {1e3 * late:.2f} ms", end="")
    print(f", ratio {figures['cpu_ratio']:.3f} (target 1.1)")
    print(f"peak memory: 100 simulations {figures['peak_mib_of_100']:.0f} MiB, all {figures['peak_mib']:.0f} MiB", end="")
    print(f", ratio {figures['memory_ratio']:.3f} (target 1.2)")
    return figures


def _grow(simulations: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.harness", "grow-one", "--simulations", str(simulations)]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def grow_one(options: argparse.Namespace) -> dict[str, Any]:
    """One run of mock; prints CPU by simulation, in the order they ended, and the peak memory."""
    from tau2_logging.runner.executors import threads as executor

    marks: list[float] = [time.process_time()]
    original = executor.evaluate_unit

    def marked(*args: Any) -> Any:
        row = original(*args)
        marks.append(time.process_time())
        return row

    with replaced(executor, evaluate_unit=marked), tempfile.TemporaryDirectory() as name:
        ours(Path(name), ["mock"], None, 1, max(options.simulations // 9, 1))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu_s": [after - before for before, after in itertools.pairwise(marks)], "peak_kib": peak}))
    return {}


def distortion(options: argparse.Namespace) -> dict[str, Any]:
    """p95 of the measured length of model calls that take exactly 500 ms, with 64 simulations in flight."""
    harness = Tau2Harness.load()
    latency = {"ttft_ms": 500.0}
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        model = {"agent_model": ModelChoice("scripted/agent", latency), "user_model": ModelChoice("scripted/user", latency)}
        ours(Path(name), ["retail"], options.tasks, 64, 1, **model)
        lines = (Path(name) / "tau2_retail.log").read_text().splitlines()
        figures["ours_p95_ms"] = _p95([decode(line) for line in lines])
        sink = MemorySink(PROFILE)
        prepare(harness, ["retail"])
        tasks = harness.tasks("retail", None)[: options.tasks]
        with Instrumentation():
            run_tasks("retail", tasks, 64, 1, Path(name) / "plain.json", latency, EventLogger("plain", [sink]))
        figures["tau2_p95_ms"] = _p95(sink.events)
    print(f"p95 of a 500 ms call: tau2 {figures['tau2_p95_ms']:.0f} ms, ours {figures['ours_p95_ms']:.0f} ms (target 550)")
    return figures


def _p95(events: Sequence[Any]) -> float:
    durations = sorted(float(event.get("duration_ms")) for event in events if event.type == "llm_call")
    return statistics.quantiles(durations, n=20, method="inclusive")[-1]


def main() -> None:
    """Run the figure that is asked for."""
    figures = {"cpu": cpu, "wall": wall, "growth": growth, "grow-one": grow_one, "distortion": distortion}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.harness", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("figure", choices=list(figures))
    parser.add_argument("--tasks", type=int, help="tasks of each domain (default: all)")
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    result = figures[options.figure](options)
    if options.json and result:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
