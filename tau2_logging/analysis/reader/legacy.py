"""The two dialects of log that the older ToolOrchestra runner wrote, read as if they were ours.

Differences: times with two decimals, `True`/`False`, `task=global` outside of a task, other names for what vLLM measured, no domain, no
run, no start time, and values that are written as they are, spaces included.
"""

from __future__ import annotations

import re

from tau2_logging.analysis.store.column_types import META, own_column
from tau2_logging.errors import CodecError
from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import Value, decode_value

Row = dict[str, Value | None]
"""What the event of a line says, by column; level, time, task (None for an event of the run), thread and type come first."""

ALIASES = {
    "toolorchestra_vllm_infer_ms": "vllm_infer_ms",
    "toolorchestra_vllm_prefill_ms": "ttft_ms",
    "toolorchestra_vllm_decode_ms": "decode_ms",
    "toolorchestra_vllm_prefill_len": "input_tokens",
    "toolorchestra_vllm_decode_len": "output_tokens",
    "prefill_ms": "ttft_ms",
    "prefill_len": "input_tokens",
    "decode_len": "output_tokens",
}
"""Old name of a field and the one that means the same today (vLLM's prefill time is the time to first token)."""

_HEADER = re.compile(
    r"\[(?P<level>[A-Z_]+)\] (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) "
    r"task=(?P<task>.*?) thread=(?P<thread>\d+) type=(?P<type>[\w.-]+)"
)
_NEXT = re.compile(r" (?=[A-Za-z_][A-Za-z0-9_.]*=)")
_TRUTH = {"True": True, "False": False}


def legacy_row(text: str) -> Row | None:
    """Return what the event of a line says whose values hold bare spaces; None for what is no event of the old runner."""
    header = _HEADER.search(text)
    if header is None or " run=" in text or len(_HEADER.findall(text)) > 1:
        return None
    row: Row = {**header.groupdict(), "thread": int(header["thread"])}
    for pair in _NEXT.split(text[header.end() :].strip()):
        name, equals, value = pair.partition("=")
        if not equals or not value or own_column(name) in row:
            return None
        row[own_column(name)] = _value(value, field_type(name))
    return from_legacy(row)


def _value(text: str, type_: str | None) -> Value:
    try:
        return decode_value(text, type_) if text and text[0] != '"' else text
    except CodecError:
        return text


def from_legacy(row: Row) -> Row:
    """Return the row with today's names and values, if its event is one of the old runner (it has no run); else the row itself."""
    if "run" in row:
        return row
    row = {ALIASES.get(name, name): value for name, value in row.items() if ALIASES.get(name) not in row}
    if row["type"] == "tool_call" and "tool" in row and "function" not in row:
        row["function"] = row.pop("tool")
    row = {name: _TRUTH.get(value, value) if isinstance(value, str) and name not in META else value for name, value in row.items()}
    return {**row, "task": None if row["task"] == "global" else row["task"]}
