"""What tau2 v1 itself was asked to say of a failed simulation (`review`, `user_only_review`, `hallucination_check`), beside the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.attribution.accusation import AGENT, USER
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, frame, records

COLUMNS = (*RUN_KEY, "review", "says", "rules_say", "agree")
_OF_THE_USER = ("critical_user_error", "hallucination_found")


def own_reviews(recorded: Recorded) -> pd.DataFrame:
    """Return one row for each review of a failed simulation: whose error it names, what the rules say, and whether they agree. A review
    that names nobody's error says `none`."""
    said = {tuple(row[name] for name in RUN_KEY): str(row["fault"]) for row in records(attribution(recorded))}
    rows: list[Row] = []
    for key, conversation in recorded.conversations.items():
        for name, review in conversation.reviews.items() if key in said else ():
            if isinstance(review, Mapping) and (says := _says(review)) is not None:
                row = {**dict(zip(RUN_KEY, key, strict=True)), "review": name, "says": says}
                rows.append({**row, "rules_say": said[key], "agree": says == said[key]})
    return frame(rows, COLUMNS)


def _says(review: Mapping[str, Any]) -> str | None:
    """Return whose error a review names; None if it does not say."""
    if not {*_OF_THE_USER, "agent_error"} & review.keys():
        return None
    if any(review.get(name) is True for name in _OF_THE_USER):
        return USER
    return AGENT if review.get("agent_error") is True else "none"
