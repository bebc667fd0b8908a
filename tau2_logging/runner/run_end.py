"""The end of a run: what is printed is what is on disk, or the difference is said."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path

from tau2_logging.logger.content.error_text import error_line
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.runner.work.checkpoint import Checkpoint, Key, results_path
from tau2_logging.runner.work.checkpoint import finished as finished_rows


class Ending:
    """`problems` are what the user has to do something about: the run then exits with 1. `kept` counts the simulations that finished and
    are on disk; `notes` are worth knowing.
    """

    def __init__(self, directory: Path, resumable: bool = True) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.kept = 0
        self._directory = directory
        self._resumable = resumable

    def stopped_by(self, failure: OSError) -> None:
        """Note that the run stopped because a row could not be kept."""
        self.problems.append(f"the run stopped: cannot keep results ({failure}); {self._go_on('make room')}")

    def write_results(self, label: str, write: Callable[[], set[Key]], finished: Set[Key]) -> None:
        """Write the results of a domain; `write` gives what they hold, which is compared with what has finished."""
        path = results_path(self._directory, label)
        try:
            kept = write()
        except Exception as error:
            self.problems.append(f"{path} could not be written ({error_line(error)}); {self._go_on('make room')}")
            kept = set(finished_rows(self._directory, [label]))
        self.kept += len(kept)
        lost = {key for key in finished if key[0] == label} - kept
        if lost:
            what = f"{len(lost)} simulations that finished are not in {self._directory / f'simulations_{label}.jsonl'}"
            self.problems.append(f"{what}: it was removed or changed while the run went on; {self._go_on('leave it alone')}")

    def check_files(self, logger: EventLogger, checkpoint: Checkpoint) -> None:
        """Note what of the log could not be written, and which files have been replaced."""
        lines, reasons = logger.lost()
        if lines:
            self.problems.append(f"{lines} log lines could not be written ({reasons}); make room: the log lacks that part of this run")
        for path in (*checkpoint.reopened(), *logger.reopened()):
            self.notes.append(f"{path} was moved away or removed while the run went on; what came after is in a new file of that name")

    def _go_on(self, first: str) -> str:
        return f"{first} and --resume {self._directory}" if self._resumable else f"{first} and start again"
