"""The two dialects of log that the older ToolOrchestra runner wrote, read as if they were ours.

Differences: times with two decimals, `True`/`False`, `task=global` outside of a task, other names for what vLLM measured, no domain, no
run, no start time, and values that are written as they are, spaces included.
"""

from __future__ import annotations

import re
from dataclasses import replace

from tau2_logging.analysis.reader.line import Line
from tau2_logging.errors import CodecError
from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import Value, decode_value

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


def legacy_line(text: str) -> Line | None:
    """Return the event of a line whose values hold bare spaces; None for what is no event of the old runner."""
    header = _HEADER.search(text)
    if header is None or " run=" in text or len(_HEADER.findall(text)) > 1:
        return None
    fields: dict[str, Value] = {}
    for pair in _NEXT.split(text[header.end() :].strip()):
        name, equals, value = pair.partition("=")
        if not equals or not value or name in fields:
            return None
        fields[name] = _value(value, field_type(name))
    return Line(header["level"], header["time"], header["task"], int(header["thread"]), header["type"], fields)


def _value(text: str, type_: str | None) -> Value:
    try:
        return decode_value(text, type_) if text and text[0] != '"' else text
    except CodecError:
        return text


def from_legacy(line: Line) -> Line:
    """Return the line with today's names and values, if it is one of the old runner (it has no run); else the line itself."""
    if "run" in line.fields:
        return line
    fields = {ALIASES.get(name, name): value for name, value in line.fields.items() if ALIASES.get(name) not in line.fields}
    if line.type == "tool_call" and "tool" in fields and "function" not in fields:
        fields["function"] = fields.pop("tool")
    fields = {name: _TRUTH.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}
    return replace(line, task=None if line.task == "global" else line.task, fields=fields)
