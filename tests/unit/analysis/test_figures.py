"""Statistics, costs, budget, makespan and outliers, against numbers worked out by hand or by other means."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import load_log
from tau2_logging.analysis.measures.costs.cost_tables import cost_summary
from tau2_logging.analysis.measures.costs.prices import PriceTable, default_prices, read_prices
from tau2_logging.analysis.measures.gates import as_rows, check, parse_objective
from tau2_logging.analysis.measures.percentiles import percentile
from tau2_logging.analysis.measures.run_time import makespan
from tau2_logging.analysis.measures.run_time.time_budget import KINDS_OF_TIME, total_budget
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tau2_logging.errors import UserError
from tau2_logging.events import decode
from tests.support.by_hand_times import calls as calls_of
from tests.support.by_hand_times import covered, decoded, simulations
from tests.unit.analysis.samples import event, llm, log_of, simulation, write


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs") / "tau2_retail.log"
    write_log(path, Plan(faults=0.05), 1_500_000)
    return path


def test_latency_is_what_numpy_says_of_the_decoded_lines(big: Path) -> None:
    """Every figure of every type, percentiles with numpy's method=linear."""
    durations: dict[str, list[float]] = {}
    for line in big.read_text().splitlines():
        one = decode(line)
        value = one.get("total_duration_ms") if one.type == "step_complete" else one.get("duration_ms")
        if value is not None and one.type != "run_end":
            durations.setdefault(one.type, []).append(float(value))
    table = load_log(big).latency().set_index("type")
    assert set(table.index) == set(durations)
    for type_, values in durations.items():
        row = table.loc[type_]
        wanted = [len(values), np.mean(values), np.std(values, ddof=1), min(values), max(values), math.fsum(values)]
        assert np.allclose(row[["n", "mean_ms", "std_ms", "min_ms", "max_ms", "total_ms"]].to_numpy(dtype=float), wanted, rtol=1e-12)
        for percent in (50, 90, 95, 99):
            assert row[f"p{percent}_ms"] == np.percentile(values, percent, method="linear")


def test_a_failed_call_counts_as_infinite_in_the_place_percentiles_put_it() -> None:
    values = np.array([1.0, 2.0, 3.0, np.inf])
    assert percentile(values, 50) == 2.5
    assert percentile(values, 90) == np.inf


def test_tpot_is_the_time_after_the_first_token_over_the_tokens_after_it(tmp_path: Path) -> None:
    row = log_of(tmp_path, [llm(ms=300.0, ttft_ms=100.0, output_tokens=11)]).latency("model").iloc[0]
    assert row["p50_tpot_ms"] == 20.0
    assert row["mean_itl_ms"] == 20.0
    assert row["output_tokens_per_s"] == pytest.approx(10 / 0.2)


def test_how_fast_a_model_writes_does_not_depend_on_the_runners_own_queue(tmp_path: Path) -> None:
    """Two calls of different speed, one of which waited 9 s for a place in the connection pool and was closed late."""
    calls = [
        llm(ms=9400.0, queue_ms=9000.0, ttft_ms=100.0, decode_ms=200.0, output_tokens=11),
        llm(ms=700.0, queue_ms=0.0, ttft_ms=100.0, decode_ms=600.0, output_tokens=21),
    ]
    path = write(tmp_path, simulation(calls=calls))
    row = load_log(path).latency("model").iloc[0]
    spans = decoded(path)
    ms, tokens = (math.fsum(column) for column in zip(*spans, strict=True))
    assert row["p50_tpot_ms"] == pytest.approx(median(ms / tokens for ms, tokens in spans))
    assert (row["mean_itl_ms"], row["output_tokens_per_s"]) == pytest.approx((ms / tokens, 1000 * tokens / ms))
    assert all(result.met for result in check(load_log(path), [parse_objective("tpot:30")]))


