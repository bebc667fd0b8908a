"""Ends of an interval from resampled tasks.

A bootstrap of n values is too narrow by sqrt((n-1)/n), and takes the normal's quantile where Student's t has the wider one: Hesterberg
(2015), The American Statistician 69, section 5.3, makes up for both by a smaller tail.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tau2_logging.statistics.distribution_functions import t_quantile

_TAIL = 0.025


def resampled_ends(values: Any, n: int) -> tuple[float, float]:
    """Return the ends of the interval (95 %) of figures from resamples of n tasks; those that are NaN are left out."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    if not len(known):
        return math.nan, math.nan
    reach = math.sqrt(n / (n - 1)) * t_quantile(1 - _TAIL, n - 1)
    tail = math.erfc(reach / math.sqrt(2)) / 2
    return float(np.quantile(known, tail)), float(np.quantile(known, 1 - tail))
