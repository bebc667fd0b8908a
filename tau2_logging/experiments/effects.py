"""The arms of an experiment against its reference arm, with as many claims as the family-wise level allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tau2_logging.statistics.multiplicity import benjamini_hochberg, holm
from tau2_logging.statistics.paired import PairedComparison, compare
from tau2_logging.statistics.permutation import RESAMPLES

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05


@dataclass(frozen=True)
class Effect:
    """An arm less the reference: the paired comparison, its p adjusted over the arms, and how many trials each task had in the mean."""

    arm: str
    comparison: PairedComparison
    p_adjusted: float

    @property
    def found(self) -> bool:
        """Whether a difference may be claimed."""
        return self.p_adjusted < LEVEL


def effects(
    means: pd.DataFrame,
    reference: str,
    arms: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    step: float | None = None,
    exploring: bool = False,
    fractions: Sequence[float] = (),
) -> list[Effect]:
    """Return every arm (a column of `means`, which has a row a task) compared with the reference.

    Adjusted by Holm over the arms, or by Benjamini and Hochberg's procedure if one is only `exploring`. `step` and `fractions` are
    those of `paired.compare`.
    """
    chosen = [arm for arm in (means.columns if arms is None else arms) if arm != reference]
    found = [compare(means[reference], means[arm], seed + at, resamples, step, fractions) for at, arm in enumerate(chosen)]
    adjust = benjamini_hochberg if exploring else holm
    adjusted = adjust([comparison.p for comparison in found])
    return [Effect(arm, comparison, p) for arm, comparison, p in zip(chosen, found, adjusted, strict=True)]
