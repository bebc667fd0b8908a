"""The sentence in every form that it has, and what it takes to claim anything."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from tau2_logging.analysis.verdict.compare_sides import compare_sides
from tau2_logging.analysis.verdict.looks import Looks
from tau2_logging.analysis.verdict.quality_gates import Limits, check, parse_points
from tau2_logging.analysis.verdict.sentences import headline
from tau2_logging.analysis.verdict.sides import ComparedRun
from tau2_logging.errors import UserError
from tests.unit.analysis_verdict.drawn_sides import side, tasks, verdict

LOW = tasks(*[[0, 0, 1]] * 12, *[[1, 1, 1]] * 8)
HIGH = tasks(*[[1, 1, 1]] * 11, *[[0, 1, 0]], *[[1, 1, 1]] * 8)
MID = tasks(*[[0, 1, 1], [1, 0, 0]] * 10)


def said(*sides: ComparedRun, **how: bool) -> str:
    return headline(compare_sides(sides, **how))  # type: ignore[arg-type]


def test_a_difference_that_is_found_says_what_it_costs() -> None:
    found = said(side("A", LOW), side("B", HIGH, cost=1.3))
    size = "B solves 36.7 points more (20.7 to 52.6) than A, 11 tasks up, 0 down"
    assert found == f"{size}, at 1.3 times the cost; the noise of one run is 20.4 points."
    assert said(side("A", HIGH), side("B", LOW)).startswith(
        "B solves 36.7 points fewer (20.7 to 52.6) than A, 0 tasks up, 11 down, at the same cost;"
    )


def test_what_is_not_told_apart_says_what_could_be_hidden_and_what_would_show_it() -> None:
    found = said(side("A", MID), side("B", tasks(*[[1, 1, 1], [0, 1, 0]] * 10)))
    assert found.startswith("B solves 16.7 points more (8.3 to 25) than A, 10 tasks up, 0 down")
    found = said(side("A", MID), side("B", tasks(*[[1, 0, 1], [0, 1, 0]] * 5, *[[1, 1, 1], [0, 0, 0]] * 5)))
    assert (
        found
        == "B and A are not told apart on 20 tasks (0 points, -11.3 to 11.3): up to 11.3 points could be hidden; 8 trials would show 10."
    )


def test_an_interval_without_0_is_no_claim_where_the_test_says_otherwise() -> None:
    """Five tasks a step better each: of 32 sign patterns 2 are as far from 0, so p cannot be below 5 %."""
    found = said(side("A", tasks(*[[0, 0, 1]] * 5)), side("B", tasks(*[[0, 1, 1]] * 5)))
    assert found.startswith("B and A are not told apart on 5 tasks (33.3 points, 16.4 to 50.2, p 0.06): up to 50.2 points could be hidden")


def test_more_tasks_are_asked_for_where_no_number_of_trials_would_do() -> None:
    """Half of the tasks are surely won, half surely lost: trials have no noise that more of them could take away."""
    found = said(side("A", tasks(*[[1, 1, 1], [0, 0, 0]] * 6)), side("B", tasks(*[[0, 0, 0], [1, 1, 1]] * 6)))
    assert found.endswith("could be hidden; no number of trials on these tasks would show 20, more tasks might.")


def test_a_run_that_was_stopped_at_a_look_says_that_its_score_is_of_a_sample() -> None:
    looks = Looks([f"t{at}" for at in range(40)], 20, [{"tasks": 10}, {"tasks": 20}], "settled")
    found = said(side("A", LOW), replace(side("B", HIGH), looks=looks))
    assert found.startswith("B solves 36.7 points more (")
    assert "It was stopped after 20 of 40 tasks in random order, where it was settled: scores are those of a sample of tasks" in found
    looked, plain = (verdict(side("A", LOW), replace(side("B", HIGH), looks=one)).success.interval for one in (looks, None))
    assert looked.low < plain.low


def test_fewer_than_five_pairs_give_no_claim() -> None:
    four, none = tasks(*[[0, 0, 0]] * 4), tasks(*[[1, 1, 1]] * 4)
    assert said(side("A", four), side("B", none)) == "No verdict: 4 tasks are scored in both A and B, and 5 are needed."
    assert verdict(side("A", four), side("B", none)).outcome == "too_few"
    assert said(side("A", {"x": [1]}), side("B", {"y": [1]})) == "No verdict: A and B have no task in common."
    assert said(side("A", LOW), side("B", LOW, domain="airline")) == "No verdict: A and B have no task in common."
    told = said(side("A", {"x": [1]}, texts={("retail", "x"): "1"}), side("B", {"x": [1]}, texts={("retail", "x"): "2"}))
    assert told == "No verdict: A and B have no task in common, 1 have other texts."


def test_a_verdict_that_hangs_on_simulations_without_a_score_says_so() -> None:
    """B lost nothing but simulations; were these failures, it would not be better."""
    gaps = {task: [*trials[:1], None, None] if at < 14 else trials for at, (task, trials) in enumerate(HIGH.items())}
    pair = verdict(side("A", LOW), side("B", gaps))
    assert (pair.outcome_as_scored, pair.outcome, pair.unscored) == ("better", "undecided", (0, 28))
    found = said(side("A", LOW), side("B", gaps))
    assert found.startswith("As scored, B solves ")
    assert "but that hangs on 28 simulations without a score (28 of B): if all of them failed, " in found
    assert "if all of them passed, it is better" in found


def test_a_verdict_that_holds_at_both_ends_is_one() -> None:
    gaps = {task: [None, *trials[1:]] if at == 19 else trials for at, (task, trials) in enumerate(HIGH.items())}
    assert verdict(side("A", LOW), side("B", gaps)).outcome == "better"


def test_several_runs_are_adjusted_and_put_into_tiers() -> None:
    runs = [side("A", LOW), side("B", HIGH), side("C", LOW, settings={"agent": "c"})]
    assert said(*runs) == "Against A: B solves 36.7 points more (20.7 to 52.6); not told apart: C."
    assert said(*runs, all_pairs=True) == "Tiers, best first: 1. B; 2. A, C."
    found = compare_sides(runs, all_pairs=True)
    plain = sorted(pair.success.p for pair in found.pairs)
    assert sorted(pair.p_adjusted for pair in found.pairs)[0] == pytest.approx(3 * plain[0])
    assert said(runs[0], runs[2], side("D", LOW), all_pairs=True) == "No run is told apart from the best: all 3 are in one tier."
    with pytest.raises(UserError, match="--reference 'x' is none of the runs; they are called A, B, C"):
        compare_sides(runs, "x")


def test_domains_are_not_one_sample() -> None:
    both = [side("A", LOW), side("B", HIGH)]
    more = [side("A", HIGH, domain="airline"), side("B", HIGH, domain="airline")]
    joined = [replace(one, simulations=pd.concat([one.simulations, two.simulations])) for one, two in zip(both, more, strict=True)]
    assert said(*joined) == "Against A in retail: B solves 36.7 points more (20.7 to 52.6). Against A in airline: not told apart: B."


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (Limits(worse=0.25), "met"), (Limits(worse=0.05), "BROKEN"), (Limits(costlier=0.1), "BROKEN"), (Limits(costlier=0.4), "met"),
        (Limits(slower=0.1), "met"),
    ],
)  # fmt: skip
def test_a_gate_looks_at_the_end_of_the_interval(limits: Limits, status: str) -> None:
    """B is as good as A on the mean, and may be 11 points worse."""
    runs = [side("A", MID), side("B", tasks(*[[1, 0, 1], [0, 1, 0]] * 5, *[[1, 1, 1], [0, 0, 0]] * 5), cost=1.3)]
    (gate,) = check(compare_sides(runs), limits)
    assert gate.status == status


def test_a_gate_that_cannot_be_measured_is_not_met() -> None:
    few = [side("A", tasks([1], [1])), side("B", tasks([1], [1]))]
    for limits in (Limits(worse=1.0), Limits(costlier=9.0), Limits(slower=9.0)):
        (gate,) = check(compare_sides(few), limits)
        assert (gate.status, gate.met) == ("not measured", False)


def test_points_are_read_or_refused() -> None:
    assert parse_points("5") == parse_points("5 points") == 0.05
    for text in ("5%", "-1", "many", "101"):
        with pytest.raises(UserError, match="no number of points"):
            parse_points(text)
