"""Runs in which the agent asks other models: what is logged, what tau2 evaluates, what the agent's model keeps."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.cli.run_local import build_parser
from tau2_logging.errors import UserError
from tau2_logging.events import Event
from tau2_logging.models.experts import DELEGATE, parse_experts
from tau2_logging.models.experts.tool import CALL_EXPERT
from tau2_logging.models.simulated_server import Reply, ServerSettings, SimulatedServer
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.expert_options import expert_settings, with_experts
from tests.support.conversations import check_pairs, tools_called
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, by_simulation, check_run, of, prompts_of, sent, span_of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

HISTORIES = {("mock", "update_task_with_message_history"): 4, ("mock", "update_task_with_history_and_env_assertions"): 4}
UNSOLVED = {"update_task_with_user_tools"}
"""A task of v1 that the scripted models do not solve without experts either."""
DOMAINS = ("mock", "retail")
EXPERTS = ("planner=scripted/expert,ttft_ms=30,description=Plans the next step", "checker=scripted/expert,ttft_ms=50")


@pytest.fixture(scope="module")
def advised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFiles]:
    """Mock and some of retail, with experts that advise, at DEBUG."""
    place = tmp_path_factory.mktemp("advised")
    config = scripted(place, domains=DOMAINS, num_tasks=9, experts=parse_experts(EXPERTS), log_level="DEBUG")
    assert run_quietly(config)[0] == 0
    return RunFiles(place)


@pytest.fixture(scope="module")
def delegated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFiles]:
    """Mock, with experts that take turns."""
    place = tmp_path_factory.mktemp("delegated")
    config = scripted(place, experts=parse_experts(EXPERTS), expert_mode=DELEGATE, log_level="DEBUG")
    assert run_quietly(config)[0] == 0
    return RunFiles(place)


def prompts(events: list[Event], model: str) -> list[list[dict[str, Any]]]:
    """What a model was sent, call by call."""
    found = prompts_of(events)
    return [sent(found, payload) for payload in of(events, "llm_payload") if payload.get("model") == model]


def test_every_task_is_solved_and_its_events_are_those_of_its_trajectory(advised: RunFiles) -> None:
    """tau2's evaluator sees what the environment saw; the agent's messages bear the tokens of their turns, experts' included."""
    assert check_run(advised.log_dir, DOMAINS, HISTORIES, experts=True) == 18
    for domain in DOMAINS:
        results = advised.results(domain)
        assert {simulation["task_id"] for simulation in results if simulation["reward_info"]["reward"] != 1.0} <= UNSOLVED
        assert CALL_EXPERT not in json.dumps([simulation["messages"] for simulation in results])


def test_a_delegated_turn_is_the_experts(delegated: RunFiles) -> None:
    """One message a turn, from the expert; the environment never sees the tool, and every task is solved."""
    assert check_run(delegated.log_dir, ["mock"], HISTORIES, experts=True) >= 9
    results = {simulation["task_id"]: simulation for simulation in delegated.results("mock")}
    assert {task for task, simulation in results.items() if simulation["reward_info"]["reward"] != 1.0} <= UNSOLVED
    assert CALL_EXPERT not in json.dumps([simulation["messages"] for simulation in results.values()])
    events = by_simulation(delegated.events("mock"))[("mock", "create_task_1", 0)]
    first, second = of(events, "expert_call")
    assert (first.get("has_tool_calls"), second.get("has_tool_calls")) == (True, False)
    spoken = [message for message in results["create_task_1"]["messages"][1:] if message["role"] == "assistant"]
    assert [bool(message["tool_calls"]) for message in spoken] == [True, False]
    assert len(of(events, "llm_call")) == 2


def test_each_expert_call_is_an_event_of_its_own(advised: RunFiles) -> None:
    """With its alias and the fields of a model call; counted in task_end apart from the agent's."""
    for domain in DOMAINS:
        for events in by_simulation(advised.events(domain)).values():
            calls = of(events, "expert_call")
            assert sorted(str(call.get("expert")) for call in calls) == ["checker", "planner", "planner"]
            for call in calls:
                assert (call.get("model"), call.get("call_type"), call.get("error")) == ("scripted/expert", "scripted", False)
                assert int(call.get("input_tokens") or 0) > 100
                assert call.get("cost_usd") == 0.0
            (end,) = of(events, "task_end")
            assert (end.get("expert_calls"), end.get("llm_calls")) == (3, len(of(events, "llm_call")))
            assert all(event.get("expert") is None for event in events if event.type != "expert_call")


