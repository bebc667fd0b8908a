"""Log levels: the standard ones and the two the user asked for, PROFILE and USER_JUDGE.

The names are kept here and never read from `logging.getLevelName`: other packages use level 15 too (Inspect AI calls it HTTP).
"""

from __future__ import annotations

DEBUG = 10
PROFILE = 15
USER_JUDGE = 16
INFO = 20
WARNING = 30
ERROR = 40

LEVELS: dict[str, int] = {
    "DEBUG": DEBUG,
    "PROFILE": PROFILE,
    "USER_JUDGE": USER_JUDGE,
    "INFO": INFO,
    "WARNING": WARNING,
    "ERROR": ERROR,
}
LEVEL_NAMES: dict[int, str] = {number: name for name, number in LEVELS.items()}


def level_name(level: int) -> str:
    """Return the name of a level as it is in the log; a number that has no name is written as the number."""
    return LEVEL_NAMES.get(level, str(level))
