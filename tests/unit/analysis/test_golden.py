"""Stored logs of our format and of both older dialects give the stored tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.tables import frames
from tau2_logging.events import decode

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("log", ["current/tau2_mock.log", "legacy_1/tau2_retail.log", "legacy_2/eval_airline.log"])
@pytest.mark.parametrize("name", ["events", "latency", "tasks", "costs"])
def test_a_golden_log_gives_the_golden_table(log: str, name: str) -> None:
    found = load_log(GOLDEN / log)
    tables = {"events": found.events.drop(columns="file"), "latency": found.latency(), "tasks": found.simulations, "costs": found.costs()}
    expected = pd.read_csv(GOLDEN / Path(log).parent / f"{name}.csv", dtype=str, keep_default_na=False)
    shown = tables[name].map(lambda value: "" if pd.isna(value) else f"{value:.10g}" if isinstance(value, float) else str(value))
    assert list(shown.columns) == list(expected.columns)
    assert shown.to_numpy().tolist() == expected.to_numpy().tolist()


@pytest.mark.parametrize("log", ["current/tau2_mock.log", "legacy_2/eval_airline.log"])
def test_tables_of_few_and_of_many_events_hold_the_same(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few texts are read one by one, many by their categories."""
    few = load_log(GOLDEN / log).events
    monkeypatch.setattr(frames, "_FEW", 0)
    pd.testing.assert_frame_equal(load_log(GOLDEN / log).events, few)
    assert few["role"].notna().any()


def test_what_the_run_said_besides_changes_no_figure() -> None:
    """tau2_*.log and eval_*.log of one run."""
    plain, mixed = load_log(GOLDEN / "current/tau2_mock.log"), load_log(GOLDEN / "current/eval_mock.log")
    assert mixed.readings[0].other > 0
    assert not mixed.rejected
    assert plain.latency().equals(mixed.latency())
    assert plain.costs().equals(mixed.costs())
    assert plain.simulations.equals(mixed.simulations)
    assert plain.budget().equals(mixed.budget())


def test_the_golden_figures_of_our_format_are_those_of_its_decoded_lines() -> None:
    """Worked out again without the analysis, so that the stored tables do not merely repeat it."""
    events = [decode(line) for line in (GOLDEN / "current/tau2_mock.log").read_text().splitlines()]
    calls = [event for event in events if event.type == "llm_call"]
    row = pd.read_csv(GOLDEN / "current/latency.csv").set_index("type").loc["llm_call"]
    assert row["n"] == len(calls)
    assert row["errors"] == sum(event.get("error") is True for event in calls)
    assert row["mean_ms"] == pytest.approx(np.mean([event.get("duration_ms") for event in calls]))
    tasks = pd.read_csv(GOLDEN / "current/tasks.csv")
    assert tasks["duration_ms"].tolist() == [event.get("duration_ms") for event in sorted(
        (event for event in events if event.type == "task_end"), key=lambda event: float(event.get("start_ms") or 0))]  # fmt: skip
