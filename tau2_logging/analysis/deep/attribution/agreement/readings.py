"""What readers said beside what the rules say, and how far both agree with labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from tau2_logging.analysis.deep.attribution.agreement.label_agreement import Pair, agreement_rows
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, frame, records

COLUMNS = (*RUN_KEY, "reader", "fault", "turn", "quote", "rules_say", "agree", "why", "problem")
LABELS, RULES = "labels", "rules"


def readings(recorded: Recorded) -> pd.DataFrame:
    """Return one row for each reading of a failed simulation; `problem` says why the reader's answer was thrown away."""
    said = _rules(recorded)
    rows = []
    for row in recorded.readings:
        key = _key(row)
        if key in said:
            fault = row.get("fault")
            agree = None if fault is None else fault == said[key]
            rows.append({**{name: row.get(name) for name in COLUMNS}, "rules_say": said[key], "agree": agree})
    return frame(rows, COLUMNS)


def reader_agreement(recorded: Recorded) -> pd.DataFrame:
    """Return for each reader how far it agrees with labels, and with the rules: by fault, with Cohen's kappa. What was thrown away does not
    count."""
    compared = [(reader, against, pairs) for reader, against, pairs in _compared(recorded) if pairs]
    tables = [pd.DataFrame(agreement_rows(pairs)).assign(reader=reader, against=against) for reader, against, pairs in compared]
    if not tables:
        return pd.DataFrame()
    whole = pd.concat(tables, ignore_index=True)
    return whole[["reader", "against", *(name for name in whole if name not in ("reader", "against"))]]


def reader_confusion(recorded: Recorded) -> pd.DataFrame:
    """Return how often a label, or what the rules say, met what a reader says."""
    rows = [
        {"reader": reader, "against": against, "theirs": theirs, "reader_says": said, "simulations": number}
        for reader, against, pairs in _compared(recorded)
        for (theirs, said), number in sorted(Counter(pairs).items())
    ]
    return pd.DataFrame(rows, columns=["reader", "against", "theirs", "reader_says", "simulations"])


def _compared(recorded: Recorded) -> Iterator[tuple[str, str, list[Pair]]]:
    labelled = {_key(label): str(label["fault"]) for label in recorded.labels}
    rules = _rules(recorded)
    kept = [row for row in recorded.readings if row.get("fault") is not None and _key(row) in rules]
    for reader in dict.fromkeys(str(row["reader"]) for row in kept):
        mine = [(_key(row), str(row["fault"])) for row in kept if row["reader"] == reader]
        for against, theirs in ((LABELS, labelled), (RULES, rules)):
            yield reader, against, [(theirs[key], fault) for key, fault in mine if key in theirs]


def _rules(recorded: Recorded) -> dict[tuple[str, ...], str]:
    return {_key(row): str(row["fault"]) for row in records(attribution(recorded))}


def _key(row: dict[str, object]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in RUN_KEY)
