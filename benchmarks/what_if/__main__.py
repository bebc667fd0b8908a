"""Does what-if foretell the wall time? Runs at 3 simulations at a time are replayed, runs at 1, 8 and 16 are made, and compared.

    python -m benchmarks.what_if [--only NAME ...] [--json FILE]        about 25 minutes

Models take 300 ms a call and more, and most runs are of the mock domain, so that this machine's CPU hardly matters. Scripted
models wait; the simulated server, in a process of its own, runs so many requests at a time: as its metrics show, as the calls' durations
show (`no metrics`), or as the forecast is told where three calls cannot show it (`told`). `load` is the machine's load average after a
run: a run that ends while it is above --most-load is made again, up to three times in all, and the last one counts.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from rich.console import Console

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.run_time.makespan import idle_tail
from tau2_logging.analysis.what_if import forecasts, parse_scenario
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, ModelChoice, RunConfig

RECORDED, FORETOLD = 3, (1, 8, 16)
MEDIAN_TARGET, WORST_TARGET = 0.05, 0.15
_REPEATS = 3


@dataclass(frozen=True)
class Workload:
    """`scripted`: arguments of the scripted models. `batch`: of the simulated server, which then answers instead; None for no limit.
    `watched`: whether the run reads the server's metrics. `told`: words that are added to the question.
    """

    name: str
    domain: str = "mock"
    tasks: int | None = None
    trials: int = 4
    scripted: Mapping[str, Any] | None = None
    batch: int | None = None
    watched: bool = True
    told: tuple[str, ...] = ()


WORKLOADS = (
    Workload("scripted, even", scripted={"ttft_ms": 400.0}),
    Workload("scripted, uneven", scripted={"ttft_ms": 300.0, "tpot_ms": 2.0, "spread": 0.5}),
    Workload("scripted, retries", scripted={"ttft_ms": 300.0, "spread": 0.3, "faults": {"rate_limit": 0.05}}),
    Workload("scripted, retail", domain="retail", tasks=24, trials=1, scripted={"ttft_ms": 400.0, "spread": 0.3}),
    Workload("server, no limit"),
    Workload("server, 2 at a time", trials=2, batch=2),
    Workload("server, 2, no metrics", trials=2, batch=2, watched=False),
    Workload("server, 4 at a time, told", trials=2, batch=4, told=("server-slots=4",)),
)
_SERVER_TIMES = ("--ttft-ms", "300", "--itl-ms", "2", "--turns", "4", "--lifetime", "900")


@contextmanager
def models(workload: Workload) -> Iterator[dict[str, Any]]:
    """Settings of a run that name the models; the simulated server runs inside the block."""
    if workload.scripted is not None:
        names = {"agent_model": SCRIPTED_AGENT, "user_model": SCRIPTED_USER, "judge_model": SCRIPTED_JUDGE}
        yield {role: ModelChoice(name, workload.scripted) for role, name in names.items()}
        return
    batch = [] if workload.batch is None else ["--batch-size", str(workload.batch)]
    command = [sys.executable, "-m", "tau2_logging.models.simulated_server", "sim", "--port", "0", *_SERVER_TIMES, *batch]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"{server.stdout.readline().split()[-1]}/v1"
        try:
            yield _served(url) if workload.watched else _unwatched(url)
        finally:
            server.terminate()


def _served(url: str) -> dict[str, Any]:
    model = ModelChoice("hosted_vllm/sim", {"api_key": "none"})
    return {"agent_model": model, "user_model": model, "servers": ModelServerSettings(endpoints=(url,), metrics_interval=1.0)}


def _unwatched(url: str) -> dict[str, Any]:
    model = ModelChoice("openai/sim", {"api_base": url, "api_key": "none"})
    return {"agent_model": model, "user_model": model}


def recorded(workload: Workload, concurrency: int, directory: Path) -> RunLog:
    """The log of a run, which has to come to its end."""
    directory = directory / f"{workload.name}_{concurrency}".replace(" ", "_").replace(",", "")
    out = io.StringIO()
    with models(workload) as chosen:
        config = RunConfig(
            domains=(workload.domain,), num_tasks=workload.tasks, num_trials=workload.trials, max_concurrency=concurrency,
            log_dir=directory, progress=False, **chosen,
        )  # fmt: skip
        if run(config, None, ["--max-concurrency", str(concurrency)], Console(file=out)) not in (0, 1):
            raise SystemExit(f"the run of {workload.name} failed:\n{out.getvalue()}")
    return load_log(directory / f"tau2_{workload.domain}.log")


def wall_s(log: RunLog) -> float:
    """Start-up, and first simulation to last."""
    idle = idle_tail(log)
    return (float(idle["makespan_ms"] or 0) + float(idle["start_up_ms"] or 0)) / 1000


@dataclass(frozen=True)
class Measured:
    """A run's log, the load average after it, and how often it was made."""

    log: RunLog
    load: float
    times: int


