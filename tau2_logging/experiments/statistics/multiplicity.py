"""p values of several comparisons at once: Holm (1979) where one wrong claim is too many, Benjamini and Hochberg (1995) for exploring."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted so that the chance of any false claim among them stays below the level. NaN stays NaN and does not count."""
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted so that the expected share of false claims among the claims stays below the level. NaN stays NaN and does not count."""
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Sequence[float], method: str) -> list[float]:
    from statsmodels.stats.multitest import multipletests

    known = [p for p in p_values if not math.isnan(p)]
    adjusted = iter(multipletests(known, method=method)[1].tolist() if known else ())
    return [p if math.isnan(p) else float(next(adjusted)) for p in p_values]
