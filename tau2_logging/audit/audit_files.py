"""What an audit writes and prints: audit/<domain>.json, audit/sound.json, audit/audit.md, and a summary for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.audit.domain_audit import DomainAudit, Ratio
from tau2_logging.audit.finding_kinds import KINDS
from tau2_logging.audit.judge_audit import VERDICTS
from tau2_logging.audit.mutants import MUTANT_KINDS
from tau2_logging.audit.task_audit import IDLE_AGENTS
from tau2_logging.errors import UserError

FOLDER = "audit"
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
        for audit in audits:
            (folder / f"{audit.domain}.partial.jsonl").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another --output-dir") from error
    return folder


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rows(audits: Sequence[DomainAudit]) -> Iterator[list[str]]:
    """Yield the table: a head, then what was counted, a column for each domain."""
    yield ["", *(audit.domain for audit in audits)]
    yield ["tasks", *(str(len(audit.tasks)) for audit in audits)]
    yield ["sound", *(str(len(audit.with_verdict(True))) for audit in audits)]
    yield ["unsound", *(str(len(audit.with_verdict(False))) for audit in audits)]
    yield ["not examined", *(str(len(audit.with_verdict(None))) for audit in audits)]
    yield ["reference scores 1", *(_of(audit.reference) for audit in audits)]
    for agent in IDLE_AGENTS:
        yield [f"solved by an agent that {agent}", *(_of(audit.idle_of(agent)) for audit in audits)]
    for kind in MUTANT_KINDS:
        yield [f"scored rightly: {kind}", *(_of(audit.mutants_of(kind)) for audit in audits)]
    yield from _judge_rows(audits)
    for kind in KINDS:
        if any(audit.kinds[kind] for audit in audits):
            yield [f"tasks with {kind}", *(str(audit.kinds[kind]) for audit in audits)]


def _judge_rows(audits: Sequence[DomainAudit]) -> Iterator[list[str]]:
    found = [audit.judge for audit in audits]
    if any(found):
        for name in (*VERDICTS, "against_own_words"):
            cells = ["-" if one is None else f"{one.as_json()[name]}/{one.verdicts}" for one in found]
            yield [f"judge: {name}", *cells]
        for name in ("empty", "failed"):
            yield [f"judge: {name} answers", *("-" if one is None else f"{one.as_json()[name]}/{one.calls}" for one in found)]


def _of(ratio: Ratio) -> str:
    return f"{ratio[0]}/{ratio[1]}" if ratio[1] else "-"


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
    yield from (_row(head), _row(["---"] + ["---:"] * (len(head) - 1)), *map(_row, body), "")
    met = [kind for kind in KINDS if any(audit.kinds[kind] for audit in audits)]
    yield from (f"- `{kind}`{'' if KINDS[kind].unsound else ' (a hint)'}: {KINDS[kind].meaning}" for kind in met)
    for audit in audits:
        found = [(task.task, finding) for task in audit.tasks for finding in task.findings]
        if found:
            yield from ("", f"## {audit.domain}", "", "| task | finding | evidence |", "|---|---|---|")
            yield from (_row([task, finding.kind, finding.evidence]) for task, finding in found)
        if audit.judge is not None and audit.judge.wrong:
            yield from (
                "",
                f"## {audit.domain}: verdicts of {audit.judge.model}",
                "",
                f"| {' | '.join(_WRONG)} |",
                f"|{'---|' * len(_WRONG)}",
            )
            yield from (_row([str(one[name]) for name in _WRONG]) for one in audit.judge.wrong)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
