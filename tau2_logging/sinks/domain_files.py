"""`logs/tau2_{domain}.log` holds the events, `logs/eval_{domain}.log` the events and everything else the run said.

Prompts of a run at DEBUG are in the first file alone: they are the largest part of it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path

from tau2_logging.events.domain_label import plain_domain
from tau2_logging.events.sent_prompts import PART, PAYLOAD
from tau2_logging.logger.sink import Sink
from tau2_logging.sinks.appender import Appender, append_to_all, lost_lines

_PROMPT = re.compile(rf'\[DEBUG\] \S+ \S+ task=(?:"(?:[^"\\]|\\.)*"|\S+) thread=\d+ type=(?:{PART}|{PAYLOAD})(?= |$)')
"""How the line of an event that tells of a prompt starts (an id of a task may hold anything)."""


class DomainFiles(Sink):
    """The two files of each domain, appended to as it happens; prompts only to the first. Events below `level` are not written.

    A domain that was not named gets its files with its first event. The arms of a domain (`retail@anger`) share its files.

    Raises UserError on construction if a file cannot be written.
    """

    shared = True

    def __init__(self, directory: Path, domains: Iterable[str], level: int) -> None:
        self.level = level
        self._directory = directory
        self._lock = threading.Lock()
        self._files: dict[str, tuple[Appender, Appender]] = {}
        with ExitStack() as opened:  # where one cannot be written, the others are closed again
            for domain in domains:
                paths = events_path(directory, domain), all_path(directory, domain)
                events, everything = (opened.enter_context(closing(Appender(path))) for path in paths)
                self._files[domain] = events, everything
            opened.pop_all()

    def write_line(self, domain: str | None, line: str) -> None:
        """Append an event to both files of its domain, of every domain if it belongs to none. Parts of prompts go to the events alone."""
        data = line.encode() + b"\n"
        if domain is not None:
            plain = plain_domain(domain)
            append_to_all(_files_of(line, self._files.get(plain) or self._open(plain)), data)
            return
        for files in list(self._files.values()):
            append_to_all(_files_of(line, files), data)

    def _open(self, domain: str) -> tuple[Appender, Appender]:
        with self._lock:
            if domain not in self._files:
                self._files[domain] = Appender(events_path(self._directory, domain)), Appender(all_path(self._directory, domain))
            return self._files[domain]

    def write_text(self, domain: str | None, text: str) -> None:
        """Append a text to the file of everything, of every domain if it belongs to none."""
        data = text.encode("utf-8", "replace") + b"\n"
        for name, (_, everything) in list(self._files.items()):
            if domain is None or name == plain_domain(domain):
                everything.append(data)

    def lost(self) -> tuple[int, str]:
        """Return how many lines the system refused to write, and why."""
        return lost_lines(self._all())

    def reopened(self) -> list[str]:
        """Return files that were moved away or removed and have been opened again."""
        return [str(file.path) for file in self._all() if file.reopened]

    def close(self) -> None:
        """Close all files. Nothing is buffered: what was written is there."""
        for file in self._all():
            file.close()

    def _all(self) -> list[Appender]:
        return [file for pair in list(self._files.values()) for file in pair]


def _files_of(line: str, files: tuple[Appender, Appender]) -> tuple[Appender, ...]:
    return files[:1] if line.startswith("[DEBUG]") and _PROMPT.match(line) else files


def events_path(directory: Path, domain: str) -> Path:
    """Return where the events of a domain are written."""
    return directory / f"tau2_{domain}.log"


def all_path(directory: Path, domain: str) -> Path:
    """Return where everything a run says of a domain is written."""
    return directory / f"eval_{domain}.log"
