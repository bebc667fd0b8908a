"""The model calls of a simulation, as the checkpoint keeps them: whose, a hash of each part of its prompt, what was answered.

A prompt is its conversation up to there, so that of each call only what is new to the last prompt of its role is kept: a few hundred bytes.
Texts that the trajectory does not hold (system prompts, schemas of tools) are kept once for a run.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.logger.content.prompt_parts import PromptParts, PromptReader, part_hash

Entry = dict[str, Any]


class CallTape:
    """Takes calls in the order in which they are made, from any thread. `earlier`: calls of an earlier start of the run."""

    def __init__(self, earlier: list[Entry] | None = None) -> None:
        self._entries: list[Entry] = earlier or []
        self._readers: dict[str, PromptReader] = {}
        self._last: dict[str, tuple[PromptParts, tuple[str, ...]]] = {}
        self._texts: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self, role: str, messages: Sequence[Any], tools: Sequence[Any] | None) -> PromptParts:
        """Return the parts of a call's prompt."""
        return self._readers.setdefault(role, PromptReader()).parts_of(messages, tools)

    def add(self, role: str, model: str, parts: PromptParts) -> Entry:
        """Keep a call that is about to be made; what becomes of it goes into the entry that is returned."""
        entry: Entry = {"role": role, "model": model, "system": self._known(parts.system), "tools": self._known(parts.tools)}
        with self._lock:
            last, hashes = self._last.get(role, (PromptParts(None, None, ()), ()))
            pairs = enumerate(zip(last.messages, parts.messages, strict=False))
            kept = next((at for at, (old, new) in pairs if old != new), min(len(last.messages), len(parts.messages)))
            added = tuple(map(part_hash, parts.messages[kept:]))
            self._last[role] = parts, (*hashes[:kept], *added)
            entry |= {"kept": kept, "new": added}
            self._entries.append(entry)
        return entry

    def _known(self, text: str | None) -> str | None:
        if text is None:
            return None
        name = part_hash(text)
        self._texts.setdefault(name, text)
        return name

    def answered(self, entry: Entry, reply: Mapping[str, Any] | None, ms: float) -> None:
        """Note what was answered (None: it is not known), and after how many milliseconds."""
        entry |= {"reply": reply, "ms": round(ms, 3)}

    def failed(self, entry: Entry, error: BaseException, ms: float) -> None:
        """Note that there was no answer."""
        entry |= {"error": type(error).__name__, "ms": round(ms, 3)}

    def count(self, role: str) -> int:
        """Return how many calls of a role there are so far."""
        with self._lock:
            return sum(entry["role"] == role for entry in self._entries)

    def json(self) -> str | None:
        """Return the calls so far as a JSON array, None if there is none."""
        with self._lock:
            return json.dumps(self._entries, ensure_ascii=False) if self._entries else None

    def texts(self) -> dict[str, str]:
        """Return the texts of system prompts and tools, by hash."""
        return dict(self._texts)
