"""pass^k as tau2 defines it, the chance that k trials of a task all succeed, and pass@k, that at least one does. Pure Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import comb

from tau2_logging.statistics.score import is_solved


def pass_hat_k(successes: int, trials: int, k: int) -> float:
    """Return C(c, k) / C(n, k) for a task with c successes in n trials, the unbiased estimate of p^k; NaN if n < k.

    Source: Yao et al. (2024), tau-bench, arXiv 2406.12045.
    """
    return comb(successes, k) / comb(trials, k) if trials >= k else float("nan")


def pass_at_k(successes: int, trials: int, k: int) -> float:
    """Return 1 - C(n - c, k) / C(n, k); NaN if n < k. Source: Chen et al. (2021), arXiv 2107.03374."""
    return 1 - comb(trials - successes, k) / comb(trials, k) if trials >= k else float("nan")


def mean_pass_hat(rewards: Mapping[str, Sequence[float]]) -> dict[int, float]:
    """Return the mean of pass^k over tasks, for every k that all tasks have trials for.

    `rewards` by task, of scored trials only: those that an infrastructure failure ended do not belong in it.
    """
    return _means(rewards, pass_hat_k)


def mean_pass_at(rewards: Mapping[str, Sequence[float]]) -> dict[int, float]:
    """Return the mean of pass@k over tasks likewise."""
    return _means(rewards, pass_at_k)


def _means(rewards: Mapping[str, Sequence[float]], estimate: Callable[[int, int, int], float]) -> dict[int, float]:
    counts = [(sum(map(is_solved, trials)), len(trials)) for trials in rewards.values()]
    most = min((trials for _, trials in counts), default=0)
    return {k: sum(estimate(successes, trials, k) for successes, trials in counts) / len(counts) for k in range(1, most + 1)}
