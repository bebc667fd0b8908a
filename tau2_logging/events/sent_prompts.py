"""Prompts in a log at DEBUG. Each message is written once, and a call names the hashes of what it was sent:

    type=prompt_part hash=5f1d0c... text="{\"role\": \"system\", ...}"       once in the run (by each process that runs simulations)
    type=llm_payload sent=5f1d0c...,90a2be... reply=... span=a1              a simulation's first call
    type=llm_payload continues=a1 sent=77e0d4... reply=... span=a4           a later one: all of a1's prompt, then these

So a log grows with its conversations and not with the square of their length. `Prompts` puts a prompt together again, byte for byte. A
log of an earlier version has the whole prompt in `messages` of each `llm_payload`.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

PART, PAYLOAD = "prompt_part", "llm_payload"
COLUMNS = ("type", "run", "span", "hash", "text", "messages", "continues", "sent", "tools")
"""The type of an event and the fields that `Prompts.add` reads."""

K = TypeVar("K")
V = TypeVar("V")
_Call = tuple[Any, Any]
_Prompt = tuple[object, str]


def part_hash(text: str) -> str:
    """Return the name of a part: the first 16 hexadecimal digits of the SHA-256 of its UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def joined(parts: Iterable[str]) -> str:
    """Return the JSON list of messages that are JSON themselves, as `json.dumps` writes it."""
    return f"[{', '.join(parts)}]"


class Recent(OrderedDict[K, V], Generic[K, V]):
    """A mapping that forgets what was set longest ago beyond `most` entries; None keeps all."""

    def __init__(self, most: int | None) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if self._most is not None and len(self) > self._most:
            self.popitem(last=False)


class Prompts:
    """The prompts of a log's calls, from its events in any order. `most`: keep only so many parts and calls, the latest ones."""

    def __init__(self, most: int | None = None) -> None:
        self._parts: Recent[_Call, str] = Recent(most)
        self._whole: Recent[_Call, str] = Recent(most)
        self._calls: Recent[_Call, _Prompt] = Recent(most)
        self._tools: Recent[_Call, str] = Recent(most)

    def add(self, type_: str, fields: Mapping[str, Any]) -> None:
        """Take in an event; one that is neither a part nor a payload is ignored. Absent fields are missing or None."""
        run = fields.get("run")
        if type_ == PART:
            self._parts[run, fields.get("hash")] = str(fields.get("text"))
        elif type_ == PAYLOAD:
            self._add_call((run, fields.get("span")), fields)

    def _add_call(self, call: _Call, fields: Mapping[str, Any]) -> None:
        if (whole := fields.get("messages")) is not None:
            self._whole[call] = str(whole)
        elif fields.get("sent") is not None or fields.get("continues") is not None:
            self._calls[call] = fields.get("continues"), str(fields.get("sent") or "")
        if (tools := fields.get("tools")) is not None:
            self._tools[call] = str(tools)

    def messages(self, run: object, span: object) -> str | None:
        """Return what a call was sent, a JSON list, as it was (with secrets masked). None if the log does not tell.

        A message that the log does not hold (a part of it is missing) is replaced by one of the role `unknown` that says so.
        """
        whole = self._whole.get((run, span))
        return joined(self._sent(run, span)) if whole is None and (run, span) in self._calls else whole

    def tools(self, run: object, span: object) -> str | None:
        """Return the definitions of the tools that a call was given, as JSON; None if it was given none or the log does not tell."""
        name = self._tools.get((run, span))
        return None if name is None else self._parts.get((run, name))

    def _sent(self, run: object, span: object) -> list[str]:
        parts: list[str] = []
        seen: set[object] = set()
        while span is not None and span not in seen:
            seen.add(span)
            before, sent = self._calls.get((run, span), (None, None))
            if sent is None:
                parts.append(_missing(f"what call {span} was sent"))
            else:
                parts += [self._part(run, name) for name in reversed(sent.split(",")) if name]
            span = before
        return parts[::-1]

    def _part(self, run: object, name: str) -> str:
        return self._parts.get((run, name)) or _missing(f"message {name}")


def _missing(what: str) -> str:
    return json.dumps({"role": "unknown", "content": f"({what} is not in this log)"})
