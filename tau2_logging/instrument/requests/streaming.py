"""Decides which plain calls are made as streaming requests, to measure the time to the first token, and remembers if that fails.

A call is made as the client made it unless the same answer both ways is known. `auto` asks for a stream only at hosts of one short table
(wire/hosts.py), `on` everywhere, `off` nowhere.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tau2_logging.instrument.wire import name_in, same_either_way

AUTO, ON, OFF = "auto", "on", "off"
TTFT_MODES = (AUTO, ON, OFF)
Key = tuple[str, str, str]
"""(host:port, path, model): streaming is decided for each."""

_MOST_CUTS = 3
_LOG = logging.getLogger("tau2_logging.instrument")


class Streaming:
    """What is known about each server. Shared by all calls of a process; thread-safe."""

    def __init__(self, mode: str = AUTO) -> None:
        if mode not in TTFT_MODES:
            raise ValueError(f"ttft is {mode!r}; give one of {', '.join(TTFT_MODES)}")
        self.mode = mode
        self.notes: list[str] = []
        self._same: set[str] = set()
        self._succeeded: set[Key] = set()
        self._plain: set[Key] = set()
        self._cuts: Counter[Key] = Counter()
        self._lock = threading.Lock()

    def wants_stream(self, key: Key, host: str) -> bool:
        """Return whether a plain call is to be made as a streaming request."""
        if self.mode == OFF or key in self._plain:
            return False
        return self.mode == ON or self.trusts(key, host)

    def trusts(self, key: Key, host: str) -> bool:
        """Return whether this server's streams are known to give the same answers as its plain responses."""
        return same_either_way(host) or key[0] in self._same

    def note_headers(self, endpoint: str, headers: Mapping[str, str]) -> None:
        """Note the headers of a server's answer: they may name a program of the table."""
        if same_either_way(name_in(headers)):
            self._same.add(endpoint)

    def note_success(self, key: Key) -> None:
        """Note that a stream gave a complete answer."""
        self._succeeded.add(key)
        self._cuts.pop(key, None)

    def has_succeeded(self, key: Key) -> bool:
        """Return whether a stream has ever given a complete answer here."""
        return key in self._succeeded

    def note_cut(self, key: Key) -> None:
        """Note that a stream broke off and the plain answer did not. Three in a row turn streaming off."""
        with self._lock:
            self._cuts[key] += 1
            often = self._cuts[key] >= _MOST_CUTS
        if often:
            self.turn_off(key, f"{_MOST_CUTS} streams in a row broke off")

    def turn_off(self, key: Key, why: str) -> None:
        """Make plain requests from now on. Noted once."""
        self._note_once(key, f"Streaming is off for {key[2]} at {key[0]}: {why}. TTFT is unknown for its calls from here on.")

    def note_unreadable(self, model: str, endpoint: str) -> None:
        """Note a call in a protocol whose streams are not read here. Noted once."""
        if self.mode == ON:
            self._note_once(
                (endpoint, "", model), f"{model} at {endpoint} speaks a protocol whose streams are not read here. TTFT is unknown."
            )

    def _note_once(self, key: Key, note: str) -> None:
        with self._lock:
            if key in self._plain:
                return
            self._plain.add(key)
        self.notes.append(note)
        _LOG.warning(note)


def content_of(body: Any) -> Any:
    """Return what an agent sees of an answer, without ids, times and counts, to compare two answers to the same request."""
    if isinstance(body, dict):
        return {name: content_of(value) for name, value in body.items() if name not in _VARYING and value not in (None, [], {}, "")}
    return [content_of(value) for value in body] if isinstance(body, list) else body


_VARYING = frozenset(("id", "call_id", "created", "created_at", "usage", "system_fingerprint", "logprobs", "provider_specific_fields"))