def test_consultations_of_one_reply_run_at_the_same_time(advised: RunFiles) -> None:
    """The planner's second call and the checker's overlap, and the wall time that a simulation gave its experts is their union."""
    for events in by_simulation(advised.events("retail")).values():
        alone, *together = sorted(of(events, "expert_call"), key=lambda call: float(call.get("start_ms") or 0))
        (a_start, a_end), (b_start, b_end) = map(span_of, together)
        assert max(a_start, b_start) < min(a_end, b_end)
        assert {call.thread for call in together}.isdisjoint({alone.thread})
        start, end = span_of(alone)
        union = end - start + max(a_end, b_end) - min(a_start, b_start)
        (task_end,) = of(events, "task_end")
        assert float(task_end.get("expert_ms") or 0) == pytest.approx(union, abs=0.05)
        assert union >= 80


@pytest.mark.parametrize("run", ["advised", "delegated"])
def test_the_agent_keeps_its_consultations_with_every_call_and_its_result(run: str, request: pytest.FixtureRequest) -> None:
    """In every later prompt of its model, in both modes; what an expert sees holds none of them."""
    files: RunFiles = request.getfixturevalue(run)
    for events in by_simulation(files.events("mock")).values():
        sent = prompts(events, "scripted/agent")
        for prompt in sent:
            check_pairs(prompt)
        before_last = {1: 0, 2: 1}.get(len(sent), 3)  # it asks one expert, then both, and goes on
        assert tools_called(sent[-1]).count(CALL_EXPERT) == before_last
        assert before_last == 3 or run == "delegated"
        for prompt in prompts(events, "scripted/expert"):
            check_pairs(prompt)
            assert CALL_EXPERT not in json.dumps(prompt)


def test_the_analysis_tells_experts_apart(advised: RunFiles) -> None:
    """Calls, time, tokens and money by alias; the mode and the models are in run_start."""
    log = load_log([advised.log_dir / "tau2_mock.log"])
    table = log.experts().set_index("expert")
    calls = [event for event in of(advised.events("mock"), "expert_call") if event.get("expert") == "planner"]
    assert table["calls"].to_dict() == {"checker": 9, "planner": 18}
    assert table.loc["planner", "input_tokens"] == sum(int(call.get("input_tokens") or 0) for call in calls)
    assert table.loc["planner", "mean_ms"] == pytest.approx(sum(float(call.get("duration_ms") or 0) for call in calls) / 18)
    start = log.run_start["mock"]
    assert (start["experts"], start["expert_mode"]) == ("planner=scripted/expert,checker=scripted/expert", "advise")


def test_an_unknown_expert_costs_no_error_of_the_environment(tmp_path: Path) -> None:
    """The model is told, asks again, is stopped asking, and solves its task alone; no expert was called."""
    config = scripted(tmp_path, agent={"faults": {"unknown_expert": 1.0}}, experts=parse_experts(EXPERTS), num_tasks=2, log_level="DEBUG")
    assert run_quietly(config)[0] == 0
    check_run(tmp_path, ["mock"], experts=True)
    events = RunFiles(tmp_path).events("mock")
    assert not of(events, "expert_call")
    for end in of(events, "task_end"):
        assert (end.get("reward"), end.get("tool_errors")) == (1.0, 0)
    assert "there is no expert 'planner_of_old'; the experts are: planner, checker" in json.dumps(prompts(events, "scripted/agent"))


def test_an_expert_that_fails_does_not_end_the_simulation(tmp_path: Path) -> None:
    """Its attempts are events, tried again like any call's; the agent's model is told and goes on."""
    broken = 'checker=scripted/expert,faults={"server_error": 1.0}'
    config = scripted(tmp_path, experts=parse_experts([EXPERTS[0], broken]), num_tasks=2, max_retries=1, log_level="DEBUG")
    assert run_quietly(config)[0] == 0
    check_run(tmp_path, ["mock"], experts=True)
    for events in by_simulation(RunFiles(tmp_path).events("mock")).values():
        failed = [call for call in of(events, "expert_call") if call.get("error")]
        assert [(call.get("expert"), call.get("attempt")) for call in failed] == [("checker", 1), ("checker", 2)]
        assert {call.get("error_type") for call in failed} == {"InternalServerError"}
        assert [(retry.get("model"), retry.get("attempt")) for retry in of(events, "retry")] == [("scripted/expert", 2)]
        assert "Error: expert checker gave no answer (InternalServerError" in json.dumps(prompts(events, "scripted/agent")[-1])
        (end,) = of(events, "task_end")
        assert (end.get("status"), end.get("reward"), end.get("llm_errors")) == ("ok", 1.0, 2)


