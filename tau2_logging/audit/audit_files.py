"""What an audit writes and prints: audit/<domain>.json, sound.json, audit.md and audit.html beside it, and a summary for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.analysis.reports.text.markdown_table import escape, table_lines
from tau2_logging.audit.audit_page import page
from tau2_logging.audit.audit_table import rows
from tau2_logging.audit.domain_audit import DomainAudit
from tau2_logging.audit.finding_kinds import KINDS
from tau2_logging.audit.task_changes import DomainChanges, Edition, changes_markdown
from tau2_logging.errors import UserError
from tau2_logging.soundness.audited_tasks import CHANGES

FOLDER = "audit"
_FOUND = ("task", "finding", "evidence")
_WRONG = ("task", "conversation", "assertion", "expected", "verdict", "found", "reason")


def write_audit(audits: Sequence[DomainAudit], output_dir: Path) -> Path:
    """Write all files; return their folder. Raises UserError if it cannot be written."""
    folder = output_dir / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for audit in audits:
            _write_json(folder / f"{audit.domain}.json", audit.as_json())
        _write_json(folder / "sound.json", {audit.domain: audit.sound_json() for audit in audits})
        (folder / "audit.md").write_text("\n".join(markdown(audits)) + "\n", encoding="utf-8")
        (folder / "audit.html").write_text(page(audits), encoding="utf-8")
        for audit in audits:
            (folder / f"{audit.domain}.partial.jsonl").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another --output-dir") from error
    return folder


def write_changes(found: Sequence[DomainChanges], here: Edition, there: Edition, output_dir: Path) -> Path:
    """Write changes.json and changes.md; return their folder. Raises UserError if they cannot be written."""
    folder = output_dir / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data = {"here": here.name, "there": there.name, "domains": {one.domain: one.as_json() for one in found}}
        _write_json(folder / CHANGES, data)
        (folder / "changes.md").write_text("\n".join(changes_markdown(found, here, there)) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another --output-dir") from error
    return folder


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def summary(audits: Sequence[DomainAudit]) -> str:
    """Return the table for a terminal."""
    table = list(rows(audits))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in table
    ]
    return "\n".join(lines)


def markdown(audits: Sequence[DomainAudit]) -> Iterator[str]:
    """Yield the lines of audit.md: the table, what each kind means, then every finding."""
    yield from ("# Audit", "", ", ".join(sorted({audit.release for audit in audits})), "")
    head, *body = rows(audits)
    yield from (*table_lines(head, body, [False] + [True] * len(audits)), "")
    met = [kind for kind in KINDS if any(audit.kinds[kind] for audit in audits)]
    yield from (f"- `{kind}`{'' if KINDS[kind].unsound else ' (a hint)'}: {KINDS[kind].meaning}" for kind in met)
    for audit in audits:
        found = [(task.task, finding) for task in audit.tasks for finding in task.findings]
        if found:
            yield from ("", f"## {escape(audit.domain)}", "")
            yield from table_lines(_FOUND, ([task, finding.kind, finding.evidence] for task, finding in found), [False] * len(_FOUND))
        if audit.judge is not None and audit.judge.wrong:
            yield from ("", f"## {escape(f'{audit.domain}: verdicts of {audit.judge.model}')}", "")
            wrong = ([str(one[name]) for name in _WRONG] for one in audit.judge.wrong)
            yield from table_lines(_WRONG, wrong, [False] * len(_WRONG))
