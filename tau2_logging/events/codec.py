"""From an event to its line and back.

    [PROFILE] 2026-11-20 17:45:01.123 task=7 thread=139706683837312 type=tool_call step=3 function=get_order duration_ms=0.084 ...

`encode` and `decode` are each other's inverse on canonical events (`event.canonical_fields`). `encode_parts` is the same without an
`Event` object, for the path on which every microsecond counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from tau2_logging.errors import CodecError
from tau2_logging.events.event import Event, canonical_fields
from tau2_logging.events.fields import CONTEXT_FIELDS, field_type
from tau2_logging.events.levels import LEVEL_NAMES, LEVELS, level_name
from tau2_logging.events.line_writer import OWN_FIELDS, LineWriters, in_order, write_field
from tau2_logging.events.logfmt import Value, canonical, clean, decode_task, decode_value, encode_task, encode_type

HEADER = re.compile(
    r"\[(?P<level>[A-Z_]+|[0-9]{1,9})\] (?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})"
    r' task=(?P<task>"(?:[^"\\]|\\.)*"|[^\s"=\\]+) thread=(?P<thread>[0-9]{1,20}) type=(?P<type>"(?:[^"\\]|\\.)*"|[^\s"=\\]+)'
)
"""What every event starts with; a reader of mixed text searches for it."""

_PAIR = re.compile(r' ([A-Za-z_][A-Za-z0-9_.]*)=(?:([^\s"=\\]+)|(?="))')
_LITERAL = json.JSONDecoder()
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_RESERVED = frozenset(("task", "thread", "type"))

_CONTEXT_SET = frozenset(CONTEXT_FIELDS)
_KNOWN = {kind: frozenset((*own, *CONTEXT_FIELDS)) for kind, own in OWN_FIELDS.items()}
_HEADS = {number: f"[{name}] " for number, name in LEVEL_NAMES.items()}
_WRITERS = LineWriters()
_WRITERS_IN_CONTEXT = LineWriters(refused=CONTEXT_FIELDS)


class EventContext:
    """The fields that all events of a simulation share: task, `domain`, `trial`, `run`, and the `host` and `worker` that run it. Their
    text is made only once.
    """

    def __init__(
        self, task: str | None, domain: str | None, trial: int | None, run: str | None, host: str | None = None, worker: str | None = None
    ) -> None:
        self.task = task
        self.domain = domain
        self.fields: dict[str, object] = {"domain": domain, "trial": trial, "run": run, "host": host, "worker": worker}
        self.head = f" task={encode_task(task)} thread="
        self.tail = "".join(write_field(name, value) for name, value in self.fields.items())

    def complete(self, fields: Mapping[str, object], span: str | None, parent: str | None) -> dict[str, object]:
        """Return the fields of an event with its context; if a name is in both, the context's value is kept."""
        return {**fields, **self.fields, "span": span, "parent": parent}


def encode_parts(level: int, time: str, task: str | None, thread: int, type_: str, fields: Mapping[str, object]) -> str:
    """Return the line of an event, without the newline. About 2 us for 12 fields whose shape has been met before.

    Own fields are in the order of the kind's row, then unknown ones in the order given, then the context. Values need not be
    canonical. A field whose name is not a name (`[A-Za-z_][A-Za-z0-9_.]*`) or is one of task, thread, type is renamed, never lost.
    """
    text = _WRITERS.write(type_, fields) or _text(type_, fields)
    return f"{_HEADS.get(level) or _head(level)}{time} task={_task_token(task)} thread={thread} type={text}"


def encode_in(
    context: EventContext,
    level: int,
    time: str,
    thread: int,
    type_: str,
    fields: Mapping[str, object],
    span: str | None,
    parent: str | None,
) -> str:
    """Return `encode_parts` of `context.complete(fields, span, parent)`, without making that mapping."""
    text = _WRITERS_IN_CONTEXT.write(type_, fields)
    if text is None:
        return encode_parts(level, time, context.task, thread, type_, context.complete(fields, span, parent))
    head = _HEADS.get(level) or _head(level)
    if type(span) is type(parent) is str and span.isalnum() and span.isascii() and parent.isalnum() and parent.isascii():
        return f"{head}{time}{context.head}{thread} type={text}{context.tail} span={span} parent={parent}"
    if span is None and parent is None:
        return f"{head}{time}{context.head}{thread} type={text}{context.tail}"
    return f"{head}{time}{context.head}{thread} type={text}{context.tail}{write_field('span', span)}{write_field('parent', parent)}"


