"""pass^k as tau2 defines it: the chance that k trials of a task all succeed, averaged over tasks."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any


def pass_hat_k(successes: Sequence[int] | Any, trials: Sequence[int] | Any, k: int) -> list[float]:
    """C(c, k) / C(n, k) for each task with c successes in n trials; NaN for a task with fewer than k trials.

    It is the unbiased estimate of p^k. Source: Yao et al. (2024), tau-bench, after Chen et al. (2021)'s pass@k.
    """
    pairs = zip(successes, trials, strict=True)
    return [comb(int(c), k) / comb(int(n), k) if n >= k else float("nan") for c, n in pairs]
