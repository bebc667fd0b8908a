"""Statistics of paired designs, against scipy, statsmodels, or arithmetic that can be done by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tau2_logging.statistics.mcnemar import mcnemar_exact
from tau2_logging.statistics.mean_difference import mean_interval
from tau2_logging.statistics.multiplicity import benjamini_hochberg, holm
from tau2_logging.statistics.paired import compare
from tau2_logging.statistics.pass_k import pass_hat_k
from tau2_logging.statistics.permutation import sign_flip_p
from tau2_logging.statistics.power import Design, detectable, power_of, trials_needed

DIFFERENCES = [-0.5, -0.25, 0.0, 0.0, 0.25, -0.75, 0.0, -0.25, 0.5, -0.25, -0.5, 0.0]


def test_the_sign_flip_test_is_exact_for_few_tasks() -> None:
    """The share of all 2^n sign patterns whose sum is at least as far from 0, counted by hand."""
    moved = [value for value in DIFFERENCES if value]
    sums = [
        abs(sum(sign * abs(value) for sign, value in zip(signs, moved, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(moved))
    ]
    expected = sum(total >= abs(sum(moved)) - 1e-9 for total in sums) / len(sums)
    assert sign_flip_p(DIFFERENCES) == pytest.approx(expected)


def test_the_sign_flip_test_is_scipys() -> None:
    """The same p as scipy.stats.permutation_test, exact and (within what drawing does) with many tasks."""
    many = np.random.default_rng(11).choice([-0.5, -0.25, 0.25, 0.5], 40, p=[0.35, 0.25, 0.2, 0.2])
    for values, resamples, near in ((np.array(DIFFERENCES), np.inf, 1e-9), (many, 9999, 0.02)):
        theirs = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=resamples, rng=np.random.default_rng(0))
        assert sign_flip_p(values) == pytest.approx(float(theirs.pvalue), abs=near)


def test_the_sign_flip_test_of_many_tasks_comes_near_the_t_test() -> None:
    """With 200 tasks, both ask the same of a mean; drawn resamples, seeded."""
    values = np.random.default_rng(3).normal(0.05, 0.5, 200)
    assert sign_flip_p(values) == pytest.approx(float(stats.ttest_1samp(values, 0).pvalue), abs=0.02)
    assert sign_flip_p(values, seed=1) == sign_flip_p(values, seed=1)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=0, max_size=8))
def test_the_sign_flip_test_knows_no_direction(values: list[float]) -> None:
    """Swapping the arms changes nothing; a p is a p; nothing to compare is no p."""
    p = sign_flip_p(values)
    if not values:
        assert math.isnan(p)
        return
    assert 0 < p <= 1
    assert p == sign_flip_p([-value for value in values])


def test_the_interval_of_a_measure_is_students_t() -> None:
    """mean ± t·s/sqrt(n); tasks without both values do not count; bounds are kept."""
    values = np.random.default_rng(5).normal(0.1, 0.3, 60)
    found = mean_interval([*values, float("nan")])
    expected = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert (found.tasks, found.estimate) == (60, pytest.approx(values.mean()))
    assert (found.low, found.high) == pytest.approx(expected)
    assert mean_interval(values, bounds=(0.09, 0.11)).low == 0.09


def test_the_interval_is_not_certain_where_it_cannot_know() -> None:
    """Few tasks: no interval and a reason. Tasks that are all equal: none for a measure, for shares that of the floor."""
    few = mean_interval([1.0, 0.0, 0.0, 1.0])
    assert math.isnan(few.low)
    assert few.remark
    assert math.isnan(mean_interval([3.0] * 20).low)
    equal = mean_interval([0.0] * 20, step=0.5)
    assert equal.high == pytest.approx(stats.t.ppf(0.975, 19) * math.sqrt(0.25 / 21 / 20))
    assert math.isnan(mean_interval([]).estimate)


def test_holm_and_benjamini_hochberg_by_hand() -> None:
    """Sorted p times what is left, or over the rank; never falling; a missing p stays missing and does not count."""
    nothing = float("nan")
    assert holm([0.01, nothing, 0.04, 0.03]) == pytest.approx([0.03, nothing, 0.06, 0.06], nan_ok=True)
    assert benjamini_hochberg([0.01, 0.04, 0.03, nothing]) == pytest.approx([0.03, 0.04, 0.04, nothing], nan_ok=True)
    assert holm([]) == []


def test_holm_is_statsmodels() -> None:
    """The same adjusted p as statsmodels.multipletests (which collects garbage at every call, so that it is not what is used)."""
    p_values = [0.011, 0.5, 0.011, 0.024, 0.03, 1.0, 0.0]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_mcnemar_counts_what_only_one_solved() -> None:
    """Two-sided binomial of the discordant tasks: 1 of 6 won, 2·(1+6)/64."""
    found = mcnemar_exact([1, 1, 1, 1, 1, 0, 1, 0, float("nan")], [0, 0, 0, 0, 0, 1, 1, 0, 1])
    assert (found.lost, found.won, found.tasks, found.p) == (5, 1, 8, pytest.approx(2 * 7 / 64))
    assert mcnemar_exact([1, 0], [1, 0]).p == 1.0


@given(st.integers(1, 6), st.data())
def test_pass_hat_k_is_the_share_of_all_choices_of_k_trials(trials: int, data: st.DataObject) -> None:
    """Counted over every choice of k of a task's trials."""
    won, k = data.draw(st.integers(0, trials)), data.draw(st.integers(1, trials))
    results = [1] * won + [0] * (trials - won)
    choices = list(itertools.combinations(results, k))
    assert pass_hat_k(won, trials, k) == pytest.approx(sum(map(all, choices)) / len(choices))
    assert math.isnan(pass_hat_k(0, k - 1, k))


def test_a_difference_of_five_points_takes_a_few_trials() -> None:
    """114 tasks, one comparison, 80 % power: 4 to 9 trials by how much tasks differ; more comparisons take more."""
    needed = [trials_needed(Design(114, 1, between=share), 0.05) for share in (0.7, 0.5, 0.3)]
    assert needed == [4, 6, 9]
    assert detectable(Design(114, 6)) <= 0.05 < detectable(Design(114, 5))
    assert (trials_needed(Design(114, 1, comparisons=4), 0.05) or 0) > 6
    assert trials_needed(Design(5, 1), 0.01) is None


def test_power_is_what_repeated_experiments_find() -> None:
    """1,000 drawn experiments with the difference a design can detect: about 80 % are significant."""
    design = Design(60, 4)
    difference = detectable(design)
    random = np.random.default_rng(7)
    drawn = random.normal(difference, design.deviation, (1000, 60))
    found = float((stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean())
    assert power_of(design, difference) == pytest.approx(0.8, abs=0.001)
    assert found == pytest.approx(0.8, abs=0.04)


def test_a_task_is_its_own_control() -> None:
    """Differences are taken within task: a shift of every task is found, whatever the tasks' own level."""
    reference = np.linspace(0, 1, 30)
    found = compare(reference, reference - 0.2, resamples=999)
    assert found.interval.estimate == pytest.approx(-0.2)
    assert found.p < 0.01
