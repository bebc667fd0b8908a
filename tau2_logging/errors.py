"""One exception tree.

A `UserError` is the user's to fix: the command line prints its text as one line and exits with its `exit_code`; there is never a
traceback. Everything else that is raised on purpose derives from `Tau2LoggingError`.
"""

from __future__ import annotations


class Tau2LoggingError(Exception):
    """Base of everything this package raises on purpose."""

    exit_code = 1


class UserError(Tau2LoggingError):
    """Bad input: the message says what was wrong, the value, and what to do. Exit code 2."""

    exit_code = 2


class CodecError(Tau2LoggingError):
    """A line is not an event. `column` (0-based) is where reading stopped."""

    def __init__(self, reason: str, column: int = 0) -> None:
        super().__init__(f"{reason} (column {column + 1})")
        self.reason = reason
        self.column = column


class SimulationInterrupted(BaseException):
    """Raised inside a simulation that the run does not wait for, because it has been stopped. Not an `Exception`, as SimulationTimeout."""


class SimulationTimeout(BaseException):
    """Raised inside a simulation that passed its time limit, so that it stops at its next step.

    Not an `Exception`: tau2 turns those into tool errors, and a cancelled simulation must not go on.
    """
