"""What a log at DEBUG holds of prompts already, so that each message is written once (`events.sent_prompts` has the format)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tau2_logging.events.logfmt import clean
from tau2_logging.events.sent_prompts import Recent, part_hash
from tau2_logging.logger.content.exact_bytes import exact_bytes
from tau2_logging.logger.content.sensitive import to_json

MOST = 16_384
"""Parts that are remembered, of the order of a thousand simulations; one that has been forgotten is written again."""

_PATIENCE_S = 1.0
_SPAN = ""


class WrittenParts:
    """The parts of prompts that have been written into the log of each domain. Safe for threads; takes some 5 MB at most."""

    def __init__(self, most: int = MOST) -> None:
        self._names: Recent[tuple[str | None, bytes], str] = Recent(most)
        self._written: Recent[tuple[str | None, str], None] = Recent(most)
        self.unlock()

    def unlock(self) -> None:
        """Start with a free lock: another thread of the process that this one was forked from may hold it for ever."""
        self._lock = threading.Lock()

    def hash_of(self, domain: str | None, part: Any, mask: Callable[[], str], write: Callable[[str, str], bool]) -> str:
        """Return the hash of a part, having called `write` with (hash, text) if the domain's log does not hold it yet.

        `part`: as it was sent, which is recognized in a few microseconds; `mask` returns the text to write; `write` returns whether it has
        done so.
        """
        raw = exact_bytes(part)
        if raw is None:
            raw = to_json(part).encode("utf-8", "surrogatepass")
        key = domain, hashlib.blake2b(raw, digest_size=16).digest()
        name = self._names.get(key)
        return self._learn(key, mask, write) if name is None else name

    def _learn(self, key: tuple[str | None, bytes], mask: Callable[[], str], write: Callable[[str, str], bool]) -> str:
        """Write a part before anyone refers to it. Waits for another thread that writes one, but not for ever."""
        locked = self._lock.acquire(timeout=_PATIENCE_S)
        try:
            name = self._names.get(key)
            if name is None:
                text = clean(mask())
                name = part_hash(text)
                if (key[0], name) in self._written or write(name, text):
                    self._written[key[0], name] = None
                    self._names[key] = name
            return name
        finally:
            if locked:
                self._lock.release()


class PromptChain:
    """The prompts of one simulation so far: a tree of messages, with the call that ended there."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, names: Sequence[str], span: str) -> tuple[str | None, Sequence[str]]:
        """Return (span of the earlier call whose prompt this one continues, the hashes that follow). 0.1 us a message."""
        node, before, held = self._root, None, 0
        for number, name in enumerate(names, 1):
            node = node.setdefault(name, {})
            if _SPAN in node:
                before, held = node[_SPAN], number
        node.setdefault(_SPAN, span)
        return before, names[held:]
