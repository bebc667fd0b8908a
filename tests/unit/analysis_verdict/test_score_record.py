"""The score of a run as a record of every_eval_ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.cli import results
from tests.support.recordings import results as whole
from tests.support.recordings import simulation, task, write

TRIALS: list[list[float | None]] = [[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, None, 1.0]]
"""Rewards by task: 8 of 12 scored trials are solved, in 3 of 6 tasks both of two."""


def recorded(path: Path, trials: list[list[float | None]] = TRIALS) -> Path:
    rows = [simulation(str(n), trial, reward=reward) for n, rewards in enumerate(trials) for trial, reward in enumerate(rewards)]
    data = whole([task(str(n)) for n in range(len(trials))], rows)
    data["info"]["agent_info"] = {"implementation": "llm_agent", "llm": "openai/gpt-4.1", "llm_args": {"temperature": 0.0}}
    return write(path, data)


def command(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        results.main(["to-record", *map(str, words)])
    return int(left.value.code or 0)


def test_pass_k_and_its_denominator_are_recorded(tmp_path: Path) -> None:
    """Of each k that all tasks have trials for, by hand; simulations without a score are counted beside it; details are texts."""
    out = tmp_path / "record.json"
    assert command(recorded(tmp_path / "results.json"), "--organization", "Lab", "--relationship", "third_party", "-o", out) == 0
    record: dict[str, Any] = json.loads(out.read_text())
    one, two = record["evaluation_results"]
    assert one["score_details"]["score"] == pytest.approx((1 + 0.5 + 0 + 1 + 0.5 + 1) / 6)
    assert two["score_details"]["score"] == pytest.approx(3 / 6)
    details = one["score_details"]["details"]
    assert {name: details[name] for name in ("simulations", "scored", "solved", "tasks")} == {
        "simulations": "13", "scored": "12", "solved": "8", "tasks": "6",
    }  # fmt: skip
    bounds = one["score_details"]["uncertainty"]["confidence_interval"]
    assert 0 < bounds["lower"] < 8 / 12 < bounds["upper"] < 1
    assert record["model_info"]["id"] == "openai/gpt-4.1"
    assert record["source_metadata"]["evaluator_relationship"] == "third_party"
    assert all(isinstance(text, str) for text in {**details, **record["model_info"]["additional_details"]}.values())


def test_without_a_score_there_is_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, exit code 2, no file; nor is one overwritten."""
    out = tmp_path / "record.json"
    assert command(recorded(tmp_path / "results.json", [[None, None]]), "--organization", "Lab", "-o", out) == 2
    assert "no simulation has a reward; there is no score to record" in capsys.readouterr().err
    assert not out.exists()
    out.write_text("mine")
    assert command(recorded(tmp_path / "results.json"), "--organization", "Lab", "-o", out) == 2
    assert out.read_text() == "mine"