def test_a_real_client_reaches_an_expert_at_its_own_price(tmp_path: Path) -> None:
    """Over a socket, with its own endpoint, call_type and TTFT; one model at two prices costs each its own; no key is kept."""
    with SimulatedServer(ServerSettings(models=("test",), ttft_ms=60, itl_ms=5)) as server:
        server.script(*[Reply(text="Do what the policy says.", prompt_tokens=10, completion_tokens=2)] * 4)
        where = f"openai/test,api_base={server.base_url},api_key=sk-local-0123456789"
        prices = [",input_cost_per_token=0.001,output_cost_per_token=0.01", ",input_cost_per_token=0.1,output_cost_per_token=1", ""]
        experts = parse_experts(f"{name}={where}{price}" for name, price in zip(("cheap", "dear", "plain"), prices, strict=True))
        config = scripted(tmp_path, experts=experts, task_ids=("create_task_1",), ttft="on")
        assert run_quietly(config)[0] == 0
    files = RunFiles(tmp_path)
    calls = of(files.events("mock"), "expert_call")
    assert len(calls) == len(server.journal) == 4
    assert {(call.get("call_type"), call.get("endpoint")) for call in calls} == {("vllm", server.endpoint)}
    assert min(float(call.get("ttft_ms") or 0) for call in calls) >= 59  # not before the server has sent it
    assert sorted((str(call.get("expert")), call.get("cost_usd")) for call in calls) == [
        ("cheap", 0.03), ("cheap", 0.03), ("dear", 3.0), ("plain", None),
    ]  # fmt: skip
    assert files.results("mock")[0]["agent_cost"] == pytest.approx(3.06)
    kept = (files.only_run() / "run.json").read_text()
    assert "sk-local" not in kept + (tmp_path / "eval_mock.log").read_text()
    again = RunConfig.from_json(json.loads(kept)["config"])
    assert again.masked_secret() == "expert cheap"
    assert with_experts(again, [f"{name.alias}={where}{price}" for name, price in zip(experts, prices, strict=True)]) == config
    with pytest.raises(UserError, match=r"--expert cheap=gpt-4.1 is none of the run's experts \(cheap=openai/test, "):
        with_experts(again, ["cheap=gpt-4.1"])


def test_a_run_keeps_its_experts_when_it_is_resumed(tmp_path: Path) -> None:
    """The settings of run.json give the experts, their options and the mode back."""
    config = scripted(tmp_path, experts=parse_experts(EXPERTS), expert_mode=DELEGATE)
    again = RunConfig.from_json(json.loads(json.dumps(config.as_json())))
    assert (again.agent, again.experts, again.expert_mode) == ("expert_agent", config.experts, DELEGATE)


def test_experts_imply_the_agent_that_asks_them() -> None:
    """And a mode without experts is a mistake."""
    assert expert_settings(["planner=gpt-4.1"], None)["agent"] == "expert_agent"
    assert expert_settings(None, None) == {}
    with pytest.raises(UserError, match="--expert-mode is given without --expert"):
        expert_settings(None, DELEGATE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"agent": "expert_agent"}, "--agent expert_agent has no expert; name one or more with --expert NAME=MODEL"),
        (
            {"agent": "llm_agent_solo", "experts": parse_experts(["a=b"])},
            "--agent llm_agent_solo cannot consult experts; leave --agent out",
        ),
        (
            {"agent": "expert_agent", "experts": parse_experts(["a=b"]), "expert_mode": "ask"},
            "--expert-mode is 'ask'; give advise or delegate",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    """Before anything is run."""
    with pytest.raises(UserError) as caught:
        RunConfig(**settings)
    assert str(caught.value).startswith(message)


def test_the_commands_and_the_file_of_the_documentation_are_read_as_written(tmp_path: Path) -> None:
    """Every command of docs/experts.md names experts that are understood, and so does its YAML file."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "experts.md").read_text().replace("\\\n", "")
    commands = [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("    python run_local.py ")]
    named = [parse_experts(build_parser().parse_args(words).expert) for words in commands]
    assert len(named) == 5
    assert named[1][0].description == "Plans the next steps, and knows the policy well"
    assert named[1][1].args == {"api_base": "http://127.0.0.1:8000/v1"}
    block = re.search(r"experts.yaml`:\n\n((?:    .*\n)+)", text)
    assert block is not None
    (tmp_path / "experts.yaml").write_text(textwrap.dedent(block[1]))
    planner, checker = parse_experts([str(tmp_path / "experts.yaml")])
    assert (planner.args, checker.model) == ({"temperature": 0.2}, "gpt-4.1-mini")
