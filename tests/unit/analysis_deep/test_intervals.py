"""Rates, intervals and tests against published values, scipy, and arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tau2_logging.analysis.deep.context_length import mantel_haenszel
from tau2_logging.statistics.intervals import cliffs_delta, mean_interval, ranks, rate_of, score_test, wilson
from tau2_logging.statistics.multiplicity import holm


def test_wilsons_interval_is_scipys() -> None:
    """At whole numbers and the normal quantile."""
    for hits, n in ((0, 10), (3, 10), (47, 50), (50, 50)):
        expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert wilson(hits / n, n, stats.norm.ppf(0.975)) == pytest.approx((expected.low, expected.high))


def test_ten_tasks_of_four_equal_calls_count_as_nine_calls() -> None:
    """m/(m-1)·Σ(x-pn)²/n² = 10/9·40/1600 = 1/36; over p(1-p)/n = 1/160 a design effect of 40/9, so 9 effective calls."""
    found = rate_of(np.repeat([0, 1], 20), np.repeat(np.arange(10), 4))
    assert found.design_effect == pytest.approx(40 / 9)
    assert (found.low, found.high) == pytest.approx(wilson(0.5, 9, stats.t.ppf(0.975, 9)))


def test_calls_that_do_not_depend_on_their_task_keep_their_number() -> None:
    """The design effect is never below 1: more calls than there are cannot be had."""
    found = rate_of(np.tile([0, 1], 20), np.repeat(np.arange(20), 2))
    assert found.design_effect == 1
    assert (found.hits, found.of, found.clusters) == (20, 40, 20)


def test_without_a_single_failure_tasks_are_counted_and_not_calls() -> None:
    assert rate_of(np.zeros(100), np.repeat(np.arange(10), 10)).high == pytest.approx(wilson(0, 10, stats.t.ppf(0.975, 9))[1])


def test_too_few_give_no_number() -> None:
    """Fewer than 5 observations no rate, one task no interval; numerator and denominator stay."""
    few = rate_of([1, 0, 1], [1, 2, 3])
    assert (few.hits, few.of) == (2, 3)
    assert math.isnan(few.rate)
    assert few.remark.startswith("n too small")
    one = rate_of([1, 0, 1, 1, 1, 1], [7] * 6)
    assert one.rate == 5 / 6
    assert math.isnan(one.low)
    assert "1 task" in one.remark


def test_intervals_keep_their_promise_where_calls_depend_on_their_task() -> None:
    """Beta-binomial tasks with a correlation of 0.5: at least 90 % of the intervals hold the truth (of the plain ones 62 %)."""
    random = np.random.default_rng(7)
    held = plain = 0
    for _ in range(300):
        sizes = random.integers(1, 16, 20)
        clusters = np.repeat(np.arange(20), sizes)
        hits = random.random(len(clusters)) < random.beta(0.5, 0.5, 20)[clusters]
        found = rate_of(hits, clusters)
        held += found.low <= 0.5 <= found.high
        low, high = wilson(float(hits.mean()), len(hits), 1.96)
        plain += low <= 0.5 <= high
    assert held >= 270
    assert plain < 240


def test_the_score_test_rarely_cries_wolf_where_both_depend_on_the_task() -> None:
    """x and y both vary by task and have nothing to do with each other: at most 7 % of 300 p values are below 0.05."""
    random = np.random.default_rng(3)
    clusters = np.repeat(np.arange(25), 6)
    found = 0
    for _ in range(300):
        x = random.normal(size=25)[clusters] + random.normal(size=150)
        y = random.random(150) < random.beta(1, 1, 25)[clusters]
        found += score_test(ranks(x), y, clusters)[1] < 0.05
    assert found <= 21


def test_complete_separation_is_no_certainty() -> None:
    """|t| is at most the square root of the number of tasks; a p value of 0 does not come out of 9 tasks."""
    clusters = np.repeat(np.arange(9), 4)
    truth = np.tile([0, 0, 1, 1], 9)
    statistic, p = score_test(truth, truth, clusters)
    assert statistic == pytest.approx(3)
    assert p == pytest.approx(2 * stats.t.sf(3, 8))


def test_holms_p_values_are_those_of_arithmetic() -> None:
    """0.01·4, then at least that: 0.02·3, 0.03·2 < 0.06, 0.5·1."""
    assert holm([0.02, 0.5, float("nan"), 0.01, 0.03]) == pytest.approx([0.06, 0.5, float("nan"), 0.04, 0.06], nan_ok=True)


def test_mid_ranks_are_scipys() -> None:
    values = [3, 1, 3, 2, 2, 3]
    assert ranks(values).tolist() == stats.rankdata(values).tolist()


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=30))
def test_cliffs_delta_is_the_count_of_pairs(pairs: list[tuple[int, bool]]) -> None:
    ones, zeros = [v for v, truth in pairs if truth], [v for v, truth in pairs if not truth]
    found = cliffs_delta([v for v, _ in pairs], [truth for _, truth in pairs])
    if ones and zeros:
        assert found == pytest.approx(sum(np.sign(a - b) for a in ones for b in zeros) / (len(ones) * len(zeros)))
    else:
        assert math.isnan(found)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60))
def test_a_rate_lies_in_its_interval_and_that_between_0_and_1(rows: list[tuple[bool, int]]) -> None:
    found = rate_of([hit for hit, _ in rows], [task for _, task in rows])
    assert found.of == len(rows)
    if not math.isnan(found.low):
        assert 0 <= found.low <= found.rate <= found.high <= 1


def test_the_mean_of_tasks_gives_the_interval_of_its_trials() -> None:
    """Equally many trials a task: pooled trials clustered by task, and the tasks' own shares, are one estimate with one variance."""
    shares = np.array([0, 0.5, 1, 1, 1, 0.5, 1, 0, 1, 1])
    trials = np.array([[0, 0], [0, 1], [1, 1], [1, 1], [1, 1], [1, 0], [1, 1], [0, 0], [1, 1], [1, 1]]).ravel()
    one, other = mean_interval(shares, 20), rate_of(trials, np.repeat(np.arange(10), 2))
    assert (one.rate, one.low, one.high) == pytest.approx((other.rate, other.low, other.high))


def test_mantel_haenszel_gives_the_published_figures_for_berkeley() -> None:
    """Admissions to Berkeley by sex and department (Bickel et al. 1975), as R's mantelhaen.test prints them."""
    departments = (
        (512, 313, 89, 19), (353, 207, 17, 8), (120, 205, 202, 391), (138, 279, 131, 244), (53, 138, 94, 299), (22, 351, 24, 317),
    )  # fmt: skip
    found = mantel_haenszel(departments)
    assert (found.ratio, found.low, found.high) == pytest.approx((0.9046968, 0.7719074, 1.0603298), abs=1e-6)
    assert found.chi_square == pytest.approx(1.5246, abs=2e-3)
    assert found.p == pytest.approx(stats.chi2.sf(found.chi_square, 1))
