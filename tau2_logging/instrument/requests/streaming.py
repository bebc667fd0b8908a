"""Which calls are asked for as streams, so that the time of the first token is known, and which servers have turned out not to stand it.

A call goes as its client made it unless the same answer both ways is known. `auto` asks for a stream only at hosts of one short table
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
"""(host:port, path, model): what is judged as one."""

_MOST_CUTS = 3
_LOG = logging.getLogger("tau2_logging.instrument")


class Streaming:
    """What is known of each server. Shared by all calls of a process; thread-safe."""

    def __init__(self, mode: str = AUTO) -> None:
        if mode not in TTFT_MODES:
            raise ValueError(f"ttft is {mode!r}; give one of {', '.join(TTFT_MODES)}")
        self.mode = mode
        self.notes: list[str] = []
        self._same: set[str] = set()
        self._seen_to_work: set[Key] = set()
        self._plain: set[Key] = set()
        self._cuts: Counter[Key] = Counter()
        self._lock = threading.Lock()

    def asks(self, key: Key, host: str) -> bool:
        """Whether a call is to be a stream."""
        if self.mode == OFF or key in self._plain:
            return False
        return self.mode == ON or self.known(key, host)

    def known(self, key: Key, host: str) -> bool:
        """Whether the table has this server."""
        return same_either_way(host) or key[0] in self._same

    def met(self, endpoint: str, headers: Mapping[str, str]) -> None:
        """A server has answered: it may call itself one of the table."""
        if same_either_way(name_in(headers)):
            self._same.add(endpoint)

    def works(self, key: Key) -> None:
        """A stream has brought a whole answer."""
        self._seen_to_work.add(key)
        self._cuts.pop(key, None)

    def seen_to_work(self, key: Key) -> bool:
        """Whether a stream of this one has ever brought a whole answer."""
        return key in self._seen_to_work

    def cut(self, key: Key) -> None:
        """A stream broke off where the plain answer did not. Connections break; three in a row are more than that."""
        with self._lock:
            self._cuts[key] += 1
            often = self._cuts[key] >= _MOST_CUTS
        if often:
            self.give_up(key, f"{_MOST_CUTS} streams in a row broke off")

    def give_up(self, key: Key, why: str) -> None:
        """Ask this one plainly from now on. Said once."""
        self._say_once(key, f"Streaming is off for {key[2]} at {key[0]}: {why}. TTFT is unknown for its calls from here on.")

    def not_read(self, model: str, endpoint: str) -> None:
        """A call was made in a protocol whose streams are not read here. Said once."""
        if self.mode == ON:
            self._say_once(
                (endpoint, "", model), f"{model} at {endpoint} speaks a protocol whose streams are not read here. TTFT is unknown."
            )

    def _say_once(self, key: Key, note: str) -> None:
        with self._lock:
            if key in self._plain:
                return
            self._plain.add(key)
        self.notes.append(note)
        _LOG.warning(note)


def essence(body: Any) -> Any:
    """What of an answer reaches an agent: its messages without ids, times and counts, to compare two answers to one request."""
    if isinstance(body, dict):
        return {name: essence(value) for name, value in body.items() if name not in _FLEETING and value not in (None, [], {}, "")}
    return [essence(value) for value in body] if isinstance(body, list) else body


_FLEETING = frozenset(("id", "call_id", "created", "created_at", "usage", "system_fingerprint", "logprobs", "provider_specific_fields"))
