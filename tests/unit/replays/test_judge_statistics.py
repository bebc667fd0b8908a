"""Kappa and the parts of the variance, on drawn verdicts of which the truth is known."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tau2_logging.analysis.deep.attribution.agreement.label_agreement import kappa as kappa_of_labels
from tau2_logging.statistics.kappa import agreement
from tau2_logging.statistics.variance_parts import DISAGREEMENT, JUDGE, NOISE, TASK, TRIAL, USER, variance_parts
from tests.support.thorough import scaled

SETS = scaled(6, 100)
"""How many sets of verdicts are drawn."""
ERRORS = np.array([0.05, 0.15, 0.3])


def test_kappa_is_cohens() -> None:
    """As the labels of failures have it, which is written from its definition in another way."""
    draw = random.Random(1)
    for _ in range(50):
        first = [draw.random() < 0.6 for _ in range(30)]
        second = [one if draw.random() < 0.7 else not one for one in first]
        found = agreement(first, second, list(range(30)))
        assert found.kappa == pytest.approx(kappa_of_labels(zip(map(str, first), map(str, second), strict=True)))
        assert found.low <= found.kappa <= found.high


def test_a_judge_who_always_says_the_same_has_no_kappa() -> None:
    found = agreement([True] * 9, [True, False] * 4 + [True], list(range(9)))
    assert found.kappa != found.kappa  # NaN
    assert found.remark
    assert (found.same, found.of) == (5, 9)


def test_few_tasks_give_a_kappa_without_an_interval() -> None:
    """The trials of a task depend on each other: the task is the unit."""
    found = agreement([True, False] * 10, [True, False, False, True] * 5, [0, 0, 1, 1] * 5)
    assert found.kappa == found.kappa
    assert found.low != found.low  # NaN
    assert "2 tasks" in found.remark


def _drawn(draw: np.random.Generator, tasks: int, trials: int, users: int, times: int) -> tuple[np.ndarray, list[int], list[int]]:
    """Verdicts of three judges on conversations that are good by chance, more often with one user than with the other."""
    hard = draw.beta(2, 2, size=tasks)
    task = np.repeat(np.arange(tasks), trials * users)
    user = np.tile(np.repeat(np.arange(users), trials), tasks)
    good = draw.random(len(task)) < np.clip(hard[task] + 0.25 * (user - (users - 1) / 2), 0, 1)
    wrong = draw.random((len(task), 3, times)) < ERRORS[None, :, None]
    return np.where(wrong, ~good[:, None, None], good[:, None, None]).astype(int), list(task), list(user)


def test_parts_are_within_their_intervals_of_the_truth() -> None:
    """In nearly all of the drawn sets: four parts, each with an interval of 95 %."""
    draw = np.random.default_rng(4)
    slopes = 1 - 2 * ERRORS
    truth = {
        TASK: 0.05 * slopes.mean() ** 2,
        TRIAL: 0.2 * slopes.mean() ** 2,
        DISAGREEMENT: 0.25 * slopes.var(ddof=1),
        NOISE: float((ERRORS * (1 - ERRORS)).mean()),
    }
    inside = 0
    for _ in range(SETS):
        verdicts, task, user = _drawn(draw, 30, 4, 1, 2)
        parts = {part.name: part for part in variance_parts(verdicts, task, user)}
        inside += sum(parts[name].low <= value <= parts[name].high for name, value in truth.items())
        assert parts[USER].remark
    assert inside >= 0.88 * 4 * SETS


def test_users_who_differ_have_a_part_of_their_own() -> None:
    """And those who do not have next to none; tasks and judges keep theirs."""
    draw = np.random.default_rng(5)
    verdicts, task, user = _drawn(draw, 60, 6, 2, 1)
    parts = {part.name: part for part in variance_parts(verdicts, task, user)}
    apart = 0.25**2 / 2 * (1 - 2 * ERRORS).mean() ** 2
    assert parts[USER].low <= apart <= parts[USER].high
    assert parts[USER].low > 0
    mixed = {part.name: part for part in variance_parts(verdicts, task, list(draw.permutation(user)))}
    assert mixed[USER].variance < parts[USER].variance / 2
    assert parts[NOISE].remark


def test_one_judge_once_tells_nothing_of_judges() -> None:
    draw = np.random.default_rng(6)
    verdicts, task, user = _drawn(draw, 12, 3, 1, 1)
    parts = {part.name: part for part in variance_parts(verdicts[:, :1], task, user)}
    assert all(parts[name].remark and parts[name].share != parts[name].share for name in (JUDGE, DISAGREEMENT, NOISE))
    assert parts[TRIAL].variance > 0
