"""What sides are called, and which runs are trials of one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tau2_logging.analysis.deep.reading.files.results_files import made_by_us
from tau2_logging.analysis.reports.compared.compare_tables import left_out, setting_rows
from tau2_logging.analysis.verdict.compare_sides import compare_sides
from tau2_logging.analysis.verdict.labels import labeled, trials_of_one
from tau2_logging.analysis.verdict.read_sides import read_sides
from tau2_logging.analysis.verdict.sides import ComparedRun
from tau2_logging.errors import UserError
from tests.unit.analysis_verdict.drawn_sides import side, tasks, verdict

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
PLAYED = {"agent": "llm_agent", "agent_llm": "gpt-4.1"}


def branch(arm: str, **more: str) -> ComparedRun:
    origin = {"branched_from": "first/retail/t0/0", "branched_at": "4"}
    return side(arm, tasks([1, 1], [0, 1]), settings={**PLAYED, **origin, "arm": arm, **more})


def test_beside_arms_a_run_without_one_is_called_as_the_run_is() -> None:
    original = side("first", tasks([0, 0], [0, 1]), settings=PLAYED)
    sides = labeled([original, branch("as-it-was"), branch("agent=gpt-5", agent_llm="gpt-5")])
    assert [one.label for one in sides] == ["first", "as-it-was", "agent=gpt-5"]
    rows = {row[0]: row[1:] for row in setting_rows(compare_sides(sides))}
    assert rows["arm"] == ("-", "as-it-was", "agent=gpt-5")
    assert rows["branched_at"] == ("-", "4", "4")


@pytest.mark.parametrize(("name", "value"), [("rejudged_from", "first.json"), ("branched_from", "first/retail/t0/0")])
def test_a_run_made_of_another_is_no_further_trial_of_it(name: str, value: str) -> None:
    """Its simulations were not played again, or not from the start; a record that leaves out what every run has is another matter."""
    original = side("first", tasks([0, 1]), settings=PLAYED)
    again = side("again", tasks([0, 1]), settings={**PLAYED, name: value})
    other = side("other", tasks([1, 1]), settings={**PLAYED, "agent_llm": "gpt-5"})
    assert [one.simulations["trial"].size for one in trials_of_one([original, again, other])] == [2, 2, 2]
    told = side("told", tasks([0, 1]), settings={**PLAYED, "judge_llm": "gpt-4.1"})
    assert [one.simulations["trial"].size for one in trials_of_one([original, told, other])] == [4, 2]


def test_verdicts_of_two_judges_on_the_same_conversations_are_no_trials_of_one_run() -> None:
    judged = {**PLAYED, "rejudged_from": "first.json"}
    sides = [side("once", tasks([0, 1]), settings=judged), side("again", tasks([0, 1]), settings=judged)]
    assert len(trials_of_one([*sides, side("other", tasks([1, 1]), settings={**PLAYED, "agent_llm": "gpt-5"})])) == 3


def test_a_results_file_of_ours_knows_its_release_and_what_it_was_made_of_from_the_run_beside_it(tmp_path: Path) -> None:
    """tau2 notes neither in the file. A run.json that cannot be read says nothing."""
    path = tmp_path / "results_retail.json"
    assert made_by_us(path) == {}
    saved = {"tau2_version": "tau2 1.0.1", "rejudged_from": "first.json", "tau2_data": None, "simulations": 3}
    (tmp_path / "run.json").write_text(json.dumps(saved))
    assert made_by_us(path) == {"tau2_version": "tau2 1.0.1", "rejudged_from": "first.json"}
    assert made_by_us(tmp_path / "results.json") == {}
    (tmp_path / "run.json").write_text("{")
    assert made_by_us(path) == {}


def test_a_run_that_is_named_twice_is_refused() -> None:
    """Counted twice it would have twice the trials."""
    log = str(GOLDEN / "current" / "tau2_mock.log")
    with pytest.raises(UserError, match="name each run once"):
        read_sides([log, log])


def test_what_is_left_out_is_counted_in_words_that_fit_the_number() -> None:
    a, b = side("A", tasks([1, None], [1, 1])), side("B", tasks([1, 1], [0, 1]))
    assert list(left_out(verdict(a, b))) == ["Without a score: 1 simulation of A."]
    more = replace(b, simulations=side("B", tasks(*[[1, 1]] * 9)).simulations)
    assert "Left out: 7 tasks only in B: t2, t3, t4, t5, t6 and 2 more." in list(left_out(verdict(a, more)))
