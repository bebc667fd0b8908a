"""Figures of the deep analysis against an independent count: paths, rates a simulation, shares of time, failures by role, what writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.deep import LogAnalyzer, bottlenecks, efficiency, root_causes, taxonomy
from tau2_logging.analysis.deep.tool_types import BUILT_IN, built_in_type
from tests.support.by_hand import calls_a_simulation, kinds_of_calls
from tests.support.recordings import action, call, recorded, results, simulation, task, write
from tests.unit.analysis.samples import event, llm
from tests.unit.analysis.samples import simulation as logged
from tests.unit.analysis.samples import write as write_log

LOOK, CANCEL = action("look", order_id="#1"), action("cancel", order_id="#1")
RUNS = [
    simulation("0", 0, [call("look", order_id="#1")] * 91 + [call("cancel", order_id="#1")]),
    simulation("0", 1, [call("cancel", error="Error: no", order_id="#1"), call("cancel", order_id="#1"), call("look", order_id="#2")]),
    simulation("0", 2, [], reward=0.0),
    simulation("1", 0, [call("look", order_id="#9")] * 2),
]
TASKS = [task("0", LOOK, CANCEL), task("1", LOOK, LOOK, action("look", order_id="#9"))]


def test_a_reference_action_is_made_once_and_every_call_is_one_of_four(tmp_path: Path) -> None:
    """A loop of 91 look-ups is one call on the path and 90 repeats."""
    table = efficiency.path_lengths(recorded(tmp_path, TASKS, RUNS))
    wanted = kinds_of_calls(results(TASKS, RUNS))
    assert {kind: int(table[kind].sum()) for kind in wanted} == wanted
    assert (table[["on_path", "failed", "repeated", "extra"]].sum(axis=1) == table["calls"]).all()
    assert (table["on_path"] <= table["actions"]).all()


def test_calls_a_simulation_count_those_that_made_none(tmp_path: Path) -> None:
    data = results(TASKS, RUNS)
    table = bottlenecks.values(recorded(tmp_path, TASKS, RUNS)).set_index("of")
    made = calls_a_simulation(data)
    row = table.loc["calls a simulation"]
    assert (row["n"], row["mean"], row["min"]) == (len(made), pytest.approx(np.mean(made)), 0)
    assert table.loc["failed calls a simulation", ["n", "mean"]].tolist() == [4, 0.25]


def test_a_simulation_whose_messages_are_not_known_made_no_known_number_of_calls(tmp_path: Path) -> None:
    runs = [*RUNS[:2], simulation("0", 2, messages=None)]
    assert bottlenecks.values(recorded(tmp_path, TASKS, runs)).set_index("of").loc["calls a simulation", "n"] == 2


def _log(folder: Path) -> LogAnalyzer:
    """Two simulations: an agent with an expert and a judge, whose calls fail in all sorts of ways."""
    calls = [
        llm("7", 0.0, ms=100.0), llm("7", 100.0, ms=50.0, error=True, error_type="EmptyReply"),
        llm("7", 150.0, ms=50.0, error=True, error_type="RateLimitError"),
        llm("7", 200.0, ms=50.0, error=True, error_type="MalformedToolCall"),
        llm("7", 250.0, ms=400.0, type_="expert_call", expert="a", error=True, error_type="Timeout"),
        llm("7", 250.0, ms=400.0, type_="expert_call", expert="b"), llm("7", 700.0, ms=100.0, type_="evaluator"),
    ]  # fmt: skip
    more = [llm("8", 2000.0, ms=300.0), event("tool_call", "8", function="f", start_ms=2300.0, duration_ms=0.5, error=False)]
    return LogAnalyzer(write_log(folder, [*logged("7", 0.0, calls), *logged("8", 2000.0, more)]))


def test_failed_calls_of_experts_are_counted_of_experts_calls_and_an_empty_reply_is_the_models(tmp_path: Path) -> None:
    table = taxonomy.error_kinds(_log(tmp_path).recorded)
    found = {(row["of"], row["kind"]): (row["errors"], row["calls"]) for row in table.to_dict("records")}
    assert found == {
        ("model calls of the agent", "empty reply"): (1, 5),
        ("model calls of the agent", "provider"): (1, 5),
        ("model calls of the agent", "malformed JSON"): (1, 5),
        ("model calls of experts", "provider"): (1, 2),
    }


def test_the_share_of_a_role_is_that_of_the_latency_table(tmp_path: Path) -> None:
    """Of the time the simulations took; experts and judges have theirs."""
    deep = bottlenecks.time_by_role(_log(tmp_path).recorded).set_index("role")["share"]
    latency = load_log(tmp_path / "tau2_retail.log").latency().set_index("type")["share"]
    types = {"assistant": "llm_call", "expert": "expert_call", "judge": "evaluator", "tool": "tool_call"}
    assert deep.to_dict() == pytest.approx({role: latency[type_] for role, type_ in types.items()})


def test_the_types_of_built_in_tools_are_those_that_tau2_gives_them() -> None:
    registry = pytest.importorskip("tau2.registry", reason="tau2 is not installed").registry
    for domain in BUILT_IN.keys() & set(registry.get_domains()):
        environment = registry.get_env_constructor(domain)()
        for toolkit in filter(None, (environment.tools, environment.user_tools)):
            types = {name: toolkit.tool_type(name).value for name in toolkit.get_tools()}
            assert {name: BUILT_IN[domain].get(name) for name in types} == types
    assert built_in_type("retail_enhanced@anger", "get_order_details") == "read"
    assert built_in_type("airline", "get_order_details") is None


def _cause(folder: Path, actions: list[dict[str, object]], calls: list[dict[str, object]], **more: object) -> tuple[str, str]:
    """Cause and evidence of an airline simulation that was not solved, beside a task with a reference action."""
    tasks = [task("0", *actions), task("1", LOOK)]
    data = results(tasks, [simulation("0", 0, calls, reward=0.0, **{"parts": {"DB": 0.0, "COMMUNICATE": 1.0}, **more})], domain="airline")
    [row] = root_causes.root_causes(LogAnalyzer(write(folder / "results_airline.json", data)).recorded).to_dict("records")
    return row["cause"], str(row["evidence"])


def test_a_database_is_lost_by_a_write_and_never_by_a_look_up_that_was_not_made(tmp_path: Path) -> None:
    """Without events: tau2's own tools are known."""
    cancelled = [call("cancel_reservation", reservation_id="ABC")]
    cause, evidence = _cause(tmp_path, [action("get_reservation_details", reservation_id="ABC")], cancelled)
    assert cause == "extra change"
    assert "cancel_reservation" in evidence
    assert _cause(tmp_path, [], cancelled)[0] == "extra change"
    assert _cause(tmp_path, [], [call("cancel_reservation", error="Error: no", reservation_id="ABC")])[0] == "unknown"
    assert _cause(tmp_path, [], [call("get_user_details", user_id="a")])[0] == "unknown"


def test_a_look_up_that_the_check_of_actions_wanted_is_still_the_cause(tmp_path: Path) -> None:
    wanted = [action("get_reservation_details", reservation_id="ABC")]
    assert _cause(tmp_path, wanted, [], parts={"DB": 1.0, "ACTION": 0.0})[0] == "action not attempted"
