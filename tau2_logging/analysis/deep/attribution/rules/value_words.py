"""How people call values of arguments that are chosen from a few: payment methods, reasons."""

from __future__ import annotations

from collections.abc import Mapping

_WORDS: Mapping[str, str] = {
    "credit_card": r"credit card|visa|master ?card|card ending",
    "paypal": r"pay ?pal",
    "gift_card": r"gift ?card|\bgc\b",
    "certificate": r"certificate|voucher",
    "no longer needed": r"no longer (need|want)|(do not|don.?t|not) need",
    "ordered by mistake": r"mistake|accident",
}
"""By how the values begin."""


def words_of(value: object) -> str | None:
    """Return a pattern for lower-case text that finds a value as people call it; None for a value of another kind."""
    return next((words for start, words in _WORDS.items() if isinstance(value, str) and value.startswith(start)), None)
