"""Events chosen before they are tables: the same rows as if the whole table were made and searched."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.servers.slow_calls import LEAST_CALLS
from tau2_logging.analysis.tables.simulations import KEY, TIMED_TYPES
from tau2_logging.deferred import deferred
from tests.unit.analysis.samples import event, llm, log_of

COLUMNS = [*KEY, "type", "step", "start_ms", "end_ms", "file", "line"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> RunLog:
    path = tmp_path_factory.mktemp("log") / "tau2_retail.log"
    write_log(path, Plan(faults=0.1, tasks=8, workers=4), 300_000)
    return load_log(path)


def test_where_gives_the_events_of_which_it_is_true(log: RunLog) -> None:
    found = log.select(COLUMNS, TIMED_TYPES, where=pl.col("error"))
    whole = log.select([*COLUMNS, "error"], TIMED_TYPES)
    assert len(found)
    assert found.equals(whole[whole["error"].fillna(False).astype(bool)][COLUMNS].reset_index(drop=True))


def test_where_may_ask_for_a_field_that_no_event_has(log: RunLog) -> None:
    assert log.select(["type"], ["task_start"], where=pl.col("finish_reason").is_not_null()).empty


def test_events_of_some_simulations_are_those_that_a_join_finds(log: RunLog) -> None:
    """Each once for every row that names its simulation, with that row's place."""
    some = pd.concat([log.simulations.iloc[[3, 1]], log.simulations.iloc[[3]]])[KEY]
    found = log.select([*COLUMNS, "place"], of=some)
    expected = log.select(COLUMNS).merge(some.assign(place=range(len(some))), on=KEY).sort_values(["line", "place"], ignore_index=True)
    assert set(found["place"]) == {0, 1, 2}
    assert found.sort_values(["line", "place"], ignore_index=True).equals(expected[[*COLUMNS, "place"]])


def test_events_without_a_run_or_a_trial_are_found_by_what_they_lack(tmp_path: Path) -> None:
    made = log_of(tmp_path, [event("tool_call", trial=None, start_ms=1.0), event("tool_call", "8", start_ms=1.0)])
    of = made.select(KEY).iloc[[0]]
    assert made.select(["task", "place"], of=of).to_numpy().tolist() == [["7", 0]]


@pytest.mark.parametrize(("number", "key"), [("simulation_number", KEY), ("task_number", KEY[:3])])
def test_a_number_is_the_same_for_the_events_of_one_simulation_or_task(number: str, key: list[str], log: RunLog) -> None:
    found = log.select([*KEY, number])
    groups = found.groupby(key, dropna=False, sort=False).ngroup()
    assert groups.equals(pd.Series(pd.factorize(found[number])[0]))


def test_counts_are_those_of_the_table(log: RunLog) -> None:
    found = log.count(["type", "model"], TIMED_TYPES)
    expected = Counter(log.select(["type", "model"], TIMED_TYPES).itertuples(index=False, name=None))
    assert {(type_, model): n for type_, model, n in found.itertuples(index=False)} == expected
    assert list(zip(found["type"], found["model"], strict=True)) == list(expected)


def test_a_p_value_is_made_for_large_differences_alone_if_that_is_asked(tmp_path: Path) -> None:
    """Importing what computes it takes longer than reading 20 MB."""
    calls = [llm(str(n), n * 10.0, 100.0 + n % 7 + 100 * (n % 2), endpoint=f"host-{n % 2}") for n in range(2 * LEAST_CALLS)]
    made = log_of(tmp_path, calls)
    whole = made.calls_by_endpoint()
    assert whole["p"].notna().all()
    some = made.calls_by_endpoint(1.5)
    assert some["p"].notna().tolist() == (whole["p50_ms"] >= 1.5 * whole["others_p50_ms"]).tolist() == [False, True]
    assert some["p"].dropna().equals(whole["p"][some["p"].notna()])


def test_a_deferred_module_is_imported_when_something_of_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    later = deferred("colorsys")
    assert "colorsys" not in sys.modules
    assert later.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert "colorsys" in sys.modules
