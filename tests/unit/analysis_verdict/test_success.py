"""Success compared task by task: the figures equal those of plain formulas, and of scipy and statsmodels."""

from __future__ import annotations

import itertools
import math
from statistics import mean, stdev

import numpy as np
import pytest
from scipy.stats import beta, t

from tau2_logging.analysis.verdict.noise import noise_of
from tau2_logging.analysis.verdict.paired_measures import ratio_interval
from tau2_logging.analysis.verdict.success import difference, flip_rows
from tau2_logging.analysis.verdict.task_matching import matched, outcomes_by_task
from tau2_logging.statistics.distribution_functions import beta_greater
from tau2_logging.statistics.mean_difference import mean_share_difference, share_interval
from tests.unit.analysis_verdict.drawn_sides import side, tasks, verdict

Outcomes = dict[str, list[float]]


def numbered(*trials: list[float]) -> Outcomes:
    return {f"t{number}": one for number, one in enumerate(trials)}


A = numbered([1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0])
B = numbered([1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 1, 0])


def by_hand(values: list[float], step: float) -> tuple[float, float]:
    """Student's t, the variance that of the tasks or of two more 0.7 of a step up and down, whichever is larger."""
    n, middle = len(values), mean(values)
    floor = (sum((value - middle) ** 2 for value in values) + step**2) / (n + 1)
    reach = t.ppf(0.975, n - 1) * math.sqrt(max(stdev(values) ** 2, floor) / n)
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def test_a_difference_with_interval_and_p_is_that_of_plain_formulas() -> None:
    pair = verdict(side("a", A), side("b", B))
    values = [mean(B[task]) - mean(A[task]) for task in A]
    assert (pair.success.interval.low, pair.success.interval.high) == pytest.approx(by_hand(values, 1 / 3))
    flipped = [abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in itertools.product((1, -1), repeat=len(values))]
    assert pair.success.p == pytest.approx(mean(one >= sum(values) - 1e-9 for one in flipped))
    assert pair.outcome == "better"
    assert pair.ups_and_downs == (7, 0)


def test_tasks_that_all_agree_do_not_give_certainty() -> None:
    low, high = share_interval([0.0] * 20, 1.0)
    assert (low, high) == pytest.approx(by_hand([0.0] * 20, 1.0))
    assert high == pytest.approx(t.ppf(0.975, 19) * math.sqrt(1 / 21 / 20))
    assert mean_share_difference([1.0] * 6, 1.0).high == 1.0


def test_the_interval_of_many_pairs_at_once_is_that_of_each() -> None:
    random = np.random.default_rng(3)
    many = np.where(random.random((50, 12)) < 0.1, np.nan, random.choice([-1.0, 0.0, 1.0], (50, 12)))
    low, high = share_interval(many, np.full(50, 0.5))
    for row, *ends in zip(many, low, high, strict=True):
        assert ends == pytest.approx(by_hand(row[~np.isnan(row)].tolist(), 0.5))


def test_pass_k_is_compared_for_every_k_that_there_are_trials_for() -> None:
    rows = {row["k"]: row for row in verdict(side("a", A), side("b", B)).pass_k}
    assert set(rows) == {2, 3}
    assert rows[3]["value_a"] == mean(all(trials) for trials in A.values())
    assert rows[2]["value_b"] == pytest.approx(mean(math.comb(sum(map(int, trials)), 2) / 3 for trials in B.values()))


def test_how_sure_a_flip_is_equals_the_integral_over_both_posteriors() -> None:
    random = np.random.default_rng(1)
    drawn = beta(3.5, 1.5).rvs(400_000, random_state=random) > beta(1.5, 3.5).rvs(400_000, random_state=random)
    assert beta_greater((1, 3), (3, 1)) == pytest.approx(drawn.mean(), abs=0.003)
    assert beta_greater((2, 2), (2, 2)) == pytest.approx(0.5, abs=1e-3)
    one, other = (outcomes_by_task(side(name, found), [("retail", task) for task in A]) for name, found in (("a", A), ("b", B)))
    surest = flip_rows(one, other)[0]
    assert (surest["task"], surest["sure"]) == ("t5", pytest.approx(beta_greater((1, 2), (3, 0))))


def test_tasks_in_one_run_alone_or_of_another_text_are_left_out_and_named() -> None:
    texts = {("retail", f"t{at}"): "same" for at in range(8)}
    first = side("a", {**A, "old": [1]}, texts=texts)
    second = side("b", {**B, "new": [0]}, texts={**texts, ("retail", "t3"): "other words"})
    found = matched(first, second, "retail")
    assert [task for _, task in found.only_a] == ["old"]
    assert [task for _, task in found.only_b] == ["new"]
    assert [task for _, task in found.told_differently] == ["t3"]
    assert verdict(first, second).tasks == 7


def test_trials_of_a_task_with_fewer_scores_count_by_their_own_mean() -> None:
    first = outcomes_by_task(side("a", tasks([1, None], [0, 0])), [("retail", "t0"), ("retail", "t1")])
    assert first["share"].tolist() == [1.0, 0.0]
    assert first["scored"].tolist() == [1, 2]
    assert difference(first, first).interval.estimate == 0


def test_cost_of_a_success_has_the_interval_of_a_jackknife() -> None:
    cost_a, cost_b = np.array([1.0, 2.0, 1.5, 3.0, 2.5, 1.0]), np.array([2.0, 2.5, 2.0, 5.0, 3.0, 2.0])
    won_a, won_b = np.array([1.0, 0.5, 1.0, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 0.5, 1.0, 1.0])
    whole = math.log((cost_b.sum() / won_b.sum()) / (cost_a.sum() / won_a.sum()))
    left = []
    for out in range(6):
        kept = [at for at in range(6) if at != out]
        left.append(math.log((cost_b[kept].sum() / won_b[kept].sum()) / (cost_a[kept].sum() / won_a[kept].sum())))
    error = math.sqrt(5 / 6 * sum((one - mean(left)) ** 2 for one in left))
    ratio, low, high, p = ratio_interval(cost_a, won_a, cost_b, won_b)
    assert (ratio, low, high) == pytest.approx([math.exp(whole + sign * t.ppf(0.975, 5) * error) for sign in (0, -1, 1)])
    assert p == pytest.approx(2 * t.sf(abs(whole) / error, 5))


def test_noise_is_that_of_the_runs_own_trials() -> None:
    places = [("retail", task) for task in A]
    found = noise_of(*(outcomes_by_task(side(name, one), places) for name, one in (("a", A), ("b", B))))
    within = [mean(mean(trials) * (1 - mean(trials)) * 3 / 2 for trials in one.values()) for one in (A, B)]
    assert found.rerun == pytest.approx(1.96 * math.sqrt(2 * mean(within) / 8))
    assert found.flipping == (5 / 8, 3 / 8)
    rate = mean([mean(trials) for one in (A, B) for trials in one.values()])
    assert found.correlation == pytest.approx(1 - mean(within) / (rate * (1 - rate)))


def test_one_trial_a_task_leaves_the_noise_unknown() -> None:
    ten = tasks(*([1] if at % 2 else [0] for at in range(10)))
    pair = verdict(side("a", ten), side("b", ten))
    assert pair.noise.rerun is None
    assert pair.noise.detectable is not None
