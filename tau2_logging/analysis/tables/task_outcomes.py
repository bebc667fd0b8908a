"""One row a task: how many of its simulations were scored and how many were solved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import solved

if TYPE_CHECKING:
    import pandas as pd


def task_outcomes(simulations: pd.DataFrame) -> pd.DataFrame:
    """Return domain, task, trials, scored, solved, in order of the first start. A simulation without a reward is in `trials` alone."""
    marked = simulations.assign(scored=~np.isnan(as_floats(simulations["reward"])), solved=solved(simulations))
    groups = marked.groupby(["domain", "task"], dropna=False, sort=False)
    return groups.agg(trials=("scored", "size"), scored=("scored", "sum"), solved=("solved", "sum")).reset_index()
