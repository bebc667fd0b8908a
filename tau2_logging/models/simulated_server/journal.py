"""The server's own record of a request: what a profile of the client is checked against."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

SECRET_HEADERS = ("authorization", "x-api-key")


@dataclass
class Exchange:
    """A request and what became of it. `*_s` are monotonic seconds, `*_ms` milliseconds; what did not happen is None.

    `queue_ms` is the wait for a place in the batch. `ttft_ms` (arrival to first piece: reading the request, the queue, the prefill) and
    `decode_ms` (first piece to last) are what was planned when the request started to run, `ttft_sent_ms` and `decode_sent_ms` what
    happened. `ended` is `finished`, `cut` (the server broke the response off), `client_left`, or empty while it is under way. Tokens are
    counted once the model has run; `prompt_tokens` includes the cached ones. `stream` is as the client asked. Header names are in lower
    case, keys masked.
    """

    number: int
    path: str
    protocol: str
    arrived_s: float
    headers: dict[str, str] = field(default_factory=dict)
    model: str = ""
    stream: bool = False
    status: int | None = None
    fault: str | None = None
    queue_ms: float | None = None
    ttft_ms: float | None = None
    ttft_sent_ms: float | None = None
    decode_ms: float | None = None
    decode_sent_ms: float | None = None
    ended: str = ""
    ended_s: float | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    response_id: str = ""
    request: Any = None


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers by name in lower case, without keys."""
    return {name.lower(): "***" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}


class Journal:
    """Exchanges in order of arrival; with `path`, each is appended there as a JSON line when it is over."""

    def __init__(self, limit: int | None, path: Path | None) -> None:
        self._kept: deque[Exchange] = deque(maxlen=limit)
        self._lock = threading.Lock()
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path is not None else None
        self._number = 0

    def open(self, path: str, protocol: str, arrived_s: float, headers: Mapping[str, str]) -> Exchange:
        """Return a new entry; its number counts from 0."""
        exchange = Exchange(self._number, path, protocol, arrived_s, masked(headers))
        self._number += 1
        with self._lock:
            self._kept.append(exchange)
        return exchange

    def write(self, exchange: Exchange) -> None:
        """Append an exchange that is over to the file."""
        if self._file is not None:
            self._file.write(json.dumps(asdict(exchange), ensure_ascii=False, default=str) + "\n")
            self._file.flush()

    def copy(self) -> list[Exchange]:
        """Return every entry as it is now."""
        with self._lock:
            return [replace(exchange) for exchange in self._kept]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
