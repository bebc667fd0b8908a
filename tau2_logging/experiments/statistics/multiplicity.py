"""p values of several comparisons at once: Holm (1979) where one wrong claim is too many, Benjamini and Hochberg (1995) for exploring."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tau2_logging.analysis.deep.intervals import holm

__all__ = ["benjamini_hochberg", "holm"]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted so that the expected share of false claims among the claims stays below the level. NaN stays NaN and does not count."""
    from statsmodels.stats.multitest import fdrcorrection

    known = [p for p in p_values if not math.isnan(p)]
    adjusted = iter(fdrcorrection(known)[1].tolist() if known else ())
    return [p if math.isnan(p) else float(next(adjusted)) for p in p_values]