def test_of_a_reply_that_came_as_a_whole_the_speed_is_unknown_and_it_counts_in_no_mean(tmp_path: Path) -> None:
    calls = [llm(ms=1000.0, output_tokens=101), llm(ms=300.0, ttft_ms=100.0, decode_ms=200.0, output_tokens=11)]
    table = log_of(tmp_path, [*calls, llm(ms=500.0, type_="user_sim")]).latency("model").set_index("type")
    assert table.loc["llm_call", ["mean_itl_ms", "output_tokens_per_s", "timed"]].tolist() == [20.0, 50.0, 1]
    assert table.loc["user_sim", ["p50_tpot_ms", "mean_itl_ms", "output_tokens_per_s"]].isna().all()
    assert table.loc["user_sim", "timed"] == 0


def test_share_is_never_over_all_where_simulations_were_run_again(tmp_path: Path) -> None:
    """The time of all attempts is what their calls are a share of."""
    events = [
        *simulation("a", 0.0, [llm("a", 0.0, ms=800.0)], status="timeout", reward=None, duration_ms=2000.0),
        *simulation("a", 3000.0, [llm("a", 3000.0, ms=400.0)], duration_ms=500.0),
    ]
    path = write(tmp_path, events)
    table = load_log(path).latency().set_index("type")
    whole = covered(simulations(path))
    assert table.loc["task_end", "share"] == pytest.approx(1.0)
    assert table.loc["llm_call", "share"] == pytest.approx(covered(calls_of(path, "llm_call")) / whole) == pytest.approx(1200 / 2500)


def test_time_outs_and_errors_of_simulations_are_errors_of_task_end_as_in_its_gate(tmp_path: Path) -> None:
    ends = [("a", "ok"), ("b", "timeout"), ("c", "error"), ("d", "timeout")]
    log = log_of(tmp_path, [one for task, status in ends for one in simulation(task, status=status)])
    assert log.latency().set_index("type").loc["task_end", "errors"] == 3
    assert check(log, [parse_objective("task_end.error_rate:0")])[0].value == 0.75


def test_a_resumed_simulation_counts_once_with_its_last_attempt_and_its_calls_count_all(tmp_path: Path) -> None:
    first = simulation("7", 0.0, [llm("7", 10.0)], status="error", reward=None, duration_ms=500.0)
    killed = [event("task_start", "7", 1.0, start_ms=1000.0), llm("7", 1100.0)]
    last = simulation("7", 2000.0, [llm("7", 2100.0)], duration_ms=700.0)
    log = log_of(tmp_path, [*first, *killed, *last])
    row = log.simulations.iloc[0]
    assert len(log.simulations) == 1
    assert (row["status"], row["attempts"], row["start_ms"], row["end_ms"]) == ("ok", 3, 2000.0, 2700.0)
    assert log.costs()["calls"].sum() == 3


def test_a_simulation_started_again_and_killed_is_unfinished(tmp_path: Path) -> None:
    ended = simulation("7", 0.0, status="timeout", duration_ms=500.0)
    waits = event("heartbeat", "7", 3.0, step=4, waiting_on="llm_call", model="gpt-4.1", elapsed_ms=900.0)
    log = log_of(tmp_path, [*ended, event("task_start", "7", 2.0, start_ms=2000.0), waits])
    assert log.simulations[["status", "attempts"]].to_numpy().tolist() == [["unfinished", 2]]
    stuck = log.stuck().iloc[0]
    assert (stuck["waiting_on"], stuck["step"], stuck["elapsed_ms"], stuck["line"]) == ("llm_call", 4, 900.0, 4)


def test_the_logged_price_stands_and_an_unknown_one_is_never_zero(tmp_path: Path) -> None:
    calls = [llm(model="gpt-4.1", cost_usd=1.0), llm(model="gpt-4.1"), llm(model="hosted/mystery")]
    costs = log_of(tmp_path, calls).costs().set_index("model")
    assert costs.loc["gpt-4.1", "cost_usd"] == pytest.approx(1.0 + (1000 * 2 + 11 * 8) / 1e6)
    assert math.isnan(costs.loc["hosted/mystery", "cost_usd"])
    assert costs.loc["hosted/mystery", "unknown_calls"] == 1
    assert cost_summary(log_of(tmp_path, calls))["total_usd"] is None


