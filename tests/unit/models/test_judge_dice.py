"""The dice of the scripted judge are fair, and independent of each other: what its known errors are good for."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tau2_logging.models.scripted.llm_args import ScriptedSettings
from tests.support.thorough import scaled

ERRORS = (0.05, 0.15, 0.3)
SEEDS = scaled(60, 1000)
CONVERSATIONS = [f"airline/{task}|{trial}|the words of conversation {task % 5}" for task in range(14) for trial in range(3)]
"""Several read alike, as those of an agent that does nothing do; task and trial tell them apart."""
SURE = 4.5
"""Standard errors that chance does not reach: once in 150,000 times."""


def drawn(error: float) -> np.ndarray:
    """Whether a judge is wrong, by seed and conversation."""
    settings = [ScriptedSettings(seed=seed, wrong_verdicts=error) for seed in range(SEEDS)]
    return np.array([[one.misjudges(conversation) for conversation in CONVERSATIONS] for one in settings], dtype=float)


@pytest.fixture(scope="module")
def wrong() -> dict[float, np.ndarray]:
    return {error: drawn(error) for error in ERRORS}


def test_a_judge_is_wrong_as_often_as_it_is_told_to_be(wrong: dict[float, np.ndarray]) -> None:
    """Over all, in each conversation and with each seed: both are binomial in their mean and in how far they scatter."""
    for error, found in wrong.items():
        spread = math.sqrt(error * (1 - error))
        assert abs(found.mean() - error) < SURE * spread / math.sqrt(found.size)
        for axis, number in ((0, SEEDS), (1, len(CONVERSATIONS))):
            far = (found.mean(axis=axis) - error) * math.sqrt(number) / spread
            assert abs(far).max() < SURE + 1  # a binomial's tail is longer than the normal's
            assert abs(np.var(far) - 1) < SURE * math.sqrt(2 / len(far)) * 1.3


def test_no_draw_depends_on_another(wrong: dict[float, np.ndarray]) -> None:
    """Not those of two judges, of two trials or tasks, nor of a judge that is asked again."""

    def related(one: np.ndarray, other: np.ndarray) -> float:
        return abs(float(np.corrcoef(one.ravel(), other.ravel())[0, 1])) * math.sqrt(one.size)

    for first, second in itertools.combinations(ERRORS, 2):
        assert related(wrong[first], wrong[second]) < SURE
    for found in wrong.values():
        assert related(found[:-1], found[1:]) < SURE
        by_task = found.reshape(SEEDS, 14, 3)
        assert related(by_task[:, :, :-1], by_task[:, :, 1:]) < SURE
        assert related(by_task[:, :-1], by_task[:, 1:]) < SURE
