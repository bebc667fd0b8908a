"""What a run at DEBUG costs beside one at PROFILE: CPU, and bytes beside the results file of the same run.

    python -m benchmarks.debug                     all tasks of retail, airline and telecom, three times: some five minutes
    python -m benchmarks.debug --tasks 10 --rounds 1

Whole runs of scripted models in one process and one thread, at PROFILE and at DEBUG in turn, in changing order; the ratio is of the
medians. `again` is how far the runs at PROFILE differ among each other: what the ratio is good for. Bytes are those of the files.
`whole prompts` is the log as it would be if each call repeated its prompt, which is put together again and counted. `long, short`: bytes
that the log has for a byte of conversation, in the quarter of the simulations with the longest conversations and in that with the
shortest: what grows with the square of a conversation shows there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from benchmarks.harness.__main__ import DOMAINS, ours
from tau2_logging.events import Event, decode
from tau2_logging.events.logfmt import quote
from tau2_logging.events.sent_prompts import PART, PAYLOAD, Prompts

LEVELS = ("PROFILE", "DEBUG")


def measure(domain: str, tasks: int | None, rounds: int, directory: Path) -> dict[str, float]:
    """CPU and bytes of the runs of a domain."""
    spent: dict[str, list[float]] = {level: [] for level in LEVELS}
    ours(directory / "first", [domain], 1, 1, 1)  # caches are filled
    for number in range(rounds):
        for level in (LEVELS, LEVELS[::-1])[number % 2]:
            folder = directory / f"{number}{level}"
            spent[level].append(ours(folder, [domain], tasks, 1, 1, log_level=level)[0])
    profile, debug = (statistics.median(spent[level]) for level in LEVELS)
    return {
        "profile_s": profile,
        "debug_s": debug,
        "cpu_ratio": debug / profile,
        "again": max(spent["PROFILE"]) / min(spent["PROFILE"]),
        **sizes(directory / "0DEBUG", domain),
        "profile_log_bytes": (directory / "0PROFILE" / f"tau2_{domain}.log").stat().st_size,
    }


def sizes(folder: Path, domain: str) -> dict[str, float]:
    """Bytes of a run's files, and what its log would be with whole prompts."""
    (results,) = folder.glob(f"runs/*/results_{domain}.json")
    log, everything = (folder / f"{kind}_{domain}.log" for kind in ("tau2", "eval"))
    lines = [(line, decode(line.decode())) for line in log.read_bytes().splitlines()]
    long, short = _by_length(lines, json.loads(results.read_text())["simulations"])
    size = results.stat().st_size
    return {
        "simulations": len({(event.task, event.get("trial")) for _, event in lines if event.task is not None}),
        "results_bytes": size,
        "log_ratio": log.stat().st_size / size,
        "everything_ratio": everything.stat().st_size / size,
        "whole_prompts_ratio": _with_whole_prompts(lines) / size,
        "long": long,
        "short": short,
    }


def _with_whole_prompts(lines: list[tuple[bytes, Event]]) -> int:
    prompts = Prompts()
    for _, event in lines:
        prompts.add(event.type, event.fields)
    total = 0
    for line, event in lines:
        if event.type == PAYLOAD:
            total += len(quote(prompts.messages(event.get("run"), event.get("span")) or "").encode())
        total += 0 if event.type == PART else len(line) + 1
    return total


def _by_length(lines: list[tuple[bytes, Event]], simulations: list[dict[str, Any]]) -> tuple[float, float]:
    """Return bytes of the log for a byte of conversation, in the simulations with the longest and with the shortest conversations."""
    written: defaultdict[Any, int] = defaultdict(int)
    for line, event in lines:
        written[event.task] += len(line) + 1
    said = sorted((len(json.dumps(one["messages"], indent=2)), str(one["task_id"])) for one in simulations)
    quarter = max(len(said) // 4, 1)
    ends = said[-quarter:], said[:quarter]
    return tuple(sum(written[task] for _, task in end) / sum(size for size, _ in end) for end in ends)  # type: ignore[return-value]


def report(figures: dict[str, dict[str, float]]) -> None:
    """Print the table."""
    heads = f"{'':10}{'tasks':>6}{'PROFILE':>10}{'DEBUG':>10}{'ratio':>8}{'again':>7}"
    print(f"{heads}   log/results, eval/results, whole prompts; long, short")
    for domain, row in figures.items():
        cpu = f"{row['profile_s']:8.2f} s{row['debug_s']:8.2f} s{row['cpu_ratio']:8.3f}{row['again']:7.2f}"
        size = f"{row['log_ratio']:.2f}, {row['everything_ratio']:.2f}, {row['whole_prompts_ratio']:.1f}"
        print(f"{domain:10}{row['simulations']:6.0f}{cpu}   {size}; {row['long']:.2f}, {row['short']:.2f}")
    profile, debug = (sum(row[name] for row in figures.values()) for name in ("profile_s", "debug_s"))
    print(f"all: {profile:.2f} s, {debug:.2f} s, {debug / profile:.3f} (targets 1.15; log to results 2.5)")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.debug", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, help="tasks of each domain (default: all)")
    parser.add_argument("--domains", nargs="+", default=list(DOMAINS), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="runs at each level (default: 3)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    figures = {}
    for domain in options.domains:
        with tempfile.TemporaryDirectory() as directory:
            figures[domain] = measure(domain, options.tasks, options.rounds, Path(directory))
    report(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
