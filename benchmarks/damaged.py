"""Randomly damaged logs, events and results files through the analyzer: no traceback, and no report lost.

    python -m benchmarks.damaged [--cases 1000] [--seed 6] [--formats console csv ...]

Inputs are those of one small run of the scripted models. The seeds are fixed: case 17 is the same damage each time.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.cli.analyze_timing import main as analyze
from tau2_logging.cli.run_local import main as run_local

FORMATS = ("console", "csv", "json", "markdown", "parquet", "png", "trace", "speedscope", "html")
VALUES = (
    "nan", "soon", "-1", "-1e308", "1e308", "1e300", "true", '""', '"\\ud83d"', "9" * 30, "0", "null", "{}", "-", '"a=b"', "\0", "\ufeff",
)  # fmt: skip
JSON_VALUES: tuple[Any, ...] = (
    None, True, -1, 5, 1e308, float("nan"), "", "soon", "\ud83d", [], {}, [[]], {"a": [None]}, "9" * 400, "9999-12-31T00:00:00",
)  # fmt: skip
LOG, EVENTS, RESULTS = "log", "events", "results"
KINDS = (LOG, EVENTS, RESULTS)


@dataclass(frozen=True)
class Made:
    """Files of a run."""

    log: Path
    run: Path


@dataclass(frozen=True)
class Outcome:
    """What the analyzer did with a damaged input; `faults` is empty if all is well."""

    number: int
    kind: str
    code: int
    faults: tuple[str, ...]


def make_run(folder: Path) -> Made:
    """A small run of mock with structured events, faults and an agent that recovers."""
    arguments = ["--domains", "mock", "--num-trials", "2", "--log-level", "DEBUG", "--events", "--log-dir", str(folder), "--no-progress"]
    agent = ["--agent", "enhanced_agent", "--agent-llm-args", '{"faults": {"invalid_args": 0.2, "server_error": 0.05}, "bad_writes": 0.3}']
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        run_local([*arguments, *agent])
    return Made(folder / "tau2_mock.log", next((folder / "runs").iterdir()))


def damaged_text(chance: random.Random, data: bytes) -> bytes:
    """One to four damages: bytes flipped, cut or repeated, NUL bytes, lines lost, doubled or in another order, values that do not fit."""
    for _ in range(chance.randint(1, 4)):
        data = chance.choice(_DAMAGES)(chance, data)
    return data


def _flip(chance: random.Random, data: bytes) -> bytes:
    raw = bytearray(data)
    for _ in range(chance.randint(1, 40)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw)


def _cut(chance: random.Random, data: bytes) -> bytes:
    begin = chance.randrange(len(data))
    return data[:begin] + data[begin + chance.randint(1, max(1, len(data) // 2)) :] or data


def _zeros(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes(chance.randint(1, 3000)) + data[place:]


def _lines(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    if chance.random() < 0.3:
        chance.shuffle(lines)
    return b"".join(line * chance.choice((0, 1, 1, 1, 1, 2)) for line in lines) or data


def _value(chance: random.Random, data: bytes) -> bytes:
    """One field gets another value, in some lines or in all."""
    text = data.decode("utf-8", "replace")
    names = sorted({word.partition("=")[0] for word in text.split(" ") if "=" in word and word.partition("=")[0].isidentifier()})
    if not names:
        return data
    name, value, share = chance.choice(names), chance.choice(VALUES), chance.choice((0.02, 0.3, 1.0))
    words = text.split(" ")
    kept = [f"{name}={value}" if word.startswith(f"{name}=") and "\n" not in word and chance.random() < share else word for word in words]
    return " ".join(kept).encode("utf-8", "replace")


def _digits(chance: random.Random, data: bytes) -> bytes:
    return bytes(chance.choice(b"-.e9 ") if 48 <= byte < 58 and chance.random() < 0.002 else byte for byte in data)


_DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (_flip, _cut, _zeros, _lines, _value, _value, _value, _digits)


def damaged_json(chance: random.Random, data: Any) -> Any:
    """Some places of a document hold something else, or nothing."""
    for _ in range(chance.randint(1, 6)):
        data = _replaced(chance, data)
    return data


def _replaced(chance: random.Random, data: Any) -> Any:
    if not isinstance(data, (dict, list)) or not data or chance.random() < 0.12:
        return chance.choice(JSON_VALUES)
    keys: list[Any] = list(data) if isinstance(data, dict) else list(range(len(data)))
    key = chance.choice(keys)
    changed = dict(data) if isinstance(data, dict) else list(data)
    if chance.random() < 0.05:
        changed.pop(key)  # type: ignore[arg-type]
    else:
        changed[key] = _replaced(chance, changed[key])
    return changed


def _damaged_file(chance: random.Random, source: Path, target: Path) -> None:
    data = source.read_bytes()
    if source.suffix == ".json" and chance.random() < 0.8:
        document = data and json.dumps(damaged_json(chance, json.loads(data)))
        target.write_text(document, encoding="utf-8")
    elif source.suffix == ".jsonl" and chance.random() < 0.8:
        lines = [json.loads(line) for line in data.splitlines()]
        kept = [damaged_json(chance, line) if chance.random() < 0.1 else line for line in lines]
        target.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    else:
        target.write_bytes(damaged_text(chance, data))


def arguments_of(made: Made, kind: str, chance: random.Random, folder: Path) -> list[str]:
    """The damaged input in `folder`, and how the analyzer is asked about it."""
    if kind == LOG:
        target = folder / "tau2_mock.log"
        target.write_bytes(damaged_text(chance, made.log.read_bytes()))
        compared = ["--compare", str(made.log)] if chance.random() < 0.2 else []
        return ["--log_file", str(target), "--run", chance.choice(("all", "latest")), "--bins", "7", "--price-as", "gpt-4.1", *compared]
    source = made.run / ("events_mock.jsonl" if kind == EVENTS else "results_mock.json")
    target = folder / source.name
    _damaged_file(chance, source, target)
    if kind == EVENTS or chance.random() < 0.5:
        return ["--log_file", str(made.log), str(target), "--deep"]
    return ["--results", str(target), *(["--deep"] if chance.random() < 0.6 else [])]


def try_case(made: Made, number: int, seed: int, formats: Sequence[str], folder: Path) -> Outcome:
    """Damage an input and analyze it. Faults: a warning, a traceback, a report that could not be made, an unknown exit code."""
    chance = random.Random(seed * 1_000_003 + number)
    kind = KINDS[number % len(KINDS)]
    place = folder / f"case{number}"
    place.mkdir()
    asked = arguments_of(made, kind, chance, place)
    out, said = io.StringIO(), io.StringIO()
    faults: list[str] = []
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            analyze([*asked, "--format", *formats, "--output_dir", str(place / "out")])
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:
            faults.append(f"{type(error).__name__}: {error}")
    faults += [str(warning.message)[:200] for warning in heard]
    marks = ("Traceback", "error: the report", "error: the analysis failed", "Warning:")
    faults += [line for line in said.getvalue().splitlines() if any(mark in line for mark in marks)]
    faults += [] if code in (0, 1, 2) else [f"exit code {code}"]
    return Outcome(number, kind, code, tuple(faults))


def outcomes(cases: int, seed: int, formats: Sequence[str], folder: Path, first: int = 0) -> Iterator[Outcome]:
    """The cases from `first` on, one after the other."""
    made = make_run(folder / "run")
    for number in range(first, first + cases):
        yield try_case(made, number, seed, formats, folder)


def main() -> None:
    """Run the cases and say what failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case: two processes can share the work")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    args = parser.parse_args()
    codes: Counter[tuple[str, int]] = Counter()
    failed, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tau2_damaged_") as folder:
        for outcome in outcomes(args.cases, args.seed, args.formats, Path(folder), args.first):
            codes[outcome.kind, outcome.code] += 1
            failed += bool(outcome.faults)
            for fault in outcome.faults[:3]:
                print(f"case {outcome.number} ({outcome.kind}): {fault}", flush=True)
    for (kind, code), count in sorted(codes.items()):
        print(f"{kind}: {count} ended with exit code {code}")
    print(f"{args.cases} cases, {failed} with a traceback, a warning or a lost report, {time.monotonic() - began:.0f} s")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