def calm(workload: Workload, concurrency: int, options: argparse.Namespace, directory: Path) -> Measured:
    """A run; made again while the machine is overloaded, at most three times in all."""
    for times in range(1, _REPEATS + 1):
        log = recorded(workload, concurrency, directory / str(times))
        load = os.getloadavg()[0]
        if load <= options.most_load:
            break
    return Measured(log, load, times)


def pairs(workload: Workload, options: argparse.Namespace, directory: Path) -> Iterator[dict[str, Any]]:
    """Foretold and measured wall time for each concurrency."""
    base = calm(workload, RECORDED, options, directory)
    for concurrency in options.concurrency:
        (answer,) = forecasts(base.log, [parse_scenario([f"concurrency={concurrency}", *workload.told])])
        found = calm(workload, concurrency, options, directory)
        measured, foretold = wall_s(found.log), answer.wall_after_ms / 1000
        yield {
            "workload": workload.name, "concurrency": concurrency, "recorded_s": wall_s(base.log),
            "replayed_s": answer.wall_replayed_ms / 1000, "foretold_s": foretold, "low_s": answer.low_ms / 1000,
            "high_s": answer.high_ms / 1000, "measured_s": measured, "error": foretold / measured - 1,
            "load_at_3": base.load, "load": found.load, "times": [base.times, found.times], "rests_on": answer.rests_on,
        }  # fmt: skip


_HEAD = "| models | recorded at 3 | replayed | at | foretold (likely range) | measured | error | load at 3, then |"


def shown(pair: Mapping[str, Any]) -> str:
    """One line of the table."""
    again = f" (made {' and '.join(map(str, pair['times']))} times)" if max(pair["times"]) > 1 else ""
    return (
        f"| {pair['workload']} | {pair['recorded_s']:.1f} s | {pair['replayed_s']:.1f} s | {pair['concurrency']} "
        f"| {pair['foretold_s']:.1f} s ({pair['low_s']:.1f} to {pair['high_s']:.1f}) | {pair['measured_s']:.1f} s "
        f"| {pair['error']:+.1%} | {pair['load_at_3']:.1f}, {pair['load']:.1f}{again} |"
    )


def verdict(found: Sequence[Mapping[str, Any]]) -> str:
    """Median and worst error beside their targets."""
    errors = [abs(pair["error"]) for pair in found]
    inside = sum(pair["low_s"] <= pair["measured_s"] <= pair["high_s"] for pair in found)
    return (
        f"{len(found)} pairs: median error {statistics.median(errors):.1%} (target {MEDIAN_TARGET:.0%}), "
        f"largest {max(errors):.1%} (target {WORST_TARGET:.0%}); {inside} measured times lie in the likely range"
    )


def main() -> None:
    """Record, foretell, measure, print. Exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.what_if", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=[workload.name for workload in WORKLOADS], metavar="NAME")
    parser.add_argument("--concurrency", nargs="+", type=int, default=list(FORETOLD), metavar="N")
    parser.add_argument("--most-load", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    print(f"{_HEAD}\n|{'---|' * (_HEAD.count('|') - 1)}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for workload in WORKLOADS:
            if not options.only or workload.name in options.only:
                for pair in pairs(workload, options, Path(name)):
                    found.append(pair)
                    print(shown(pair), flush=True)
    print(f"\n{verdict(found)}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))
    errors = [abs(pair["error"]) for pair in found]
    sys.exit(0 if statistics.median(errors) <= MEDIAN_TARGET and max(errors) <= WORST_TARGET else 1)


if __name__ == "__main__":
    main()
