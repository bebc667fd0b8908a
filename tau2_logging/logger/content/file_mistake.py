"""What is wrong with a file that the user wrote, and where, without the text that is there: it may hold a key."""

from __future__ import annotations

import re

from tau2_logging.events.call_arguments import MASK

UNREADABLE = (ValueError, RecursionError)
"""What a YAML reader raises besides its own errors: for bytes, dates and numbers that are none, and for what is nested too deep."""
_QUOTED = re.compile(r"'[^']*'")
_LONGEST_SIGN = 3


def mistake(error: Exception) -> str:
    """Return the kind of an error of a YAML reader, with line and column if it tells them."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is not None and problem is not None:
        return f"line {mark.line + 1}, column {mark.column + 1}: {_QUOTED.sub(_sign, problem)}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start}: {error.reason}"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return "a date or a number in it is none" if isinstance(error, ValueError) else " ".join(str(error).split())


def _sign(found: re.Match[str]) -> str:
    """Return what a reader quotes, if it is one of its own words or some punctuation; not a word of the file."""
    quoted = found[0][1:-1]
    return found[0] if quoted.startswith("<") or len(quoted) <= _LONGEST_SIGN else MASK
