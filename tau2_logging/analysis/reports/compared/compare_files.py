"""The files of a comparison, in an output folder: compare.json, compare.md, compare.html."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tau2_logging.analysis.reports.compared.compare_json import as_json
from tau2_logging.analysis.reports.compared.compare_markdown import markdown
from tau2_logging.analysis.reports.compared.compare_page import page_text
from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.quality_gates import Gate
from tau2_logging.errors import UserError

Written = Callable[[Comparison, Sequence[Gate]], str]


def _json(comparison: Comparison, gates: Sequence[Gate]) -> str:
    return json.dumps(as_json(comparison, gates), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: dict[str, tuple[str, Written]] = {
    "json": ("compare.json", _json),
    "markdown": ("compare.md", markdown),
    "html": ("compare.html", page_text),
}
"""Name of a format -> its file and what is in it."""

CONSOLE = "console"


def write_files(comparison: Comparison, gates: Sequence[Gate], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the formats that are files; those of an earlier comparison are replaced.

    Raises UserError if one cannot be written, PartlyWrittenError if one cannot be made, after the others were written.
    """
    attempts = Attempts()
    for name in formats:
        if name in FORMATS:
            file, content = FORMATS[name]
            texts: list[str] = []
            attempts.make(file, _made, texts, content, comparison, gates)
            attempts.paths += [_written(folder, file, text) for text in texts]
    return attempts.written()


def _made(texts: list[str], content: Written, comparison: Comparison, gates: Sequence[Gate]) -> Sequence[Path]:
    texts.append(content(comparison, gates))
    return ()


def _written(folder: Path, file: str, text: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {folder / file}: {error.strerror}; choose another --output-dir") from error
    return folder / file


def chosen_formats(names: Sequence[str]) -> list[str]:
    """Return the formats that were asked for, all of them by default. Raises UserError for another."""
    known = [CONSOLE, *FORMATS]
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"no format {unknown[0]!r}; there are {', '.join(known)}")
    return list(names) or known