def test_a_persons_prices_go_before_the_log(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"date": "2027-01-01", "models": {"gpt-4.1": {"input": 10, "output": 0, "cached": 1}}}')
    prices = read_prices(tmp_path / "p.json").over(default_prices())
    log = log_of(tmp_path, [llm(cost_usd=1.0, cached_tokens=400)])
    assert log.costs(prices=prices)["cost_usd"].tolist() == [pytest.approx((600 * 10 + 400 * 1) / 1e6)]


@pytest.mark.parametrize("text", ["", "[]", '{"models": {"x": {}}}', '{"models": {"x": {"input": "a", "output": 1}}}'])
def test_a_file_that_is_no_price_table_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(UserError, match="is not a price table"):
        read_prices(tmp_path / "p.json")


@pytest.mark.parametrize(
    ("model", "known"),
    [("gpt-4.1", True), ("openai/gpt-4.1", True), ("openai/gpt-4.1-2025-04-14", True), ("scripted/agent", True), ("azure/gpt-4.1", False),
     ("gpt-4.1-turbo-x", False), ("", False)],
)  # fmt: skip
def test_a_model_is_found_by_its_name_without_provider_and_date(model: str, known: bool) -> None:
    assert (default_prices().find(model) is not None) is known


def test_the_shipped_table_is_dated_and_positive() -> None:
    table = default_prices()
    assert isinstance(table, PriceTable)
    assert len(table.date) == 10
    assert all(price.input > 0 and price.output > 0 for price in table.models.values())


def test_failed_calls_are_free_and_sides_are_kept_apart(tmp_path: Path) -> None:
    failed = llm(error=True, error_type="RateLimitError", input_tokens=None, output_tokens=None)
    calls = [
        llm(cost_usd=2.0),
        failed,
        llm(type_="user_sim", cost_usd=3.0),
        llm(type_="expert_call", cost_usd=4.0),
        llm(type_="evaluator", cost_usd=5.0),
    ]
    log = log_of(tmp_path, simulation(calls=calls))
    summary = cost_summary(log)
    assert (summary["agent_usd"], summary["benchmark_usd"], summary["per_solved_usd"]) == (6.0, 8.0, 14.0)
    assert log.task_costs()[["agent_cost_usd", "benchmark_cost_usd", "cost_usd"]].to_numpy().tolist() == [[6.0, 8.0, 14.0]]


def test_the_same_tokens_on_another_model(tmp_path: Path) -> None:
    log = log_of(
        tmp_path, [llm(model="local", input_tokens=10**6, output_tokens=10**6, cached_tokens=0), llm(type_="user_sim", input_tokens=10**6)]
    )
    table = log.priced_as(["gpt-4.1", "nobody/knows"]).set_index("model")
    assert table.loc["gpt-4.1", "agent_usd"] == pytest.approx(10.0)
    assert table.loc["nobody/knows"].drop("price_date").isna().all()


def test_what_another_model_would_cost_is_unknown_without_token_counts(tmp_path: Path) -> None:
    calls = [llm(input_tokens=None, output_tokens=None), llm(type_="user_sim", input_tokens=None, output_tokens=None)]
    row = log_of(tmp_path, simulation(calls=calls)).priced_as(["gpt-4.1"]).iloc[0]
    assert row[["agent_usd", "benchmark_usd", "all_usd", "known_usd"]].isna().all()
    assert row["unknown_calls"] == 2


def test_a_what_if_that_lacks_one_call_is_no_total_and_says_what_is_known(tmp_path: Path) -> None:
    """A failed call without tokens is free on any model; one that was answered is not."""
    failed = llm(error=True, input_tokens=None, output_tokens=None)
    calls = [llm(input_tokens=10**6, output_tokens=0, cached_tokens=0), llm(input_tokens=None, output_tokens=None), failed]
    row = log_of(tmp_path, [*calls, llm(type_="user_sim", input_tokens=10**6, output_tokens=0)]).priced_as(["gpt-4.1"]).iloc[0]
    assert math.isnan(row["agent_usd"])
    assert math.isnan(row["all_usd"])
    assert row[["benchmark_usd", "known_usd", "unknown_calls"]].tolist() == [2.0, 4.0, 1]


