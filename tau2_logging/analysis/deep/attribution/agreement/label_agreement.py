"""How far the rules agree with labels that people gave: confusion, precision and share found of each fault, and Cohen's kappa (1960)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, records

Pair = tuple[str, str]


def labelled_pairs(recorded: Recorded) -> list[Pair]:
    """Return (label, what the rules say) of each failed simulation that has a label."""
    said = {tuple(str(row[name]) for name in RUN_KEY): str(row["fault"]) for row in records(attribution(recorded))}
    keyed = ((tuple(str(label.get(name)) for name in RUN_KEY), str(label["fault"])) for label in recorded.labels)
    return [(fault, said[key]) for key, fault in keyed if key in said]


def label_confusion(recorded: Recorded) -> pd.DataFrame:
    """Return how often each label met each decision of the rules."""
    counts = Counter(labelled_pairs(recorded))
    rows = [{"labelled": label, "rules_say": said, "simulations": number} for (label, said), number in sorted(counts.items())]
    return pd.DataFrame(rows, columns=["labelled", "rules_say", "simulations"])


def label_agreement(recorded: Recorded) -> pd.DataFrame:
    """Return for each fault: how often the rules said it and were right, how often it was labelled and found; kappa over all labels, from
    -1 to 1, where 0 is what chance would give."""
    return pd.DataFrame(agreement_rows(labelled_pairs(recorded)))


def agreement_rows(pairs: list[Pair]) -> list[Row]:
    """Return for each fault how often it was said and right, labelled and found, of pairs (label, what was said)."""
    value = kappa(pairs)
    rows = []
    for fault in sorted({fault for pair in pairs for fault in pair}):
        right = sum(pair == (fault, fault) for pair in pairs)
        said, labelled = sum(said == fault for _, said in pairs), sum(label == fault for label, _ in pairs)
        rows.append({
            "fault": fault, "said": said, "right": right, "labelled": labelled, "precision_rate": _share(right, said),
            "found_rate": _share(right, labelled), "kappa": value,
        })  # fmt: skip
    return rows


def kappa(pairs: Iterable[Pair]) -> float:
    """Return Cohen's kappa; NaN if there are no pairs, or all are of one fault, so that chance alone would agree."""
    pairs = list(pairs)
    if not pairs:
        return float("nan")
    labels, said = (Counter(pair[at] for pair in pairs) for at in (0, 1))
    observed = sum(label == decision for label, decision in pairs) / len(pairs)
    expected = sum(labels[fault] * said[fault] for fault in labels) / len(pairs) ** 2
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
