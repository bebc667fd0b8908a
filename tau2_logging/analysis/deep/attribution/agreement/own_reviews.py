"""What tau2 v1 itself was asked to say of a failed simulation, beside the rules: `review`, `user_only_review`, `hallucination_check` name
somebody's error, `auth_classification` says whether the customer was identified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.attribution.accusation import AGENT, USER
from tau2_logging.analysis.deep.attribution.agreement.label_agreement import Pair, agreement_rows
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.attribution.failed_case import call_failed
from tau2_logging.analysis.deep.reading.merge import by_simulation
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, frame, records

COLUMNS = (*RUN_KEY, "review", "says", "turn", "rules_say", "rules_turn", "agree")
SUCCEEDED, FAILED, NOT_NEEDED = "succeeded", "failed", "not_needed"
_AUTHENTICATION = "auth_classification"
_OF_THE_USER = ("critical_user_error", "hallucination_found")
_IDENTIFIES = ("find_user_id", "get_user_details", "find_customer", "get_customer", "get_details_by_id")


def own_reviews(recorded: Recorded) -> pd.DataFrame:
    """Return one row for each review of a failed simulation: what it says and in which message, what the rules say, and whether they
    agree. A review that names nobody's error says `none`; beside `auth_classification` is whether a call identified the customer."""
    said = {tuple(row[name] for name in RUN_KEY): row for row in records(attribution(recorded))}
    calls = by_simulation(records(recorded.calls))
    rows: list[Row] = []
    for key, conversation in recorded.conversations.items():
        for name, review in conversation.reviews.items() if key in said else ():
            if not isinstance(review, Mapping) or (says := _says(name, review)) is None:
                continue
            ours = _identified(calls[key]) if name == _AUTHENTICATION else str(said[key]["fault"])
            turn = None if name == _AUTHENTICATION else said[key].get("turn")
            row = {**dict(zip(RUN_KEY, key, strict=True)), "review": name, "says": says, "turn": _turn(review, says)}
            rows.append({**row, "rules_say": ours, "rules_turn": turn, "agree": says == ours})
    return frame(rows, COLUMNS)


def own_review_agreement(recorded: Recorded) -> pd.DataFrame:
    """Return how far each kind of review agrees with the rules, and with labels if there are any: by what was said, with Cohen's kappa."""
    rows = [
        {"review": name, "against": against, **row}
        for name, against, pairs in _compared(recorded)
        for row in (agreement_rows(pairs) if pairs else ())
    ]
    return pd.DataFrame(rows)


def _compared(recorded: Recorded) -> Iterator[tuple[str, str, list[Pair]]]:
    rows = records(own_reviews(recorded))
    labels = {tuple(str(label.get(name)) for name in RUN_KEY): str(label["fault"]) for label in recorded.labels}
    for name in dict.fromkeys(str(row["review"]) for row in rows):
        mine = [row for row in rows if row["review"] == name]
        yield name, "rules", [(str(row["rules_say"]), str(row["says"])) for row in mine]
        if name != _AUTHENTICATION:
            keyed = [(tuple(str(row[part]) for part in RUN_KEY), str(row["says"])) for row in mine]
            yield name, "labels", [(labels[key], says) for key, says in keyed if key in labels]


def _says(name: str, review: Mapping[str, Any]) -> str | None:
    """Return whose error a review names, or how authentication went; None if it does not say."""
    if name == _AUTHENTICATION:
        status = review.get("status")
        return str(status) if status in (SUCCEEDED, FAILED, NOT_NEEDED) else None
    if not {*_OF_THE_USER, "agent_error"} & review.keys():
        return None
    if any(review.get(name) is True for name in _OF_THE_USER):
        return USER
    return AGENT if review.get("agent_error") is True else "none"


def _turn(review: Mapping[str, Any], says: str) -> int | None:
    """Return the first message that a review names for the error that counts: a critical one of that side, if it tells."""
    errors = [error for error in review.get("errors") or () if isinstance(error, Mapping) and isinstance(error.get("turn_idx"), int)]
    mine = [error for error in errors if error.get("source", USER) == says]
    critical = [error for error in mine if str(error.get("severity")).startswith("critical")]
    return min((int(error["turn_idx"]) for error in critical or mine), default=None)


def _identified(calls: list[Row]) -> str:
    """Return how the calls say that authentication went."""
    tried = [call for call in calls if str(call["tool"]).startswith(_IDENTIFIES)]
    if not tried:
        return NOT_NEEDED
    return FAILED if all(call_failed(call) for call in tried) else SUCCEEDED
