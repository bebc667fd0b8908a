"""What went wrong with the last model call of a simulation.

tau2 turns it into an exception of its own: an empty reply becomes a ValueError, malformed arguments a JSONDecodeError, HTTP 422 an
AttributeError. The cause is what the call was told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_DEEPEST = 12
_NOT_FROM_A_REPLY = (OSError, MemoryError, RecursionError)


@dataclass(frozen=True)
class CallProblem:
    """A model call that gave no usable answer.

    `role` is whose call it was (see `events.roles`), None if that is not known. `name` is the error_type of the call's event,
    `said` what the server said or what was wrong with its answer. `error` is the exception that the call raised, None if it returned.
    """

    role: str | None
    name: str
    said: str
    error: BaseException | None = None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and those it was raised from, or while handling."""
    at: BaseException | None = error
    for _ in range(_DEEPEST):
        if at is None:
            return
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def follows(error: BaseException, problem: CallProblem) -> bool:
    """Return whether an exception comes from a call's problem: it is the call's own or was raised from it, or it came of reading the
    answer.

    `problem` must be that of the last call of the turn in which the exception was raised.
    """
    if problem.error is not None:
        return any(cause is problem.error for cause in causes(error))
    return isinstance(error, Exception) and not isinstance(error, _NOT_FROM_A_REPLY)
