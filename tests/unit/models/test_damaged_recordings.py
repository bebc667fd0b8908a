"""Recordings that were edited or damaged: refused in one sentence before a run starts, or read without what makes no sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.recorded.recorded_replies import RecordedReplies
from tau2_logging.models.recorded.recording import open_recording

CALL = {"role": "agent", "model": "m", "system": "a", "tools": None, "kept": 0, "new": ["h"], "reply": {"content": "hi"}, "ms": 1.0}
PLAYED = {"messages": [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "x"}], "seed": 1}
ROW = {"domain": "mock", "task": "1", "trial": 0, "seed": 1, "status": "ok", "reward": 1.0, "simulation": PLAYED, "calls": [CALL]}


def read(folder: Path, row: dict[str, Any]) -> RecordedReplies:
    """The simulation of a checkpoint of this row, whose prompts are damaged too."""
    (folder / "simulations_mock.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (folder / "prompts_mock.jsonl").write_text('[]\n{"hash": 1}\nno JSON\n', encoding="utf-8")
    recording = open_recording(folder)
    key = recording.key_of("mock", "1", 0)
    assert key is not None
    return recording.simulation(key, 0)


@pytest.mark.parametrize(
    "damage",
    [
        {"role": None, "kept": "x"}, {"kept": float("inf")}, {"new": None}, {"new": 5}, {"reply": [1]}, {"reply": "x"},
        {"reply": {"tool_calls": [1]}}, {"system": [1]}, {"tools": {}},
    ],
)  # fmt: skip
def test_a_damaged_call_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    """With the recording's name and the simulation's."""
    with pytest.raises(UserError, match="task 1 trial 0 of mock cannot be read") as refused:
        read(tmp_path, {**ROW, "calls": [{**CALL, **damage}]})
    assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize("row", [{"calls": [5]}, {"calls": [{}]}, {"simulation": {"messages": [1, None]}}])
def test_what_is_no_call_or_message_is_refused(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path, {**ROW, **row})


@pytest.mark.parametrize("ms", ["x", -1e9, float("nan"), 1e15])
def test_a_time_that_cannot_be_is_not_known(tmp_path: Path, ms: Any) -> None:
    """A replay with recorded latencies would wait for it."""
    (call,) = read(tmp_path, {**ROW, "calls": [{**CALL, "ms": ms}]}).calls["agent"]
    assert call.ms is None
    assert call.reply == {"content": "hi"}


@pytest.mark.parametrize("info", [{"environment_info": [1]}, {"environment_info": "x"}])
def test_a_results_file_with_values_of_a_wrong_form_is_refused(tmp_path: Path, info: dict[str, Any]) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"info": info, "tasks": [], "simulations": []}), encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read"):
        open_recording(file)
