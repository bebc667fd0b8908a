"""One line of text: an event, something that looks like one but cannot be read, or other text.

Reads what `events.decode` reads, and besides it an event behind a prefix and the two dialects of the older ToolOrchestra runner (`legacy`).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from tau2_logging.analysis.reader.legacy import Row, from_legacy, legacy_row
from tau2_logging.analysis.store.column_types import own_column
from tau2_logging.errors import CodecError
from tau2_logging.events import LEVELS, level_name
from tau2_logging.events.codec import HEADER, decode_at

_LOOKS_LIKE_EVENT = re.compile(r"(?:^|\s)type=")
_START_OF_EVENT = re.compile(rf"\[({'|'.join(LEVELS)})\] \S+ \S+ task=.* thread=\d+ \S")


def read_line(text: str, events_only: bool) -> Row | str | None:
    """Return what an event says, the reason why a line cannot be read, or None for other text.

    `events_only`: the file holds nothing but events (tau2_*.log), so that any other text is a line that cannot be read.
    """
    if " type=" not in text:
        return _other_text(text, events_only)
    header = HEADER.match(text) or HEADER.search(text)
    if header is None:
        return legacy_row(text) or "no event: expected '[LEVEL] YYYY-MM-DD HH:MM:SS.mmm task=... thread=... type=...'"
    try:
        event = decode_at(text.rstrip("\r\n"), header, str)
    except (CodecError, ValueError) as error:
        return legacy_row(text[header.start() :]) or str(error)
    head = {"level": level_name(event.level), "time": event.time, "task": event.task, "thread": event.thread, "type": event.type}
    return from_legacy({**head, **{own_column(name): value for name, value in event.fields.items()}})


def _other_text(text: str, events_only: bool) -> str | None:
    text = text.strip()
    if not text:
        return None
    if _LOOKS_LIKE_EVENT.search(text):
        return "no event: the start of the line is missing"
    return "no event, in a file of events" if events_only and not _START_OF_EVENT.match(text) else None


def not_utf8(data: bytes) -> int | None:
    """Return where a line stops being UTF-8, None if it is: the writer writes nothing else, so such a line was damaged."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def is_whole(row: Row, runs: Collection[str]) -> bool:
    """Return whether a line without a newline, the last one of a file, can be believed: the process may have died while it was writing.

    The context is at the end, so a line is whole as far as any figure goes where a span is there, or a run that is known already.
    A line without a run is believed if there are no runs at all (the older runner), unless it ends in a number that may be
    cut: one without the two decimals that all its times have.
    """
    name, last = list(row.items())[-1]
    if "run" in row:
        return name in ("span", "parent") or (name == "run" and last in runs)
    return name != "type" and not runs and (isinstance(last, (str, bool)) or round(last or 0, 1) != last)
