"""tau2 v1's own reviews beside the rules."""

from __future__ import annotations

from pathlib import Path

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.agreement.own_reviews import own_review_agreement, own_reviews
from tau2_logging.analysis.deep.reading.recorded import records
from tests.support.recordings import write
from tests.unit.analysis_deep.test_fault_rules import APPLY


def test_each_review_names_somebody_and_agrees_or_not(tmp_path: Path) -> None:
    data = APPLY["hung up before the agent could act"][1]
    reviews = {
        "review": {"agent_error": True, "critical_user_error": False},
        "user_only_review": {"critical_user_error": True},
        "hallucination_check": {"hallucination_found": False},
    }
    (simulation,) = data["simulations"]
    path = write(tmp_path / "results.json", {**data, "simulations": [{**simulation, **reviews}]})
    rows = records(own_reviews(LogAnalyzer(path).recorded))
    assert [(row["review"], row["says"], row["rules_say"], row["agree"]) for row in rows] == [
        ("review", "agent", "user", False), ("user_only_review", "user", "user", True), ("hallucination_check", "none", "user", False),
    ]  # fmt: skip


def test_the_turn_is_that_of_the_critical_error_and_identification_is_compared_with_the_calls(tmp_path: Path) -> None:
    data = APPLY["hung up before the agent could act"][1]
    (simulation,) = data["simulations"]
    errors = [
        {"source": "agent", "severity": "critical", "turn_idx": 0},
        {"source": "user", "severity": "minor", "turn_idx": 1},
        {"source": "user", "severity": "critical_hindered", "turn_idx": 2},
    ]
    reviews = {
        "review": {"critical_user_error": True, "errors": errors},
        "auth_classification": {"status": "failed", "reasoning": "no"},
        "hallucination_check": {"hallucination_found": "?"},
    }
    path = write(tmp_path / "results.json", {**data, "simulations": [{**simulation, **reviews}]})
    recorded = LogAnalyzer(path).recorded
    rows = {row["review"]: row for row in records(own_reviews(recorded))}
    assert (rows["review"]["turn"], rows["review"]["rules_turn"], rows["review"]["agree"]) == (2, 2, True)
    assert (rows["auth_classification"]["says"], rows["auth_classification"]["rules_say"]) == ("failed", "not_needed")
    table = own_review_agreement(recorded).set_index(["review", "fault"])
    assert table.loc[("review", "user"), ["said", "right", "labelled"]].tolist() == [1, 1, 1]
    assert table.loc[("auth_classification", "failed"), ["said", "right"]].tolist() == [1, 0]
