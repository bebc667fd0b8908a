"""Markers of how a user writes, counted in the text of its messages. Declared before any run; a mean for each message.

Lexicons are short on purpose: what counts is that the same count is made of every arm. `sentiment` is vaderSentiment's compound score, from
-1 to 1 (Hutto and Gilbert 2014).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_POLITE = r"please|thanks?|thank you|appreciate\w*|kindly|grateful|sorry|excuse me|pardon"
_HEDGES = (
    r"maybe|perhaps|possibly|probably|i think|i guess|i suppose|i believe|not sure|kind of|sort of|might|seems?|somehow|worried|afraid"
)
_COUNTS = {
    "exclamations": r"!",
    "questions": r"\?",
    "politeness": rf"\b(?:{_POLITE})\b",
    "hedges": rf"\b(?:{_HEDGES})\b",
    "words": r"\w[\w'\u2019-]*",
}
_TOKEN = re.compile(r"###[A-Z-]+###")


def markers(texts: Sequence[str], cues: Sequence[str] = ()) -> dict[str, float]:
    """Return each marker's mean over the messages with text; empty for a conversation in which the user wrote none."""
    said = [text for text in (_TOKEN.sub("", text).strip() for text in texts) if text]
    if not said:
        return {}
    found = {name: sum(len(re.findall(pattern, text, re.IGNORECASE)) for text in said) / len(said) for name, pattern in _COUNTS.items()}
    found["cue_phrases"] = sum(_plain(text).count(_plain(cue)) for text in said for cue in cues) / len(said)
    found["sentiment"] = sum(_analyzer().polarity_scores(text)["compound"] for text in said) / len(said)
    return found


def _plain(text: str) -> str:
    """Without case, punctuation at the end and doubled spaces."""
    return " ".join(text.lower().replace("\u2019", "'").split()).rstrip("?!. ")


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
