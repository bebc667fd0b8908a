"""From a log to answers: CPU time, memory and bytes written, beside another version of this package in turn, and whether figures agree.

    python -m benchmarks.answers [--megabytes 200] [--repeat 5] [--against FOLDER] [--json FILE]

FOLDER is a checkout of the other version (git worktree add FOLDER REVISION). Each work runs in a process of its own; shown are medians, and
the ratio to the other version's. "second" is the same question again, of columns that are kept. Files of tables that both write are
compared byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.follow import GrowingLog

ROOT = Path(__file__).resolve().parents[1]
WORKS = {
    "first answer": ("--format", "console"),
    "all defaults": (),
    "trace": ("--format", "trace"),
    "report.html": ("--format", "html"),
    "second answer": ("--format", "console"),
}
TABLES = ("--format", "csv", "json", "markdown", "parquet")


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    cpu_s: float
    memory_mb: float
    written_mb: float


def run(root: Path, log: Path, options: tuple[str, ...], output: Path, cache: str) -> Cost:
    """Analyze a log with the code of a checkout."""
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "tau2_logging", "analyze", str(log), "--output_dir", str(output), *options]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "TAU2_LOGGING_CACHE": cache}, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
    written = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, written / 1e6)


def measured(roots: dict[str, Path], log: Path, folder: Path, repeat: int) -> dict[tuple[str, str], list[Cost]]:
    """Return the costs of each work by each version, in turn."""
    found: dict[tuple[str, str], list[Cost]] = {}
    for number in range(repeat):
        for work, options in WORKS.items():
            for version, root in roots.items():
                cache = str(folder / f"kept-{version}") if work == "second answer" else "off"
                if work == "second answer" and number == 0:
                    run(root, log, options, folder / "out", cache)
                found.setdefault((work, version), []).append(run(root, log, options, folder / "out", cache))
    return found


def show(found: dict[tuple[str, str], list[Cost]], log: Path) -> list[dict[str, Any]]:
    """Print a row for each work and version; returns the rows."""
    rows, size = [], log.stat().st_size / 1e6
    print(f"{'work':15} {'version':8} {'CPU s':>7} {'MB at peak':>11} {'MB written':>11} {'x the log':>10} {'CPU, ratio':>11}")
    for (work, version), costs in found.items():
        cpu, memory, written = (statistics.median(getattr(cost, name) for cost in costs) for name in ("cpu_s", "memory_mb", "written_mb"))
        rows.append({"work": work, "version": version, "cpu_s": cpu, "memory_mb": memory, "written_mb": written, "log_mb": size})
        other = found.get((work, "other"))
        ratio = f"{cpu / statistics.median(cost.cpu_s for cost in other):.2f}" if other and version == "this" else ""
        print(f"{work:15} {version:8} {cpu:7.2f} {memory:11,.0f} {written:11.1f} {written / size:10.2f} {ratio:>11}")
    answers = [statistics.median(cost.cpu_s for cost in found[work, "this"]) for work in ("second answer", "first answer")]
    print(f"second answer to first, CPU: {answers[0] / answers[1]:.2f}")
    return rows


def refresh(log: Path, folder: Path) -> tuple[float, float]:
    """Return CPU seconds to read a log as it is followed: all of it, and then what a hundredth more adds."""
    content = log.read_bytes()
    path, growing = folder / log.name, GrowingLog("latest")
    cut = content.rfind(b"\n", 0, len(content) * 99 // 100) + 1
    path.write_bytes(content[:cut])
    whole, _ = _timed(growing, path)
    with path.open("ab") as file:
        file.write(content[cut:])
    new, last = _timed(growing, path)
    if not last.simulations.equals(load_log(path).simulations):
        raise SystemExit("a log that was followed gives other simulations than the whole log")
    return whole, new


def _timed(growing: GrowingLog, path: Path) -> tuple[float, RunLog]:
    began = time.process_time()
    log = growing.read([path])
    return time.process_time() - began, log


def differing(roots: dict[str, Path], log: Path, folder: Path) -> tuple[int, list[str]]:
    """Return how many files of tables there are, and those in which versions differ. analysis.json names the command."""
    for version, root in roots.items():
        run(root, log, TABLES, folder / version, "off")
    mine = {path.name: path.read_bytes() for path in (folder / "this").iterdir() if path.name != "analysis.json"}
    names = {path.name for path in (folder / "other").iterdir() if path.name != "analysis.json"} | mine.keys()
    return len(names), [name for name in sorted(names) if not _same(folder / "this" / name, folder / "other" / name)]


def _same(mine: Path, other: Path) -> bool:
    if not mine.exists() or not other.exists():
        return False
    if mine.suffix == ".parquet":
        import polars

        return polars.read_parquet(mine).equals(polars.read_parquet(other))
    return mine.read_bytes() == other.read_bytes()


def compared(roots: dict[str, Path], log: Path, folder: Path) -> None:
    """Say whether the tables of the golden logs, of three small random runs and of this log are the same by both versions."""
    golden = ROOT / "tests" / "golden"
    logs = [golden / "current/tau2_mock.log", golden / "legacy_1/tau2_retail.log", golden / "legacy_2/eval_airline.log"]
    for seed in (1, 2, 3):
        (folder / str(seed)).mkdir()
        logs.append(folder / str(seed) / "tau2_retail.log")
        write_log(logs[-1], Plan(seed=seed, faults=0.05, tasks=20, workers=6), 2_000_000)
    for one in (*logs, log):
        number, others = differing(roots, one, folder)
        print(f"{one.parent.name}/{one.name}: {number} files of tables, {f'other figures in {others}' if others else 'all equal'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=200.0)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--against", type=Path, help="a checkout of another version")
    parser.add_argument("--json", type=Path, help="write the figures there")
    args = parser.parse_args()
    roots = {"this": ROOT} | ({"other": args.against.resolve()} if args.against else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_log(log := folder / "tau2_retail.log", Plan(), int(args.megabytes * 1e6))
        rows = show(measured(roots, log, folder, args.repeat), log)
        (followed := folder / "followed").mkdir()
        whole, new = refresh(log, followed)
        print(f"following: {whole:.2f} s of CPU to read the log, {new:.2f} s when it has grown by a hundredth")
        if args.json:
            figures = {"works": rows, "following": {"all_cpu_s": whole, "grown_cpu_s": new}}
            args.json.write_text(json.dumps(figures, indent=2) + "\n")
        if args.against:
            compared(roots, log, folder)


if __name__ == "__main__":
    main()
