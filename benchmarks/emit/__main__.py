"""`python -m benchmarks.emit [--quick] [--json FILE]`"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.emit.measure import PAUSE_S, Load, Round, measure
from benchmarks.emit.readback import check
from benchmarks.emit.writers import WRITERS, Ours, OursOneFile, StdlibFields, StdlibFieldsTwoFiles, StdlibText, Writer

FIELDS, TEXT = StdlibFields.name, StdlibText.name
LIKE_FOR_LIKE = {Ours.name: StdlibFieldsTwoFiles.name, OursOneFile.name: StdlibFields.name}
QUICK = (5, (Load("1 thread", 1, 400), Load("32 threads", 32, 1600), Load("32 threads, paced", 32, 640, PAUSE_S)))
FULL = (
    25,
    (
        Load("1 thread", 1, 2000),
        Load("32 threads", 32, 6400),
        Load("1 thread, paced", 1, 100, PAUSE_S),
        Load("32 threads, paced", 32, 3200, PAUSE_S),
    ),
)


def run(rounds: int, loads: Sequence[Load], directory: Path) -> dict[str, Any]:
    """All loggers under all loads, in turns, so that whatever else the machine does hits all of them alike."""
    writers = [make(directory) for make in WRITERS]
    results: list[Round] = []
    sent: dict[str, dict[str, int]] = defaultdict(dict)
    try:
        for number in range(rounds + 1):
            for load in loads:
                for writer in writers[number % len(writers) :] + writers[: number % len(writers)]:
                    prefix = f"{number}-{loads.index(load)}"
                    result = measure(writer, load, prefix)
                    sent[writer.name].update({f"{prefix}-{thread}": load.events // load.threads for thread in range(load.threads)})
                    results.extend([result] if number else [])  # the first round warms up
    finally:
        for writer in writers:
            writer.close()
    return {"loads": {load.name: _figures(results, load) for load in loads}, "files": _read_back(writers, sent)}


def _figures(results: Sequence[Round], load: Load) -> dict[str, Any]:
    by_writer: dict[str, list[Round]] = defaultdict(list)
    for result in results:
        if result.load is load:
            by_writer[result.writer].append(result)
    idle = by_writer.pop("nothing")
    net = {name: _net(rounds, idle) for name, rounds in by_writer.items()}
    return {
        name: {
            "wall_us": statistics.median(wall for wall, _ in pairs),
            "cpu_us": statistics.median(cpu for _, cpu in pairs),
            "wall_to_fields": _ratio(pairs, net[FIELDS], 0),
            "cpu_to_fields": _ratio(pairs, net[FIELDS], 1),
            "wall_to_text": _ratio(pairs, net[TEXT], 0),
            "cpu_to_text": _ratio(pairs, net[TEXT], 1),
            "wall_like_for_like": _ratio(pairs, net[LIKE_FOR_LIKE.get(name, FIELDS)], 0),
            "cpu_like_for_like": _ratio(pairs, net[LIKE_FOR_LIKE.get(name, FIELDS)], 1),
            "p50_us": statistics.median(_percentile(result, 50) for result in by_writer[name]),
            "p99_us": statistics.median(_percentile(result, 99) for result in by_writer[name]),
        }
        for name, pairs in net.items()
    }


def _ratio(pairs: Sequence[tuple[float, float]], base: Sequence[tuple[float, float]], which: int) -> float:
    """Median over the rounds of one logger's figure to another's of the same round."""
    return statistics.median(pair[which] / other[which] for pair, other in zip(pairs, base, strict=True))


def _net(rounds: Sequence[Round], idle: Sequence[Round]) -> list[tuple[float, float]]:
    """(wall, CPU) per event of each round, without the loop that measures; at least a tenth of a microsecond."""
    return [(max(one.wall - none.wall, 0.1), max(one.cpu - none.cpu, 0.1)) for one, none in zip(rounds, idle, strict=True)]


def _percentile(result: Round, percent: int) -> float:
    return result.calls[min(len(result.calls) * percent // 100, len(result.calls) - 1)] / 1000


def _read_back(writers: Sequence[Writer], sent: dict[str, dict[str, int]]) -> dict[str, Any]:
    return {path.name: vars(check(path, sent[writer.name])) for writer in writers for path in writer.files}


def report(figures: dict[str, Any]) -> str:
    """The figures as text."""
    lines = ["us per event; ratios to stdlib logging in one file, given fields / given text: medians over the rounds"]
    for load, by_writer in figures["loads"].items():
        lines += ["", f"{load:28}{'wall':>7}{'to stdlib':>13}{'CPU':>8}{'to stdlib':>13}{'p50':>8}{'p99':>10}"]
        for name, row in by_writer.items():
            lines.append(
                f"  {name:26}{row['wall_us']:7.1f}{row['wall_to_fields']:7.2f} /{row['wall_to_text']:4.2f}"
                f"{row['cpu_us']:8.1f}{row['cpu_to_fields']:7.2f} /{row['cpu_to_text']:4.2f}{row['p50_us']:8.1f}{row['p99_us']:10.1f}"
            )
    lines += ["", "ours to stdlib logging with as many files, given fields (wall, CPU)"]
    for load, by_writer in figures["loads"].items():
        rows = {name.split(", ")[1]: by_writer[name] for name in LIKE_FOR_LIKE}
        ratios = [f"{files} {row['wall_like_for_like']:.2f} {row['cpu_like_for_like']:.2f}" for files, row in rows.items()]
        lines.append(f"  {load:26}{', '.join(ratios)}")
    lines += ["", f"{'file':28}{'events':>9}{'lost':>9}{'torn':>9}"]
    lines += [f"  {name:26}{row['sent']:9}{row['lost']:9}{row['torn']:9}" for name, row in figures["files"].items()]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 where a line of ours was lost or torn."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emit", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds: fewer rounds and events")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="emit-") as directory:
        figures = run(*(QUICK if options.quick else FULL), Path(directory))
    print(report(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    ours = [row for name, row in figures["files"].items() if name.endswith("_retail.log") or name == "one.log"]
    return 1 if any(row["lost"] or row["torn"] for row in ours) else 0


if __name__ == "__main__":
    sys.exit(main())
