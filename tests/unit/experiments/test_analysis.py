"""What an analysis says of cells that are made by hand, and that it says no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.experiments import Case, measure
from tau2_logging.errors import UserError
from tau2_logging.experiments.analysis import NOTHING_SAID, Findings, analyze
from tau2_logging.experiments.cells import MISSING, by_task
from tau2_logging.experiments.injection import Injection
from tau2_logging.experiments.manipulation_check import DELIVERED, NOT_DELIVERED, UNDECLARED, marker_table, verdicts
from tau2_logging.experiments.markers import markers
from tau2_logging.experiments.planning.cost_forecast import Estimate, check_budget, estimate
from tau2_logging.experiments.planning.plan_file import ExperimentPlan
from tau2_logging.experiments.planning.plan_text import plan_lines
from tau2_logging.experiments.scripted_personas import moods
from tau2_logging.runner.settings.config import Arm, ModelChoice, RunConfig
from tau2_logging.runner.settings.user_variants import variant_arms
from tests.support.thorough import scaled

TASKS = [str(number) for number in range(20)]
PLAN = ExperimentPlan("made", "control", RunConfig(arms=variant_arms("control,anger,placebo"), num_trials=2), {"retail": TASKS})
SENT = dict.fromkeys(PLAN.arms, Injection(calls=40, simulations=40))
CALM, ANGRY, PLAIN = "Hello, please help me.", "This is unacceptable! Help me!", "As it happens, help me please."


def cell(arm: str, task: str, trial: int, reward: float | None, text: str = CALM, **more: Any) -> dict[str, Any]:
    """A row as `cells.collect` makes it."""
    known = reward is not None
    measured = dict.fromkeys(
        ("cost_usd", "input_tokens", "output_tokens", "duration_ms", "llm_ms", "agent_calls", "steps", "tool_errors"), 1.0
    )
    row = {
        "arm": arm, "domain": "retail", "task": task, "trial": trial, "status": "ok" if known else MISSING,
        "reward": reward if known else np.nan, "success": float(reward) if known else np.nan, "termination": "user_stop", "turns": 3,
        "user_texts": (text, "Thanks. ###STOP###") if known else (), "error": None,
    }  # fmt: skip
    return {**row, **measured, **more}


def made_cells(**texts: str) -> pd.DataFrame:
    """Control and placebo solve everything, anger half of the tasks."""
    said = {"control": CALM, "anger": ANGRY, "placebo": PLAIN, **texts}
    solved = {"anger": lambda task: float(int(task) % 2)}
    return pd.DataFrame(
        [cell(arm, task, trial, solved.get(arm, lambda _: 1.0)(task), said[arm]) for arm in PLAN.arms for task in TASKS for trial in (0, 1)]
    )


def found(cells: pd.DataFrame, injected: dict[str, Injection] = SENT) -> Findings:
    """The analysis of cells."""
    table = marker_table(PLAN, cells, resamples=499)
    return analyze(PLAN, cells, verdicts(PLAN, table, injected), table, resamples=999)


def test_a_delivered_variant_has_an_effect_to_report() -> None:
    """Half of the tasks lost, over task-level differences; the placebo moved nothing that counts."""
    findings = found(made_cells())
    assert [verdict.verdict for verdict in findings.verdicts] == [DELIVERED, UNDECLARED]
    anger, placebo = findings.table("primary").to_dict("records")
    assert anger["difference"] == -0.5
    assert anger["difference_low"] < -0.5 < anger["difference_high"] < 0
    assert anger["p_holm"] < 0.01
    assert placebo["difference"] == 0
    assert len(findings.table("flips")) == 10


@pytest.mark.parametrize(
    ("cells", "injected", "reason"),
    [
        (made_cells(anger=CALM), SENT, "cue_phrases did not go up"),
        (made_cells(anger="This is unacceptable. Thank you so much, wonderful."), SENT, "exclamations did not go up"),
        (made_cells(placebo=ANGRY), SENT, "cue_phrases did not go up against placebo"),
        (made_cells(), {**SENT, "anger": Injection(40, 40, (("retail@anger", "7", "abc"),))}, "1 prompts are not the variant's"),
        (made_cells(), {**SENT, "anger": Injection(40, 40, (), 3)}, "3 calls do not say"),
        (made_cells(), {}, "the log has no calls of the user's model"),
    ],
)
def test_an_arm_that_was_not_delivered_is_not_spoken_of(cells: pd.DataFrame, injected: dict[str, Injection], reason: str) -> None:
    """Neither a difference nor a p, in any table; the sentence says so."""
    findings = found(cells, injected)
    verdict = findings.verdicts[0]
    assert verdict.verdict == NOT_DELIVERED
    assert any(reason in text for text in verdict.reasons), verdict.reasons
    row = findings.table("primary").to_dict("records")[0]
    assert (row["arm"], row["remark"]) == ("anger", NOTHING_SAID)
    assert np.isnan(row["difference"])
    assert np.isnan(row["p"])
    for key in ("secondary", "terminations", "flips"):
        table = findings.table(key)
        assert table.empty or "anger" not in set(table["arm"])
    assert findings.conclusions[0] == "anger: the variant was not delivered, so no effect is reported."


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("anger", [CALM, ANGRY])
def test_of_a_few_tasks_no_sentence_holds_an_interval_that_is_not_known(tasks: int, anger: str) -> None:
    cells = made_cells(anger=anger)
    few = cells[cells["task"].isin(sorted(cells["task"].unique())[:tasks])]
    findings = found(few)
    said = [*findings.conclusions, *(text for verdict in findings.verdicts for text in verdict.reasons)]
    assert not [text for text in said if "nan" in text]
    assert any("too few, or too much alike, for an interval" in text for text in said)


def test_a_missing_cell_is_missing_and_never_zero() -> None:
    """Without a trial a task is known by the other; without any it leaves the comparison, and nothing else changes."""
    cells = made_cells()
    gone = cells["arm"].eq("anger") & ((cells["task"].eq("1") & cells["trial"].eq(0)) | cells["task"].eq("3"))
    rows = [cell(row["arm"], row["task"], row["trial"], None) for row in cells[gone].to_dict("records")]
    cells = pd.concat([cells[~gone], pd.DataFrame(rows)], ignore_index=True)
    means = by_task(cells, "success")
    assert means.loc[("retail", "1"), "anger"] == 1.0
    assert np.isnan(means.loc[("retail", "3"), "anger"])
    findings = found(cells)
    row = findings.table("primary").to_dict("records")[0]
    assert row["tasks"] == 19
    assert row["difference"] == pytest.approx(-10 / 19)
    counts = findings.table("cells").set_index("arm")
    assert (counts.loc["anger", "scored"], counts.loc["anger", "missing"]) == (37, 3)
    passed = findings.table("pass_k").set_index(["arm", "k"])
    assert (passed.loc[("anger", 1), "tasks"], passed.loc[("anger", 2), "tasks"]) == (19, 18)


def test_intervals_cover_and_nothing_is_found_where_nothing_is() -> None:
    """Over many drawn experiments of four arms: intervals cover the effect 93 to 97 % of the time, at most 5 % claim a false one."""
    effect = measure(Case(50, 4, 0.6, 0.5, 0.2), repeat=scaled(200, 500), resamples=499)
    nothing = measure(Case(50, 4, 0.6, 0.5, 0.0), repeat=scaled(200, 500), resamples=499)
    assert 0.93 <= effect["covered"] <= 0.97
    assert effect["found"] > 0.4
    assert 0.93 <= nothing["covered"] <= 0.97
    assert nothing["any_claim"] <= 0.05


def test_markers_count_what_they_say() -> None:
    """For each message, tokens of tau2 left out; no text, no markers."""
    said = markers(["Please help! Thanks!", "Are you sure? Maybe not. ###STOP###", ""], ["are you sure?"])
    expected = {"exclamations": 1.0, "questions": 0.5, "politeness": 1.0, "hedges": 0.5, "words": 4.0, "cue_phrases": 0.5}
    assert {name: said[name] for name in expected} == expected
    assert markers(["###STOP###", ""]) == {}
    assert markers(["I love it."])["sentiment"] > 0 > markers(["I hate it."])["sentiment"]


def test_moods_of_the_tasks_are_counted() -> None:
    """Each task once, whichever words it has."""
    texts = {("a", "1"): "You are angry, really angry.", ("a", "2"): "You want a lamp.", ("b", "1"): "Persona:\n\tCalm\nInstructions:\n\tx"}
    table = moods(texts).set_index("domain")
    assert list(table["with_mood_words"]) == [1, 1]
    assert list(table["with_persona"]) == [0, 1]
    assert table.loc["a", "commonest"] == "angry 1"


def test_cost_is_reckoned_before_anything_is_run() -> None:
    """Cells times what one costs; scripted models are free, a model without a price makes the whole unknown; a budget is a limit."""
    priced = ExperimentPlan("p", "a", RunConfig(arms=(Arm("a"), Arm("b", agent_model=ModelChoice("gpt-4.1")))), {"retail": TASKS})
    unknown = ExperimentPlan("p", "a", RunConfig(arms=(Arm("a"), Arm("b", agent_model=ModelChoice("openai/nobody")))), {"retail": TASKS})
    assert estimate(PLAN).usd == 0
    assert estimate(PLAN, each_usd=0.25).usd == 0.25 * 120
    assert (estimate(priced).usd or 0) > 1
    assert estimate(unknown).usd is None
    check_budget(Estimate(5.0, ""), 5.0)
    for found_cost in (Estimate(5.01, ""), Estimate(None, "")):
        with pytest.raises(UserError, match="--budget"):
            check_budget(found_cost, 5.0)


def test_a_plan_says_what_it_can_find() -> None:
    """Simulations, cost and the smallest difference stand in the plan's words."""
    text = "\n".join(plan_lines(PLAN))
    assert "20 tasks (retail 20) x 2 trials = 120 simulations" in text
    assert "with 80 % it finds differences from " in text
    few = "\n".join(plan_lines(ExperimentPlan("p", "a", RunConfig(arms=(Arm("a"), Arm("b"))), {"retail": TASKS[:2]})))
    assert "with 80 % it finds no difference: there are too few tasks" in few
