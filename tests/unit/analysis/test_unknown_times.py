"""What a log does not tell of is unknown in every table, and never 0."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tau2_logging.analysis import ReportOptions, RunLog, load_log
from tau2_logging.analysis.measures.run_time.makespan import start_up_ms
from tau2_logging.analysis.measures.run_time.time_budget import KINDS_OF_TIME, total_budget
from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.recordings import load_results
from tau2_logging.analysis.reports.html.content import report_data
from tau2_logging.analysis.reports.stats_json import statistics
from tests.support import recordings

GOLDEN = Path(__file__).parents[2] / "golden"
CALLS = [recordings.call("get_a"), recordings.call("get_b", error="Error: no")]


def untimed(task: str) -> dict[str, Any]:
    """A simulation whose messages have no time; it took 10 s."""
    simulation = recordings.simulation(task, calls=CALLS)
    for message in simulation["messages"]:
        del message["timestamp"]
    return simulation


def voice(task: str) -> dict[str, Any]:
    simulation = recordings.simulation(task)
    del simulation["messages"]
    made = {"id": "c", "name": "get_a", "arguments": {}, "requestor": "assistant"}
    result = {"id": "c", "role": "tool", "content": "Error: no", "error": True, "requestor": "assistant"}
    return {**simulation, "ticks": [{"agent_tool_calls": [made], "agent_tool_results": [result]}]}


def log_of(folder: Path, *simulations: Mapping[str, Any]) -> RunLog:
    tasks = [recordings.task(str(number)) for number in range(len(simulations))]
    return load_results([recordings.write(folder / "results.json", recordings.results(tasks, simulations))])[0]


def kinds(log: RunLog) -> dict[str, float]:
    table = total_budget(log.budget())
    return dict(zip(table["kind"], table["total_ms"], strict=True))


def test_calls_without_a_duration_are_counted_and_take_no_time_that_is_known(tmp_path: Path) -> None:
    row = log_of(tmp_path, untimed("0"), untimed("1")).latency().set_index("type").loc["tool_call"]
    assert row[["n", "untimed", "errors"]].tolist() == [4, 4, 2]
    assert row[["mean_ms", "p50_ms", "max_ms", "total_ms", "share"]].isna().all()


def test_times_are_of_the_calls_that_have_one(tmp_path: Path) -> None:
    row = log_of(tmp_path, recordings.simulation("0", calls=CALLS), untimed("1")).latency().set_index("type").loc["tool_call"]
    assert row[["n", "untimed", "mean_ms", "total_ms"]].tolist() == [4, 2, 1000.0, 2000.0]


@pytest.mark.parametrize("simulation", [untimed, voice])
def test_time_that_nothing_tells_of_is_untracked_and_every_kind_unknown(tmp_path: Path, simulation: Any) -> None:
    found = kinds(log_of(tmp_path, simulation("0"), simulation("1")))
    assert found.pop("untracked") == 20_000.0
    assert all(np.isnan(value) for value in found.values()), found


def test_a_budget_with_unknown_kinds_still_adds_up_and_says_of_how_many_simulations_each_is(tmp_path: Path) -> None:
    budget = log_of(tmp_path, recordings.simulation("0", calls=CALLS), untimed("1")).budget()
    assert budget[list(KINDS_OF_TIME)].sum(axis=1).tolist() == [10_000.0, 10_000.0]
    told = total_budget(budget).set_index("kind")
    assert told.loc["tool", ["simulations", "total_ms", "mean_ms"]].tolist() == [1, 2000.0, 2000.0]
    assert told.loc["untracked", "simulations"] == 2


def test_an_older_log_tells_of_models_and_tools_alone() -> None:
    found = kinds(load_log(GOLDEN / "legacy_1" / "tau2_retail.log"))
    assert found["agent_service"] > 0
    assert all(np.isnan(found[name]) for name in ("setup", "evaluation", "queue", "retry_wait", "other"))


def test_pages_and_json_hold_no_0_for_what_is_unknown(tmp_path: Path) -> None:
    log = log_of(tmp_path, voice("0"))
    assert start_up_ms(log) is None
    assert totals_of(log).model_calls.made is None
    assert report_data(log, ReportOptions())["budgets"] == [{"name": "all simulations together", "parts": [], "total": 10_000.0}]
    assert statistics(log, ReportOptions())["totals"]["model_calls"] is None
