"""One line of text: an event, something that looks like one but cannot be read, or other text.

Reads exactly what `events.decode` reads, faster for long literals, and besides it what decode does not know: an event behind a prefix,
and the two dialects of the older ToolOrchestra runner (`legacy`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from tau2_logging.analysis.reader.legacy import from_legacy, legacy_line
from tau2_logging.analysis.reader.line import Line, Rejected
from tau2_logging.errors import CodecError
from tau2_logging.events import LEVELS, level_name
from tau2_logging.events.codec import HEADER
from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import Value, decode_task, decode_value

_BARE = re.compile(r' ([A-Za-z_][A-Za-z0-9_.]*)=(?:([^\s"=\\]+)|(?="))')
_LOOKS_LIKE_EVENT = re.compile(r"(?:^|\s)type=")
_LITERAL = json.JSONDecoder()
_SHOWN = 2000


def read_line(text: str, events_only: bool) -> Line | str | None:
    """Return the event of a line, the reason why it cannot be read, or None for other text.

    `events_only`: the file holds nothing but events (tau2_*.log), so that any other text is a line that cannot be read.
    """
    if " type=" not in text:
        return _other_text(text, events_only)
    header = HEADER.match(text) or HEADER.search(text)
    if header is None:
        return legacy_or_reason(text, "no event: expected '[LEVEL] YYYY-MM-DD HH:MM:SS.mmm task=... thread=... type=...'")
    try:
        return from_legacy(decode_from(text, header))
    except (CodecError, ValueError) as error:
        return legacy_or_reason(text[header.start() :], str(error))


def _other_text(text: str, events_only: bool) -> str | None:
    text = text.strip()
    if not text:
        return None
    if _LOOKS_LIKE_EVENT.search(text):
        return "no event: the start of the line is missing"
    if not events_only or re.match(r"\[(DEBUG|INFO|WARNING|ERROR|CRITICAL)\] \S+ \S+ task=.* thread=\d+ \S", text):
        return None
    return "no event, in a file of events"


def legacy_or_reason(text: str, reason: str) -> Line | str | None:
    """Return the line in the looser grammar of the older runner, else the reason; other text that merely says ` type=` is no event."""
    line = legacy_line(text)
    if line is not None:
        return from_legacy(line)
    return reason


def decode_from(text: str, header: re.Match[str]) -> Line:
    """Return the event that starts at a header. Same result as `events.decode` of that part of the line."""
    level = header["level"]
    if level not in LEVELS and not level.isdigit():
        raise CodecError(f"unknown level {level}", 1)
    return Line(
        level=level if level in LEVELS else level_name(int(level)),
        time=header["time"],
        task=decode_task(header["task"]),
        thread=int(header["thread"]),
        type=str(decode_value(header["type"], "str")),
        fields=_pairs(text.rstrip("\r\n"), header.end()),
    )


def _pairs(text: str, position: int) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    while position < len(text):
        pair = _BARE.match(text, position)
        if pair is None:
            raise CodecError(f"expected ' name=value', found {text[position : position + 30]!r}", position)
        name, token = pair.groups()
        if name in fields:
            raise CodecError(f"{name} stands twice", position)
        if token is None:
            fields[name], position = _LITERAL.raw_decode(text, pair.end())
        else:
            fields[name], position = decode_value(token, field_type(name)), pair.end()
    return fields


def not_utf8(data: bytes) -> int | None:
    """Return where a line stops being UTF-8, None if it is: the writer writes nothing else, so such a line was damaged."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def is_whole(line: Line, runs: Collection[str]) -> bool:
    """Return whether a line without a newline, the last one of a file, can be believed: the process may have died while it was writing.

    The context is at the end, so a line is whole as far as any figure goes where a span is there, or a run that is known already.
    A line without a run is believed if there are no runs at all (the older runner), unless it ends in a number that may be
    cut: one without the two decimals that all its times have.
    """
    if not line.fields:
        return False
    name = list(line.fields)[-1]
    if "run" in line.fields:
        return name in ("span", "parent") or (name == "run" and line.fields["run"] in runs)
    last = line.fields[name]
    return not runs and (isinstance(last, (str, bool)) or round(last, 1) != last)


def rejected(file: str, number: int, reason: str, text: str) -> Rejected:
    """Return a refusal, its text cut to what the user reads."""
    return Rejected(file, number, reason, text.rstrip("\r\n")[:_SHOWN])
