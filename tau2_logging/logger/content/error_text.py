"""What an exception says, whatever raised it: its `__str__` is somebody else's code, and may raise."""

from __future__ import annotations

import traceback

from tau2_logging.events.logfmt import clean
from tau2_logging.events.secrets.masking import masked_start

_LONGEST_PART = 4000
"""Characters of a frame or a message of a traceback: a server's error page may be in it several times over."""


def error_text(error: BaseException) -> str:
    """Return the exception's own words as UTF-8 can hold them, empty if it has none. Never raises."""
    try:
        return clean(str.__str__(str(error)))  # a plain str, also if __str__ gives a subclass
    except BaseException as second:
        return f"(its text cannot be made: {type(second).__name__})"


def error_line(error: BaseException) -> str:
    """Return the exception's class and its own words. Never raises."""
    said = error_text(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def traceback_text(error: BaseException) -> str:
    """Return the exception's traceback, masked; long messages are cut."""
    parts = traceback.format_exception(type(error), error, error.__traceback__)
    return "".join(masked_start(part.rstrip("\n"), _LONGEST_PART) + "\n" for part in parts)
