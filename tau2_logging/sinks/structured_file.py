"""`logs/runs/<run>/events_{domain}.jsonl`: the structured events of a domain, one JSON object a line."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path

from tau2_logging.events.jsonl import encode_event
from tau2_logging.events.structured import StructuredEvent
from tau2_logging.logger.sink import NO_LINES, Sink
from tau2_logging.sinks.appender import Appender, lost_lines

NO_DOMAIN = "none"


class StructuredFiles(Sink):
    """One file for each domain, appended to as it happens. A domain that was not named gets its file with its first event.

    Raises UserError on construction if a file cannot be written.
    """

    level = NO_LINES
    wants_structured = True
    shared = True

    def __init__(self, directory: Path, domains: Iterable[str]) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._files: dict[str, Appender] = {}
        with ExitStack() as opened:
            for domain in domains:
                self._files[domain] = opened.enter_context(closing(Appender(structured_path(directory, domain))))
            opened.pop_all()

    def write_structured(self, events: Sequence[StructuredEvent]) -> None:
        """Append events to the file of their domain. One that cannot be encoded is raised after the others have been written."""
        for domain, of_domain in groupby(events, lambda event: event.domain or NO_DOMAIN):
            file = self._files.get(domain) or self._open(domain)
            lines, failed = [], None
            for event in of_domain:
                try:
                    lines.append(encode_event(event))
                except Exception as error:  # it shall not take the others with it
                    failed = error
            file.append("".join([f"{line}\n" for line in lines]).encode())
            if failed is not None:
                raise failed

    def _open(self, domain: str) -> Appender:
        with self._lock:
            if domain not in self._files:
                self._files[domain] = Appender(structured_path(self._directory, domain))
            return self._files[domain]

    def lost(self) -> tuple[int, str]:
        """Return how many lines the system refused to write, and why."""
        return lost_lines(list(self._files.values()))

    def reopened(self) -> list[str]:
        """Return files that were moved away or removed and have been opened again."""
        return [str(file.path) for file in list(self._files.values()) if file.reopened]

    def close(self) -> None:
        """Close all files. Nothing is buffered: what was written is there."""
        for file in self._files.values():
            file.close()


def structured_path(directory: Path, domain: str) -> Path:
    """Return where the structured events of a domain are written."""
    return directory / f"events_{domain}.jsonl"