def test_the_time_budget_adds_up_to_every_simulations_duration(big: Path) -> None:
    budget = load_log(big).budget()
    sums = budget[list(KINDS_OF_TIME)].sum(axis=1)
    assert np.allclose(sums, budget["duration_ms"], rtol=0, atol=0.01)
    assert (budget[list(KINDS_OF_TIME)].dropna(axis="columns", how="all") >= -0.01).all().all()  # this log tells of no retrieval
    assert total_budget(budget)["share"].sum() == pytest.approx(1.0)


def test_queue_and_retry_waits_stand_apart_from_service(tmp_path: Path) -> None:
    calls = [llm(start=0.0, ms=300.0, queue_ms=50.0), event("retry", wait_ms=200.0, start_ms=300.0, attempt=2)]
    row = log_of(tmp_path, simulation(calls=calls, duration_ms=600.0, llm_ms=300.0, other_ms=290.0)).budget().iloc[0]
    assert (row["agent_service_ms"], row["queue_ms"], row["retry_wait_ms"], row["other_ms"]) == (250.0, 50.0, 200.0, 90.0)
    assert row["untracked_ms"] == pytest.approx(10.0)


def test_the_critical_path_follows_the_worker_that_ended_last(tmp_path: Path) -> None:
    """Worker 1 does tasks a then c, worker 2 does b: the run took as long as a and c."""
    events = [
        *simulation("a", 0.0, [llm("a", 100.0, ms=800.0)], thread=1, duration_ms=1000.0),
        *simulation("b", 0.0, [llm("b", 100.0, ms=1200.0)], thread=2, duration_ms=1500.0),
        *simulation("c", 1000.0, [llm("c", 1100.0, ms=1700.0)], thread=1, duration_ms=2000.0),
    ]
    log = log_of(tmp_path, events)
    assert log.critical_path()["task"].tolist() == ["a", "c"]
    idle = makespan.idle_tail(log)
    assert (idle["workers"], idle["makespan_ms"], idle["idle_worker_ms"]) == (2, 3000.0, 1500.0)
    assert log.stragglers()["task"].tolist() == ["c"]


def test_concurrency_is_weighted_by_time(tmp_path: Path) -> None:
    """One call for 300 ms, a second one meanwhile for 100 ms: 400 ms of calls in 300 ms."""
    row = log_of(tmp_path, [llm(start=0.0, ms=300.0), llm(start=100.0, ms=100.0)]).concurrency().iloc[0]
    assert (row["what"], row["mean"], row["max"], row["busy_ms"]) == ("llm_call", pytest.approx(4 / 3), 2, 300.0)


def test_calls_one_after_the_other_are_never_two_at_a_time(tmp_path: Path) -> None:
    log = log_of(tmp_path, [llm(start=i * 16.447, ms=16.447) for i in range(50)])
    assert log.concurrency().iloc[0]["max"] == 1
    assert log.latency_by_concurrency()["in_flight"].tolist() == ["1"]


def test_context_growth_counts_the_agents_calls_in_a_simulation(tmp_path: Path) -> None:
    calls = [
        llm("a", input_tokens=100, cached_tokens=0),
        llm("a", input_tokens=300, cached_tokens=150),
        llm("b", input_tokens=200, cached_tokens=50),
    ]
    table = log_of(tmp_path, calls).context_growth()
    assert table["mean_input_tokens"].tolist() == [150.0, 300.0]
    assert table["cached_share"].tolist() == [50 / 300, 0.5]


