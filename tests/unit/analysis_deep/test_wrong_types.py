"""Recordings whose values have another type, or are such as no run can have, are refused row by row and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.deep.reading.files.event_files import read_event_file
from tau2_logging.analysis.deep.reading.files.results_files import read_results, simulations_of
from tau2_logging.analysis.deep.reading.recorded_values import problem
from tau2_logging.analysis.measures.costs.prices import read_prices
from tau2_logging.errors import UserError
from tau2_logging.events import ToolExecutionEvent, encode_event

GOOD: dict[str, Any] = {"task_id": "1", "trial": 0, "reward_info": {"reward": 1.0}, "messages": [{"role": "user", "content": "hello"}]}
WRONG: list[Any] = [
    None, 5, True, "text", [], {**GOOD, "duration": "long"}, {**GOOD, "duration": -1}, {**GOOD, "agent_cost": float("nan")},
    {**GOOD, "agent_cost": 1e308}, {**GOOD, "reward_info": 3}, {**GOOD, "reward_info": {"reward": "soon"}}, {**GOOD, "messages": 3},
    {**GOOD, "messages": [None]}, {**GOOD, "messages": [{"role": "user", "usage": {"prompt_tokens": -5}}]},
    {**GOOD, "messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, {**GOOD, "trial": "x"},
]  # fmt: skip


def results(*simulations: Any) -> dict[str, Any]:
    return {"info": {"environment_info": {"domain_name": "mock"}}, "tasks": [{"id": "1"}], "simulations": list(simulations)}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:40])
def test_a_simulation_that_no_run_can_have_is_left_out_with_its_reason_and_the_others_are_read(wrong: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results(GOOD, wrong, {**GOOD, "trial": 1})))
    rows = read_results(path, "r")
    assert [row["trial"] for row in rows.simulations] == [0, 1]
    assert [entry.line for entry in rows.refused] == [2]
    assert rows.refused[0].reason.startswith("simulation 2 is left out: ")


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:40])
def test_merging_and_filtering_say_which_simulation_cannot_be_read(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="simulation 2 cannot be read: "):
        list(simulations_of(results(GOOD, wrong), tmp_path / "results.json"))


def test_a_simulation_as_tau2_writes_it_has_no_problem() -> None:
    assert problem(GOOD) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("step", "soon"), ("step", -1), ("duration_ms", "x"), ("duration_ms", 1e308), ("success", 3), ("missing", 5), ("arguments", [1]),
     ("tool", None),
     ("tool", "\ud83d"), ("trial", 0.5)],
)  # fmt: skip
def test_an_event_of_another_shape_is_refused_and_the_others_are_read(name: str, value: Any, tmp_path: Path) -> None:
    good = encode_event(ToolExecutionEvent(run="r", domain="mock", task="1", trial=0, tool="f"))
    path = tmp_path / "events_mock.jsonl"
    path.write_text("\n".join([good, json.dumps({**json.loads(good), name: value}), good]) + "\n")
    rows = read_event_file(path)
    assert len(rows.calls) == 2
    assert [entry.line for entry in rows.refused] == [2]
    assert name in rows.refused[0].reason


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_json_that_is_nested_too_deep_is_bad_input(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("[" * depth + "]" * depth)
    for read in (lambda: read_results(path, "r"), lambda: read_prices(path)):
        with pytest.raises(UserError):
            read()


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), 1e308, "soon", None])
def test_a_price_that_is_none_is_bad_input(rate: Any, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"models": {"m": {"input": rate, "output": 1.0}}}))
    with pytest.raises(UserError, match="is not a price table"):
        read_prices(path)
