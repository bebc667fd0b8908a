"""Reports are independent: each file is attempted by itself, and a failure is one line that names the report and the reason."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tau2_logging.errors import Tau2LoggingError
from tau2_logging.extras import missing_package

_LONGEST_REASON = 300


@dataclass(frozen=True)
class Failure:
    """A report, or a file of it, that could not be made."""

    report: str
    reason: str

    def __str__(self) -> str:
        return f"error: the report {self.report} could not be made: {self.reason}"


class Attempts:
    """What was written and what failed. A report of several files makes each with `make` and returns `written()`. `folder`: where all of
    an analysis went."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        self.failures: list[Failure] = []

    def make(self, name: str, write: Callable[..., Iterable[Path]], *args: object) -> None:
        """Call `write(*args)` and keep the paths that it returns, or the reason why it failed. A closed pipe ends the program as ever."""
        try:
            self.paths += write(*args)
        except PartlyWrittenError as error:
            self.paths += error.attempts.paths
            self.failures += [Failure(f"{name}: {failure.report}", failure.reason) for failure in error.attempts.failures]
        except BrokenPipeError:
            raise
        except Exception as error:
            self.failures.append(Failure(name, reason(error)))

    def written(self) -> list[Path]:
        """Return the paths. Raises PartlyWrittenError if an attempt failed, after all of them were made."""
        if self.failures:
            raise PartlyWrittenError(self)
        return self.paths


class PartlyWrittenError(Tau2LoggingError):
    """Some files of a report could not be made; `attempts` holds those that were."""

    def __init__(self, attempts: Attempts) -> None:
        super().__init__("; ".join(f"{failure.report}: {failure.reason}" for failure in attempts.failures))
        self.attempts = attempts


def reason(error: BaseException) -> str:
    """Return an exception on one line: its class, what it says, and the place in the code. What is raised on purpose says it all by
    itself."""
    said = " ".join(str(error).split())
    said = said if len(said) <= _LONGEST_REASON else f"{said[:_LONGEST_REASON]}..."
    if isinstance(error, Tau2LoggingError):
        return said
    sentence = missing_package(error) if isinstance(error, ImportError) else None
    if sentence is not None:
        return sentence
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(Path(frame.filename))]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{': ' if said else ''}{said}{place}"


def _is_ours(file: Path) -> bool:
    return "tau2_logging" in file.parts and file != Path(__file__)
