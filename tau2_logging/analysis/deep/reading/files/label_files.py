"""Labels that people give failed simulations: JSON Lines in `labels.jsonl`, in the folder of the run or of the results file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import mask_text

LABELS_FILE = "labels.jsonl"
KEY = ("run", "domain", "task", "trial")

Label = dict[str, Any]


def read_labels(sources: Iterable[str]) -> tuple[Label, ...]:
    """Return the labels beside these files, the last one of each simulation. A line that is no label is left out."""
    found: dict[tuple[Any, ...], Label] = {}
    for folder in dict.fromkeys(Path(source).resolve().parent for source in sources):
        path = folder / LABELS_FILE
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
            try:
                row = json.loads(line)
                found[str(row["run"]), str(row["domain"]), str(row["task"]), int(row["trial"])] = {**row, "fault": str(row["fault"])}
            except (ValueError, KeyError, TypeError):
                continue
    return tuple(found.values())


def add_label(path: Path, label: Label) -> None:
    """Append a label; what looks like a credential in its note is masked. Raises UserError if the file cannot be written."""
    if label.get("note"):
        label = {**label, "note": mask_text(str(label["note"]))}
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(label, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