def _head(level: int) -> str:
    return f"[{level_name(level)}] "


def _text(type_: str, fields: Mapping[str, object]) -> str:
    named = _named(type_, fields)
    return _type_token(type_) + "".join(write_field(name, named[name]) for name in in_order(type_, named))


def event_of(level: int, time: str, task: str | None, thread: int, type_: str, fields: Mapping[str, object]) -> Event:
    """Return what `decode(encode_parts(...))` gives, without the way through text."""
    task = None if task is None else clean(task)
    return Event(level, time, task, thread, clean(type_), canonical_fields(_named(type_, fields)))


def _named(type_: str, fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return the fields that are there under names that can be in the log, no two alike."""
    known = _KNOWN.get(type_, _CONTEXT_SET)
    if known.issuperset(fields):
        return fields
    taken = set(known)
    return {
        name if name in known else _free_name(field_name(name), taken): value
        for name, value in fields.items()
        if canonical(value, field_type(name)) is not None
    }


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


_task_token = lru_cache(maxsize=4096)(encode_task)
_type_token = lru_cache(maxsize=256)(encode_type)


def field_name(name: str) -> str:
    """Return a name that can be in the log: `user id` becomes `user_id`, `task` becomes `_task`."""
    name = str(name)
    if name in _RESERVED:
        return "_" + name
    if _NAME.fullmatch(name):
        return name
    name = re.sub(r"[^A-Za-z0-9_.]", "_", name)
    return name if _NAME.fullmatch(name) else "_" + name


def encode(event: Event) -> str:
    """Return the line of an event, without the newline."""
    return encode_parts(event.level, event.time, event.task, event.thread, event.type, event.fields)


def decode(line: str) -> Event:
    """Return the event of a line (a trailing newline is allowed). Raises CodecError for anything else, with the column.

    Unknown types and fields are kept; a name that occurs twice is an error.
    """
    line = line.rstrip("\r\n")
    header = HEADER.match(line)
    if header is None:
        raise CodecError("no event: expected '[LEVEL] YYYY-MM-DD HH:MM:SS.mmm task=... thread=... type=...'")
    try:
        return decode_at(line, header)
    except ValueError as error:
        raise CodecError(f"bad string literal: {error}") from error


def decode_at(line: str, header: re.Match[str], text_of: Callable[[str], str] = clean) -> Event:
    """Return the event that starts at a match of HEADER. Raises CodecError, and ValueError for a literal that is not JSON.

    `text_of` is given the text of each field's literal, which may hold half of a surrogate pair.
    """
    level = header["level"]
    if level not in LEVELS and not level.isdigit():
        raise CodecError(f"unknown level {level}", 1)
    fields: dict[str, Value] = {}
    position = header.end()
    while position < len(line):
        pair = _PAIR.match(line, position)
        if pair is None:
            raise CodecError(f"expected ' name=value', found {line[position : position + 30]!r}", position)
        name, token = pair.groups()
        if name in fields:
            raise CodecError(f"{name} stands twice", position)
        if token is None:
            text, position = _LITERAL.raw_decode(line, pair.end())
            fields[name] = text_of(text)
        else:
            fields[name], position = decode_value(token, field_type(name)), pair.end()
    return Event(
        level=LEVELS[level] if level in LEVELS else int(level),
        time=header["time"],
        task=decode_task(header["task"]),
        thread=int(header["thread"]),
        type=str(decode_value(header["type"], "str")),
        fields=fields,
    )


__all__ = ["HEADER", "EventContext", "decode", "decode_at", "encode", "encode_in", "encode_parts", "event_of", "field_name"]
