"""audit.html: the audit as one page that needs no network, light or dark as the reader has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from tau2_logging.audit.audit_table import rows
from tau2_logging.audit.domain_audit import DomainAudit
from tau2_logging.audit.finding_kinds import KINDS

_STYLE = Path(__file__).parent / "assets" / "audit.css"
_MOST_SHOWN = 400
"""Findings of a kind in a domain."""


def page(audits: Sequence[DomainAudit]) -> str:
    """Return the page."""
    body = "\n".join(_body(audits))
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Audit</title><style>\n{style}</style></head><body><main>\n{body}\n</main></body></html>\n"
    )


def _body(audits: Sequence[DomainAudit]) -> Iterator[str]:
    yield "<h1>Is the benchmark sound?</h1>"
    releases = ", ".join(sorted({audit.release for audit in audits}))
    yield f'<p class="faint">{escape(releases)}. Dashed line: the share that an agent solves that makes no call.</p>'
    yield '<div class="domains">'
    yield from map(_card, audits)
    yield "</div>"
    yield from _counts(audits)
    for audit in audits:
        yield from _findings(audit)
        yield from _judge(audit)


def _card(audit: DomainAudit) -> str:
    of = len(audit.tasks)
    parts = [(name, len(audit.with_verdict(verdict))) for name, verdict in (("sound", True), ("unsound", False), ("open", None))]
    bar = "".join(f'<span class="{name}" style="width:{100 * number / of:.2f}%"></span>' for name, number in parts)
    solved, scored = audit.idle
    floor = f'<i style="left:{100 * solved / scored:.2f}%"></i>' if scored else ""
    words = f"{parts[1][1]} unsound" + (f", {parts[2][1]} not examined" if parts[2][1] else "")
    said = f"floor: {solved} of {scored} ({100 * solved / scored:.1f} %)" if scored else "floor: unknown"
    return (
        f'<section class="card"><h2>{escape(audit.domain)}</h2><div class="number">{parts[0][1]} of {of} sound</div>'
        f'<div class="bar">{bar}</div><div class="floor">{floor}</div><div>{words}</div><div>{said}</div></section>'
    )


def _counts(audits: Sequence[DomainAudit]) -> Iterator[str]:
    head, *body = rows(audits)
    yield '<section class="card"><h2>Counts</h2><div class="scroll"><table class="counts"><thead>'
    yield f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr></thead><tbody>"
    yield from (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in body)
    yield "</tbody></table></div></section>"


def _findings(audit: DomainAudit) -> Iterator[str]:
    yield f'<section class="card"><h2>{escape(audit.domain)}: findings</h2>'
    for kind, about in KINDS.items():
        found = [(task.task, one.evidence) for task in audit.tasks for one in task.findings if one.kind == kind]
        if found:
            mark = '<b class="unsound">unsound</b>' if about.unsound else "hint"
            yield f"<details><summary><code>{kind}</code> · {audit.kinds[kind]} tasks · {mark}: {escape(about.meaning)}</summary>"
            yield from _evidence(("task", "evidence"), found)
            yield "</details>"
    if not any(task.findings for task in audit.tasks):
        yield "<p>Nothing was found.</p>"
    yield "</section>"


def _judge(audit: DomainAudit) -> Iterator[str]:
    if audit.judge is None:
        return
    yield f'<section class="card"><h2>{escape(audit.domain)}: the judge {escape(audit.judge.model)}</h2>'
    yield f"<p>{audit.judge.counts['right']} of {audit.judge.verdicts} verdicts are right.</p>"
    names = ("task", "conversation", "assertion", "found", "reason")
    yield from _evidence(names, [tuple(str(one[name]) for name in names) for one in audit.judge.wrong]) if audit.judge.wrong else ()
    yield "</section>"


def _evidence(head: Sequence[str], found: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f'<div class="scroll"><table class="evidence"><thead><tr>{"".join(f"<th>{name}</th>" for name in head)}</tr></thead><tbody>'
    yield from (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in found[:_MOST_SHOWN])
    yield "</tbody></table></div>"
    if len(found) > _MOST_SHOWN:
        yield f'<p class="faint">{len(found) - _MOST_SHOWN} more are in audit.md.</p>'
