"""What a worker process has to tell the run: kept until it is fetched, a few times a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeVar

from tau2_logging.events.structured import StructuredEvent
from tau2_logging.logger.sink import Sink

T = TypeVar("T")


class Outbox(Sink):
    """Lines of `level` and above, as (domain, line). With `everything` also what else belongs into files, for a worker that cannot write
    into them: texts as (domain, text), structured events if the run keeps them (`structured`).
    """

    def __init__(self, level: int, everything: bool, structured: bool) -> None:
        self.level = level
        self.wants_structured = everything and structured
        self._everything = everything
        self._lines: deque[tuple[str | None, str]] = deque()
        self._texts: deque[tuple[str | None, str]] = deque()
        self._structured: deque[StructuredEvent] = deque()

    def write_line(self, domain: str | None, line: str) -> None:
        """Queue (domain, line)."""
        self._lines.append((domain, line))

    def write_structured(self, events: Sequence[StructuredEvent]) -> None:
        """Queue structured events, in order."""
        self._structured.extend(events)

    def write_text(self, domain: str | None, text: str) -> None:
        """Queue (domain, text); dropped if the worker writes into the run's files itself."""
        if self._everything:
            self._texts.append((domain, text))

    def fetch(self) -> tuple[list[tuple[str | None, str]], list[tuple[str | None, str]], list[StructuredEvent]]:
        """Take what is there: lines, texts, structured events, each in the order it came."""
        return _all(self._lines), _all(self._texts), _all(self._structured)


def _all(kept: deque[T]) -> list[T]:
    return [kept.popleft() for _ in range(len(kept))]
