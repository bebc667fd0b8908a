"""Two runs side by side, and the gates that a run must pass."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.costs.cost_tables import cost_summary
from tau2_logging.analysis.measures.gates import check, check_slower, parse_objective, parse_percent
from tau2_logging.analysis.measures.run_totals import Calls, totals_of
from tau2_logging.errors import UserError
from tests.unit.analysis.samples import event, llm, log_of, simulation


def runs(folder: Path, slowdown: float, seed: int = 7) -> RunLog:
    path = folder / f"tau2_{slowdown}_{seed}.log"
    write_log(path, Plan(slowdown=slowdown, seed=seed, tasks=40, workers=8, run=f"run-{slowdown}-{seed}", faults=0.0), 400_000)
    return load_log(path)


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    log = runs(tmp_path, 1.0)
    found = log.compare(log)
    assert found.pairs == len(log.simulations)
    assert (found.latency[["difference_ms", "low_ms", "high_ms"]] == 0).all().all()
    assert not found.latency["significant"].any()
    assert len(found.settings) == 0
    assert all(result.met for result in check_slower(found, 0.0))


def test_an_agent_that_is_slower_by_half_is_found_and_nothing_else(tmp_path: Path) -> None:
    slow, fast = runs(tmp_path, 1.5), runs(tmp_path, 1.0)
    table = slow.compare(fast).latency.set_index("type")
    assert table.loc["llm_call", "change"] == pytest.approx(0.5, abs=0.1)
    assert table.loc["llm_call", "significant"]
    assert table.loc["llm_call", "low_ms"] <= table.loc["llm_call", "difference_ms"] <= table.loc["llm_call", "high_ms"]
    assert not table.loc["user_sim", "significant"]
    results = {result.gate: result.met for result in check_slower(slow.compare(fast), 0.1)}
    assert results == {"task not 0.1 slower": False, "llm_call not 0.1 slower": False}
    assert all(result.met for result in check_slower(fast.compare(slow), 0.1))


def test_runs_of_other_tasks_are_compared_without_pairs(tmp_path: Path) -> None:
    first = log_of(tmp_path, [e for i in range(20) for e in simulation(f"a{i}", calls=[llm(f"a{i}", ms=100.0 + i)])])
    second = log_of(tmp_path, [e for i in range(20) for e in simulation(f"b{i}", calls=[llm(f"b{i}", ms=200.0 + i)])])
    found = first.compare(second)
    assert (found.pairs, found.only_this, found.only_other) == (0, 20, 20)
    row = found.latency.set_index("type").loc["llm_call"]
    assert row["difference_ms"] == -100.0
    assert row["significant"]


def test_changed_rewards_costs_and_settings_are_named(tmp_path: Path) -> None:
    first = log_of(
        tmp_path, [event("run_start", None, seed=1, agent_llm="x"), *simulation("a", calls=[llm("a", cost_usd=2.0)], reward=1.0)]
    )
    second = log_of(
        tmp_path, [event("run_start", None, seed=2, agent_llm="x"), *simulation("a", calls=[llm("a", cost_usd=3.0)], reward=0.0)]
    )
    found = first.compare(second)
    assert found.simulations[["reward_change", "cost_usd_change"]].to_numpy().tolist() == [[1.0, -1.0]]
    assert found.settings.to_numpy().tolist() == [["seed", "1", "2"]]


def gate(log: RunLog, text: str):  # type: ignore[no-untyped-def]
    return check(log, [parse_objective(text)])[0]


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    calls = [llm(ms=100.0 * i, ttft_ms=10.0 * i, cost_usd=0.01) for i in range(1, 10)]
    failed = llm(ms=5.0, error=True, error_type="Timeout", input_tokens=None, output_tokens=None)
    return log_of(tmp_path, simulation(calls=[*calls, failed], duration_ms=5000.0))


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("llm_call.p50:600", True), ("llm_call.p50:400", False), ("llm_call.max:1000000", False), ("llm_call.error_rate:0.1", True),
        ("llm_call.error_rate:0.05", False), ("ttft:90@0.9", True), ("ttft:90", False), ("ttft:89@0.9", False), ("task:5000", True),
        ("task:4999", False), ("cost_per_success:0.09", True), ("cost_per_success:0.08", False), ("expert_call.p50:1", False),
    ],
)  # fmt: skip
def test_an_objective_is_met_or_broken(log: RunLog, text: str, met: bool) -> None:
    assert gate(log, text).met is met


def test_a_failed_call_counts_as_infinite_and_the_plain_figure_stands_beside_it(log: RunLog) -> None:
    result = gate(log, "llm_call.p99:100000")
    assert result.value == math.inf
    assert result.plain == np.percentile([100.0 * i for i in range(1, 10)], 99)


def test_what_is_about_failures_or_money_has_no_figure_without_failures(log: RunLog) -> None:
    for text in ("llm_call.error_rate:0.1", "cost_per_success:0.05"):
        assert gate(log, text).plain is None


def test_goodput_without_failures_is_of_the_requests_that_did_not_fail(log: RunLog) -> None:
    """5 of 9 answered calls have their first token in 50 ms, and 5 of all 10."""
    result = check(log, [parse_objective("ttft:50")])[-1]
    assert (result.value, result.plain) == (0.5, 5 / 9)


def test_goodput_a_second_is_over_the_time_the_run_worked(tmp_path: Path) -> None:
    """A run of 4 s that began late on its clock, and paused."""
    events = [
        *[event("run_start", None, 100.0), *simulation("a", 100_000.0, duration_ms=2000.0)],
        *[event("run_start", None, 200.0, resumed=True), *simulation("b", 200_000.0, duration_ms=2000.0)],
    ]
    assert check(log_of(tmp_path, events), [parse_objective("task:3000")])[-1].detail.endswith("0.5 a second")


def test_goodput_is_the_share_of_requests_that_meet_all_objectives(log: RunLog) -> None:
    results = check(log, [parse_objective("ttft:50"), parse_objective("e2e:300")])
    assert results[-1].gate == "goodput of requests"
    assert results[-1].value == 0.3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ttft", "is not an objective"),
        ("speed:1", "no metric 'speed'"),
        ("llm_call.p42:1", "no statistic 'p42'"),
        ("ttft:5@0", "must be above 0"),
        ("", "is no"),
    ],
)
def test_a_text_that_is_no_objective_is_said_to_be_none(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_objective(text)


def test_a_percentage_may_be_written_both_ways() -> None:
    assert parse_percent("10%") == parse_percent("0.1") == 0.1
    with pytest.raises(UserError, match="write 10% or"):
        parse_percent("ten")


def run_at(folder: Path, level: str, cost: float = 0.25) -> RunLog:
    """Six simulations with two calls of the agent each, one of which fails in the first of them; at INFO only that one is written."""
    folder.mkdir()
    events = []
    for task in range(6):
        calls = [llm(str(task), ms=100.0), llm(str(task), 200.0, ms=5.0, error=task == 0, input_tokens=None if task == 0 else 1000)]
        kept = [call for call in calls if level == "PROFILE" or call.fields["error"]]
        events += simulation(str(task), 1000.0 * task, kept, llm_calls=2, llm_errors=int(task == 0), cost_usd=cost, agent_cost_usd=cost)
    return log_of(folder, events)


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        (("INFO", "INFO"), "both logs were"), (("INFO", "PROFILE"), "this log was"), (("PROFILE", "INFO"), "the other log was"),
        (("PROFILE", "PROFILE"), ""),
    ],
)  # fmt: skip
def test_calls_that_a_level_leaves_out_are_not_compared_and_that_is_said(tmp_path: Path, levels: tuple[str, str], why: str) -> None:
    """A failed call alone stands in an INFO log: it is no sample of the calls. Durations, rewards and costs of simulations are compared."""
    this, other = (run_at(tmp_path / str(n), level) for n, level in enumerate(levels))
    found = this.compare(other)
    assert found.latency["type"].tolist() == (["task_end"] if why else ["task_end", "llm_call"])
    assert ("Not compared: llm_call" in found.note) is bool(why)
    assert why in found.note
    assert found.simulations["reward_change"].tolist() == [0.0] * 6
    gates = {result.gate: (result.value is not None, result.met) for result in check_slower(found, 0.1)}
    assert gates == {"task not 0.1 slower": (True, True), "llm_call not 0.1 slower": (not why, not why)}


def test_costs_of_a_log_without_calls_are_those_of_the_ends_of_simulations(tmp_path: Path) -> None:
    """Never 0, also where one end does not say."""
    log = run_at(tmp_path / "known", "INFO", 0.25)
    assert log.task_costs()["cost_usd"].tolist() == [0.25] * 6
    assert cost_summary(log)["total_usd"] == 1.5
    unknown = run_at(tmp_path / "unknown", "INFO", math.nan)
    assert unknown.task_costs()["cost_usd"].isna().all()
    assert cost_summary(unknown)["total_usd"] is None


def test_goodput_of_requests_that_a_level_leaves_out_is_not_measured(tmp_path: Path) -> None:
    """The one failed call that it holds meets nothing: 0 of 1 would be the goodput of nobody."""
    results = check(run_at(tmp_path / "info", "INFO"), [parse_objective("e2e:300"), parse_objective("task:3000")])
    found = {result.gate: result for result in results}
    assert (found["goodput of requests"].value, found["goodput of requests"].met) == (None, False)
    assert found["goodput of requests"].detail.startswith("not measured: ")
    assert found["goodput of tasks"].value == 1.0


def test_of_a_log_without_calls_every_attempt_counts_in_cost_and_calls(tmp_path: Path) -> None:
    """Run again after an error: both attempts were paid for. An attempt that never ended makes the cost unknown."""
    told = {"llm_calls": 3, "llm_errors": 1, "cost_usd": 0.25, "agent_cost_usd": 0.125}
    again = [*simulation("a", status="error", reward=None, **told), *simulation("a", 5000.0, **told)]
    log = log_of(tmp_path, again)
    assert cost_summary(log)["total_usd"] == log.task_costs()["cost_usd"].sum() == 0.5
    assert totals_of(log).model_calls == Calls(6, 2)
    open_first = log_of(tmp_path, [event("task_start", "a", start_ms=0.0), *simulation("a", 5000.0, **told)])
    assert cost_summary(open_first)["total_usd"] is None