def test_trouble_is_found_with_the_line_it_stands_on(tmp_path: Path) -> None:
    payload = {"function": "get_order", "arguments": '{"id": 1}'}
    events = [
        llm(ms=9000.0, finish_reason="length"),
        event("tool_call", function="get_order", duration_ms=0.1, error=True, error_type="ValueError"),
        event("tool_payload", **payload), event("tool_payload", **payload), event("tool_payload", function="get_order", arguments="{}"),
        event("retry", model="gpt-4.1", wait_ms=5.0, attempt=2, error_type="RateLimitError"),
    ]  # fmt: skip
    log = log_of(tmp_path, events)
    assert log.outliers().iloc[0][["type", "duration_ms", "line"]].tolist() == ["llm_call", 9000.0, 1]
    assert log.errors()[["name", "error_type", "n", "line"]].to_numpy().tolist() == [["get_order", "ValueError", 1, 2]]
    assert log.truncations()["line"].tolist() == [1]
    assert log.repeated_calls()[["function", "n"]].to_numpy().tolist() == [["get_order", 2]]
    assert log.retries()[["model", "n", "wait_ms"]].to_numpy().tolist() == [["gpt-4.1", 1, 5.0]]


def test_a_log_that_holds_failed_calls_alone_gives_no_rate(tmp_path: Path) -> None:
    """At INFO good calls are left out: 2 of 9 failed, and the log says neither 9 nor 100 %. One that holds all calls, all failed, does."""
    calls = [llm(error=True, error_type="Timeout"), llm(start=200.0, error=True, error_type="Timeout")]
    for made, share, status in ((9, None, "not measured"), (2, 1.0, "BROKEN")):
        log = log_of(tmp_path, simulation(calls=calls, llm_calls=made))
        (row,) = log.errors().to_dict("records")
        assert (row["n"], None if math.isnan(row["share"]) else row["share"]) == (2, share)
        (gate,) = as_rows(check(log, [parse_objective("llm_call.error_rate:0.5")], None))
        assert gate["status"] == status
        said = [table.title for table in all_sections(log, ReportOptions()) if "holds only failed events" in table.note]
        assert said == (["Run", "Latency by type", "Cost", "Errors"] if share is None else [])


@pytest.mark.parametrize("what", ["model", "function", "domain", "expert"])
def test_thousands_of_names_leave_every_table_short_and_the_files_whole(what: str, tmp_path: Path) -> None:
    """What is left out is counted, the whole is in the file, and each figure is the one of its own call."""
    types = {"function": "tool_call", "expert": "expert_call"}
    calls = [
        llm(str(i % 20), i * 10.0, 1.0 + i, types.get(what, "llm_call"), **{what: f"name-{i}", "cost_usd": 0.01 * i}) for i in range(1500)
    ]
    ends = [event("task_end", "1", domain=f"name-{i}", start_ms=0.0, duration_ms=1.0) for i in range(1500) if what == "domain"]
    log = log_of(tmp_path, [*calls, *ends])
    tables = list(all_sections(log, ReportOptions()))
    assert max(len(table.rows) for table in tables) <= 50
    assert sum(len(" ".join(row)) for table in tables for row in table.rows) < 50_000
    left_out = "2,970" if ends else "1,470"
    assert any(f"{left_out} more are in the files" in table.note for table in tables)
    if what == "model":
        assert next(table for table in tables if table.title == "Cost").rows[0][2] == "name-1499"
    table = log.latency(what).query("type != 'task_end'").set_index(what)
    assert table["p95_ms"].to_dict() == {f"name-{i}": 1.0 + i for i in range(1500)}


def test_every_table_can_be_made_of_a_log_of_one_line(tmp_path: Path) -> None:
    log = load_log(write(tmp_path, [event("run_start", None, argv="x")]))
    names = "latency costs budget critical_path stragglers concurrency outliers errors retries truncations stuck repeated_calls"
    for name in [*names.split(), "context_growth", "task_costs", "outages", "server_waits", "recovery", "shortened_prompts"]:
        assert len(getattr(log, name)()) == 0, name
    assert len(log.simulations) == 0
