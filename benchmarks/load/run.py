"""How long it takes to read a log: ours beside grep|awk for one number, and beside other ways to parse it, in one run.

    python benchmarks/load/run.py --megabytes 200

Each way runs in a process of its own, `--repeat` times, in turn; shown are the best wall time, the CPU time of that run, and its peak
memory. "parse" is the time from the first byte to the last typed column, without starting Python and importing. Ways whose library is not
installed are left out and named. Ours reads every field of every event; polars and duckdb extract eight fields.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

PIPELINE = 'grep "type=llm_call" {} | grep -oP "duration_ms=\\d+\\.\\d+" | cut -d= -f2 | awk \'{{s+=$1}} END {{print s/NR}}\''
FIELDS = (r"type=(\S+)", r"task=(\S+)", r" duration_ms=(\S+)", r" start_ms=(\S+)", r" model=(\S+)", r" step=(\S+)", r" input_tokens=(\S+)",
          r" output_tokens=(\S+)")  # fmt: skip
NUMBERS = (2, 3, 5, 6, 7)


def shell(command: str) -> str:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.strip()


def ours(path: str) -> str:
    from tau2_logging.analysis import load_log

    os.environ.setdefault("TAU2_LOGGING_CACHE", "off")
    log = load_log(path)
    return f"{log.store.select(['llm_call'], ['duration_ms'])['duration_ms'].mean():.6g}"


def with_polars(path: str) -> str:
    import polars as pl

    lines = pl.read_csv(path, separator="\n", has_header=False, quote_char=None, schema={"line": pl.String})
    columns = [pl.col("line").str.extract(field).alias(f"c{index}") for index, field in enumerate(FIELDS)]
    columns = [column.cast(pl.Float64) if index in NUMBERS else column for index, column in enumerate(columns)]
    table = lines.select(columns)
    return f"{table.filter(pl.col('c0') == 'llm_call')['c2'].mean():.6g}"


def with_duckdb(path: str) -> str:
    import duckdb

    columns = [f"regexp_extract(line, '{field}', 1) AS c{index}" for index, field in enumerate(FIELDS)]
    columns = [f"TRY_CAST({c.split(' AS ')[0]} AS DOUBLE) AS c{i}" if i in NUMBERS else c for i, c in enumerate(columns)]
    source = f"read_csv('{path}', columns={{'line': 'VARCHAR'}}, delim='\\x01', quote='', escape='', header=false, auto_detect=false)"
    duckdb.sql(f"CREATE TABLE t AS SELECT {', '.join(columns)} FROM {source}")
    (value,) = duckdb.sql("SELECT avg(c2) FROM t WHERE c0 = 'llm_call'").fetchall()
    return f"{value[0]:.6g}"


def with_pandas(path: str) -> str:
    """A line at a time into dicts, then a DataFrame: what one writes first."""
    import re

    import pandas as pd

    pair = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
    with open(path, encoding="utf-8") as file:
        table = pd.DataFrame([dict(pair.findall(line)) for line in file])
    calls = table[table["type"] == "llm_call"]
    return f"{calls['duration_ms'].astype(float).mean():.6g}"


WAYS: dict[str, Callable[[str], str]] = {
    "wc -l": lambda path: shell(f"wc -l {path} | cut -d' ' -f1"),
    "grep | grep | cut | awk, one number": lambda path: shell(PIPELINE.format(path)),
    "ours, every field, typed": ours,
    "polars, eight regular expressions": with_polars,
    "duckdb, eight regular expressions": with_duckdb,
    "pandas, line by line": with_pandas,
}


def measure_here(name: str, path: str) -> dict[str, object]:
    """One way, in this process."""
    if name.startswith("ours"):
        import tau2_logging.analysis  # noqa: F401 - as for the others, importing is not parsing
    elif name.startswith(("polars", "duckdb", "pandas")):
        __import__(name.split(",")[0])
    begin, used = time.perf_counter(), _cpu_s()
    answer = WAYS[name](path)
    wall = time.perf_counter() - begin
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"answer": answer, "parse_s": wall, "cpu_s": _cpu_s() - used, "peak_mb": peak / 1024}


def _cpu_s() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measure(name: str, path: str) -> dict[str, object] | None:
    """One way, in a process of its own; None where its library is not installed."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, __file__, "--one", name, path], capture_output=True, text=True, check=False)
    if done.returncode:
        if "ModuleNotFoundError" in done.stderr:
            return None
        raise RuntimeError(done.stderr)
    return {**json.loads(done.stdout), "process_s": time.perf_counter() - begin}


def compare(path: str, repeat: int, names: list[str]) -> dict[str, dict[str, object]]:
    """Print the table; the best run of each way."""
    runs: dict[str, list[dict[str, object]]] = {}
    for turn in range(repeat):
        for name in names:
            if name.startswith("pandas") and turn:  # it takes long and differs little
                continue
            found = measure(name, path)
            if found is not None:
                runs.setdefault(name, []).append(found)
    size = Path(path).stat().st_size / 1e6
    print(f"{size:.0f} MB, {shell(f'wc -l {path}').split()[0]} lines, best of {repeat}")
    best = {name: min(found, key=lambda run: float(str(run["parse_s"]))) for name, found in runs.items()}
    base = float(str(best["grep | grep | cut | awk, one number"]["parse_s"]))
    print(f"{'':38}{'parse s':>9}{'x grep':>8}{'CPU s':>8}{'process s':>11}{'peak MB':>9}{'x file':>8}  answer")
    for name, run in best.items():
        parse, cpu, process, peak = (float(str(run[key])) for key in ("parse_s", "cpu_s", "process_s", "peak_mb"))
        print(f"{name:38}{parse:9.3f}{parse / base:8.1f}{cpu:8.2f}{process:11.2f}{peak:9.0f}{peak / size:8.2f}  {run['answer']}")
    if missing := [name for name in names if name not in best]:
        print(f"not installed: {', '.join(missing)}")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=200.0)
    parser.add_argument("--log", help="measure on this log instead of a generated one")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--skip-pandas", action="store_true", help="it takes minutes")
    parser.add_argument("--json", type=Path, help="also write the figures as JSON")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure_here(*args.one)))
        return
    names = [name for name in WAYS if not (args.skip_pandas and name.startswith("pandas"))]
    figures = compare(args.log, args.repeat, names) if args.log else _on_generated(args.megabytes, args.repeat, names)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2))


def _on_generated(megabytes: float, repeat: int, names: list[str]) -> dict[str, dict[str, object]]:
    from benchmarks.generate_log import Plan, write_log

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tau2_retail.log"
        write_log(path, Plan(), int(megabytes * 1e6))
        return compare(str(path), repeat, names)


if __name__ == "__main__":
    main()
