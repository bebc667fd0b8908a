"""tau2 v1's own reviews beside the rules."""

from __future__ import annotations

from pathlib import Path

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.own_reviews import own_reviews
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
