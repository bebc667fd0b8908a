"""`events_{domain}.jsonl`: what a run recorded of each tool call besides its result, and what an agent put right or left out."""

from __future__ import annotations

from pathlib import Path

from tau2_logging.analysis.deep.reading.files.results_files import SHOWN
from tau2_logging.analysis.deep.reading.recorded import Row, Rows
from tau2_logging.analysis.store.column_types import is_text
from tau2_logging.analysis.store.file_counts import Rejected
from tau2_logging.errors import UserError
from tau2_logging.events import ContextReductionEvent, CorrectionEvent, RejectedLine, StructuredEvent, ToolExecutionEvent, read_events

LIVE = (None, "live")
_MOST = 1e15


def read_event_file(path: Path) -> Rows:
    """Return the rows of an events file. A line that cannot be read is kept apart; a file without an event raises UserError."""
    rows, events = Rows(), 0
    for number, event in enumerate(read_events(path), 1):
        if isinstance(event, RejectedLine):
            rows.refused.append(Rejected(str(path), event.number, event.reason, ""))
            continue
        if wrong := _unbelievable(event):
            rows.refused.append(Rejected(str(path), number, wrong, ""))
            continue
        events += 1
        if isinstance(event, ToolExecutionEvent) and event.phase in LIVE:
            rows.calls.append(_call(event))
        elif isinstance(event, (CorrectionEvent, ContextReductionEvent)):
            rows.remarks.append(_remark(event))
    if not events:
        raise UserError(f"no event in {path}; give events_<domain>.jsonl of a run, or its folder")
    return rows


def _unbelievable(event: StructuredEvent) -> str | None:
    """Return why an event is refused whose values have their types: a number that no run can have, half of a character."""
    for name, value in vars(event).items():
        if isinstance(value, int | float) and not 0 <= value <= _MOST:
            return f"{name} is {value}, which no run can have"
        if isinstance(value, str) and not is_text(value):
            return f"{name} holds half of a character (a lone surrogate)"
    return None


def _key(event: StructuredEvent) -> Row:
    return {"run": event.run, "domain": event.domain, "task": None if event.task is None else str(event.task), "trial": event.trial}


def _call(event: ToolExecutionEvent) -> Row:
    checked = event.tool_type is not None  # a tool that does not exist has no signature to be checked against
    checks = {name: list(getattr(event, name)) if checked else None for name in ("missing", "unexpected", "wrong_type", "outside_enum")}
    return {
        **_key(event), "call_id": event.call_id, "requestor": event.requestor, "tool": event.tool, "tool_type": event.tool_type,
        "arguments": dict(event.arguments), "argument_count": event.argument_count, "argument_bytes": event.argument_bytes,
        "complexity": event.complexity, **checks, "error": not event.success, "error_text": event.error_message,
        "result": (event.result_preview or "")[:SHOWN], "state_changed": event.state_changed, "duration_ms": event.duration_ms,
        "turn": event.step,
    }  # fmt: skip


def _remark(event: CorrectionEvent | ContextReductionEvent) -> Row:
    if isinstance(event, CorrectionEvent):
        return {**_key(event), "kind": event.type, "tool": event.tool, "what": event.problem, "outcome": event.outcome}
    return {
        **_key(event),
        "kind": event.type,
        "what": event.strategy,
        "tokens_before": event.tokens_before,
        "tokens_after": event.tokens_after,
    }
