"""p values of several comparisons at once: Holm (1979) if one wrong claim is too many, Benjamini and Hochberg (1995) for exploring."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values: the i-th smallest of m times m-i+1, never smaller than the one before, at most 1. NaN stays NaN."""
    known = sorted((p, at) for at, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [float("nan")] * len(p_values)
    largest = 0.0
    for rank, (p, at) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        adjusted[at] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return adjusted so that the expected share of false claims among the claims stays below the level. NaN stays NaN and does not
    count."""
    from statsmodels.stats.multitest import fdrcorrection

    known = [p for p in p_values if not math.isnan(p)]
    adjusted = iter(fdrcorrection(known)[1].tolist() if known else ())
    return [p if math.isnan(p) else float(next(adjusted)) for p in p_values]
