"""The rules on the labeled public results files: `python -m benchmarks.attribution public FOLDER`.

Prints precision and share found of each fault, and each rule's precision. With `--held-out` it takes the labels that no rule was written
on when they were made; `python -m benchmarks.attribution first` prints what was said of those the first time. With `--write` it keeps
what the rules decided, by ids, in tests/golden/attribution/decisions.jsonl; the table of precisions in the package is counted from it by
a test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import records
from tau2_logging.statistics.intervals import wilson

QUANTILE = 1.959964
"""Of the normal distribution, for 95 % intervals."""
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "attribution"

Row = dict[str, Any]


def rows_of(name: str) -> list[Row]:
    """Return the rows of a file of the golden folder."""
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


def decisions(folder: Path, files: Iterable[str]) -> Iterator[Row]:
    """Yield what the rules decide of each failed simulation of the files."""
    for name in files:
        for row in records(attribution(LogAnalyzer(folder / name).recorded)):
            yield {"file": name, **{key: row[key] for key in ("task", "trial", "fault", "rule", "turn", "second")}}


def key_of(row: Row) -> tuple[str, str, int]:
    """Return what tells a simulation from others: file, task, trial."""
    return row["file"], row["task"], row["trial"]


def confusion(labels: Iterable[Row], decided: Iterable[Row]) -> Counter[tuple[str, str]]:
    """Return how often a label met a decision, by (label, decision)."""
    found = {key_of(row): row["fault"] for row in decided}
    return Counter((row["fault"], found[key_of(row)]) for row in labels)


def by_rule(labels: Iterable[Row], decided: Iterable[Row]) -> dict[str, tuple[int, int]]:
    """Return (right, of) of each rule."""
    meant = {key_of(row): row["fault"] for row in labels}
    of = Counter(row["rule"] for row in decided if row["rule"])
    right = Counter(row["rule"] for row in decided if row["rule"] and meant[key_of(row)] == row["fault"])
    return {rule: (right[rule], number) for rule, number in of.most_common()}


def _turns(labels: Iterable[Row], decided: Iterable[Row]) -> Iterator[int]:
    """Yield how many messages the turn of each right decision is from that of the label."""
    found = {key_of(row): row for row in decided}
    for row in labels:
        mine = found[key_of(row)]
        if mine["fault"] == row["fault"] and mine["turn"] is not None and row["turn"] is not None:
            yield abs(int(mine["turn"]) - int(row["turn"]))


def tell(labels: Sequence[Row], decided: Iterable[Row]) -> None:
    """Print precision and share found of each fault with Wilson's 95 % intervals, how far off the turns are, and each rule."""
    decided = list(decided)
    table = confusion(labels, decided)
    for fault in sorted({fault for pair in table for fault in pair}):
        right = table[fault, fault]
        said, meant = (sum(number for pair, number in table.items() if pair[at] == fault) for at in (1, 0))
        print(
            f"{fault:14} said {said:3}, right {right:3}, labeled {meant:3}; precision {_share(right, said)}, found {_share(right, meant)}"
        )
    turns = list(_turns(labels, decided))
    print(f"turn: of {len(turns)} right decisions {turns.count(0)} exact, {sum(far <= 2 for far in turns)} within two messages")
    for rule, (right, of) in by_rule(labels, decided).items():
        print(f"  {right:2} of {of:2}  {rule}")


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    low, high = wilson(part / whole, whole, QUANTILE)
    return f"{part / whole:.2f} ({low:.2f} to {high:.2f})"


def measure(folder: Path, write: bool, held_out: bool = False) -> None:
    """Print how the rules agree with the labels, or with those that no rule was written on, as far as their files lie in the folder."""
    labels = [row for row in rows_of("held_out.jsonl" if held_out else "labels.jsonl") if (folder / row["file"]).exists()]
    labeled = {key_of(row) for row in labels}
    decided = [row for row in decisions(folder, dict.fromkeys(row["file"] for row in labels)) if key_of(row) in labeled]
    tell(labels, decided)
    if write:
        (GOLDEN / "decisions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in decided), encoding="utf-8")


def first() -> None:
    """Print for each round of held-out labels what the rules had said of it before they were mended on it. No file is needed."""
    labels, said = rows_of("held_out.jsonl"), {key_of(row): row for row in rows_of("held_out_decisions.jsonl")}
    for number in sorted({row["round"] for row in labels}):
        mine = [row for row in labels if row["round"] == number]
        print(f"round {number}: {len(mine)} simulations of {len({row['file'] for row in mine})} files")
        tell(mine, [said[key_of(row)] for row in mine])
