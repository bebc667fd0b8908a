"""What readers (`--reader`) said of failed simulations: JSON Lines in `readings.jsonl`, beside the results file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError

READINGS_FILE = "readings.jsonl"

SavedReading = dict[str, Any]
"""run, domain, task, trial, reader, question (its hash), fault, turn, quote, why, problem, input_tokens, output_tokens, cost_usd."""


def read_readings(sources: Iterable[str]) -> tuple[SavedReading, ...]:
    """Return the readings beside these files, the last one of each simulation and reader. A line that is none is left out."""
    found: dict[tuple[Any, ...], SavedReading] = {}
    for folder in dict.fromkeys(Path(source).resolve().parent for source in sources):
        for row in saved_readings(folder / READINGS_FILE):
            found[row["run"], row["domain"], row["task"], row["trial"], row["reader"]] = row
    return tuple(found.values())


def saved_readings(path: Path) -> list[SavedReading]:
    """Return the readings of a file, in order."""
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
            named = {name: str(row[name]) for name in ("run", "domain", "task", "reader", "question")}
            rows.append({**row, **named, "trial": int(row["trial"])})
        except (ValueError, KeyError, TypeError):
            continue
    return rows


def add_reading(path: Path, row: SavedReading) -> None:
    """Append a reading. Raises UserError if the file cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({name: value for name, value in row.items() if value not in (None, "")}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
