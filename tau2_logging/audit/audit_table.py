"""The table of an audit: what was counted, a column for each domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tau2_logging.audit.domain_audit import DomainAudit, Ratio
from tau2_logging.audit.finding_kinds import KINDS
from tau2_logging.audit.judge_audit import VERDICTS
from tau2_logging.audit.mutants import MUTANT_KINDS
from tau2_logging.audit.task_audit import IDLE_AGENTS


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
    for part in sorted({part for audit in audits for part in audit.parts}):
        yield [f"wrong mutants refused by {part}", *(_of(audit.parts.get(part, (0, 0))) for audit in audits)]
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
