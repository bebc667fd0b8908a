"""Moods that tau2's own tasks script: an arm comes on top of them, so a report names them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

_MOODS = (
    r"frustrat\w*|angr\w*|anger|annoy\w*|upset|irritat\w*|impatien\w*|rude|mad|furious|anxi\w*|nervous\w*|worri\w*|stress\w*|confus\w*|"
    r"overwhelm\w*|fluster\w*|uneasy|emotional|sad|depress\w*|happy|cheerful|polite|friendly|calm|patient|relaxing|relaxed|shy|timid|"
    r"insecure|pessimistic|optimistic|dependent|independent|curious|creative|organized|cautious|logical|direct|outgoing|sarcastic|rigid|"
    r"insistent|busy|mysterious|flexible|messy|detail-oriented|decisive|confident|witty|lazy|skeptical|unhappy|disappointed"
)
_WORD = re.compile(rf"\b(?:{_MOODS})\b", re.IGNORECASE)


def moods(scenarios: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """Of scenarios by (domain, task): a row a domain with its tasks, how many have a persona, how many carry mood words, the commonest."""
    rows = []
    for domain in dict.fromkeys(domain for domain, _ in scenarios):
        texts = [text for (other, _), text in scenarios.items() if other == domain]
        found = [{word.lower() for word in _WORD.findall(text)} for text in texts]
        counts = pd.Series([word for words in found for word in sorted(words)], dtype=object).value_counts()
        rows.append(
            {
                "domain": domain,
                "tasks": len(texts),
                "with_persona": sum(text.startswith("Persona:") and "Persona:\n\tNone" not in text for text in texts),
                "with_mood_words": sum(map(bool, found)),
                "commonest": ", ".join(f"{word} {number}" for word, number in counts.head(6).items()),
            }
        )
    return pd.DataFrame(rows)
