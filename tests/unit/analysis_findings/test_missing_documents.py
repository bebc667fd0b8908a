"""A finding about required documents: told if failures lack them more often than solved simulations."""

from __future__ import annotations

from pathlib import Path

from tau2_logging.events import Event
from tests.unit.analysis.samples import event, simulation
from tests.unit.analysis_findings.told import told


def searched(task: str, reward: float, *found: str | None, required: int = 2) -> list[Event]:
    """A simulation whose searches returned these required documents; None is an answer that names no documents."""
    calls = [
        event("retrieval_call", task, 1.5, function="grep", start_ms=100.0, duration_ms=1.0, required=required, error=False,
              **({} if ids is None else {"returned": 10, "documents": ids, "required_found": ids}))
        for ids in found
    ]  # fmt: skip
    made = simulation(task, 0.0, calls, reward=reward, retrieval_calls=len(calls))
    return [Event(one.level, one.time, one.task, one.thread, one.type, {**one.fields, **_required(one, required)}) for one in made]


def _required(one: Event, required: int) -> dict[str, int]:
    return {"required": required} if one.type == "task_start" else {}


def run(failed: list[tuple[str | None, ...]], fine: list[tuple[str | None, ...]]) -> list[Event]:
    simulations = [searched(f"f{n}", 0.0, *found) for n, found in enumerate(failed)]
    return [one for many in (*simulations, *(searched(f"s{n}", 1.0, *found) for n, found in enumerate(fine))) for one in many]


def test_failures_without_a_required_document_are_counted_beside_solved_ones(tmp_path: Path) -> None:
    found = told(tmp_path, run([("a",), ("a", "a"), ("",), (), ("a", "b"), ("b,a",)], [("a,b",), ("a", "b")]))["missing_documents"]
    assert found.sentence == (
        "In 4 of 6 failures a required document was never retrieved, in 2 of them not one. "
        "Failures found 50.0 % of their required documents, solved simulations 100.0 %."
    )
    assert (found.share, found.saves.simulations) == (0.5, 4)


def test_nothing_is_said_if_solved_simulations_lack_documents_as_often(tmp_path: Path) -> None:
    assert "missing_documents" not in told(tmp_path, run([("a",)] * 6, [("a",)] * 6))


def test_nothing_is_said_of_few_failures_or_of_complete_ones(tmp_path: Path) -> None:
    assert "missing_documents" not in told(tmp_path, run([("a",)] * 4, []))
    assert "missing_documents" not in told(tmp_path, run([("a,b",)] * 6, []))


def test_answers_that_name_no_documents_leave_it_open(tmp_path: Path) -> None:
    assert "missing_documents" not in told(tmp_path, run([("a", None)] * 6, []))


def test_nothing_is_said_of_a_run_without_searches(tmp_path: Path) -> None:
    assert "missing_documents" not in told(tmp_path, run([()] * 6, []))
