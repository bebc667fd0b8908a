"""What an exception says, whoever made it: its `__str__` is somebody else's code, and may raise."""

from __future__ import annotations

from tau2_logging.events.logfmt import clean


def error_text(error: BaseException) -> str:
    """The exception's own words as UTF-8 can hold them, empty if it has none. Never raises."""
    try:
        return clean(str.__str__(str(error)))  # a plain str, also if __str__ gives a subclass
    except BaseException as second:
        return f"(its text cannot be made: {type(second).__name__})"


def error_line(error: BaseException) -> str:
    """The exception's class and its own words. Never raises."""
    said = error_text(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
