"""`events_{domain}.jsonl`: what a run recorded of each tool call besides its result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.recorded import Row, Rows
from tau2_logging.analysis.deep.results_files import SHOWN, moment
from tau2_logging.analysis.lines import rejected
from tau2_logging.errors import UserError

TOOL_EXECUTION = "tool_execution"
_SAME = (
    "run", "domain", "trial", "call_id", "requestor", "tool", "tool_type", "argument_count", "argument_bytes", "complexity", "missing",
    "unexpected", "wrong_type", "outside_enum", "state_changed", "duration_ms",
)  # fmt: skip


def read_events(path: Path) -> Rows:
    """The tool calls of an events file. A line that cannot be read is kept apart; a file without an event raises UserError."""
    rows = Rows()
    events = 0
    for number, line in enumerate(_lines(path), 1):
        event = _event(line)
        if event is None:
            if line.strip():
                rows.refused.append(rejected(str(path), number, "not an event in JSON", line))
            continue
        events += 1
        if event["type"] == TOOL_EXECUTION and event.get("phase", "live") == "live":
            rows.calls.append(_call(event))
    if not events:
        raise UserError(f"no event in {path}; give events_<domain>.jsonl of a run, or its folder")
    return rows


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def _call(event: dict[str, Any]) -> Row:
    row: Row = {name: event.get(name) for name in _SAME}
    success = event.get("success")
    arguments = event.get("arguments")
    return {
        **row, "task": None if event.get("task") is None else str(event["task"]), "arguments": arguments if isinstance(arguments, dict) else None,
        "error": None if success is None else not success, "error_text": event.get("error_message"),
        "result": str(event.get("result_preview") or "")[:SHOWN], "turn": event.get("step"), "at": moment(event.get("time")),
    }  # fmt: skip
