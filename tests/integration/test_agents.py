"""Agents that recover and keep their prompts short, run by tau2 itself on scripted models with the weaknesses they are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.errors import UserError
from tau2_logging.events import ContextReductionEvent, CorrectionEvent, Event, StructuredEvent, ToolExecutionEvent, read_events
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, by_simulation, of, successful

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

LIMIT = 6000
Play = Callable[..., "Played"]


class Played:
    """A run of retail tasks with an agent, read back."""

    def __init__(self, log_dir: Path, agent: str, model: dict[str, Any], **settings: Any) -> None:
        chosen = {"domains": ("retail",), "num_tasks": 4, "events": True, "max_steps": 100, **settings}
        self.config = replace(scripted(log_dir, agent=model, **chosen), agent=agent)
        self.code, self.printed = run_quietly(self.config)
        self.files = RunFiles(log_dir)
        self.domain = self.config.domains[0]
        self.log = self.files.events(self.domain)
        self.structured = list(read_events(self.files.only_run() / f"events_{self.domain}.jsonl"))

    def of(self, kind: type[StructuredEvent]) -> list[Any]:
        return [event for event in self.structured if isinstance(event, kind)]

    def writes(self) -> list[Any]:
        return [event for event in self.of(ToolExecutionEvent) if event.tool_type == "write"]

    def rewards(self) -> dict[str, float]:
        return {str(end.task): float(end.get("reward") or 0) for end in of(self.log, "task_end")}

    def sums(self, name: str) -> int:
        return sum(int(event.get(name) or 0) for event in of(self.log, "agent_summary"))


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Runs, each made once."""

    @lru_cache
    def once(agent: str, model: str, **settings: Any) -> Played:
        models = {
            "wrong": {"bad_writes": 0.87},
            "short": {"context_limit": LIMIT},
            "both": {"bad_writes": 0.5, "context_limit": LIMIT},
            "": {},
        }
        arguments = {"limit": LIMIT} if agent in ("context_agent", "enhanced_agent") else {}
        return Played(tmp_path_factory.mktemp("agents"), agent, models[model], **{"agent_args": arguments, **settings})

    return once


def share_failed(writes: list[Any]) -> float:
    return sum(not event.success for event in writes) / len(writes)


def test_the_weak_model_is_as_weak_as_it_says(play: Play) -> None:
    """With tau2's own agent most write calls fail, and tasks with it."""
    plain = play("llm_agent", "wrong")
    assert 0.75 < share_failed(plain.writes()) < 0.97
    assert min(plain.rewards().values()) == 0.0


def test_retry_agent_recovers(play: Play) -> None:
    """Fewer than 45 % of the write calls fail, every task is solved, and what is wrong with a call by its schema never reaches a tool."""
    plain, ours = play("llm_agent", "wrong"), play("retry_agent", "wrong")
    assert share_failed(ours.writes()) < 0.45 < share_failed(plain.writes())
    assert set(ours.rewards().values()) == {1.0}
    assert not [event for event in ours.writes() if event.missing or event.unexpected or event.wrong_type]
    assert [event for event in plain.writes() if event.missing or event.unexpected or event.wrong_type]


def test_statistics_add_up_with_the_log(play: Play) -> None:
    """What the agents count of themselves is what the events say, one by one."""
    ours = play("enhanced_agent", "both")
    corrections = ours.of(CorrectionEvent)
    told = [(event.problem, event.outcome) for event in corrections]
    assert ours.sums("withheld") == sum(outcome == "asked_again" for _, outcome in told) > 0
    assert (
        ours.sums("told")
        == sum(outcome == "told" for _, outcome in told)
        == sum(not event.success for event in ours.of(ToolExecutionEvent))
    )
    assert ours.sums("passed_on") == sum(outcome == "passed_on" for _, outcome in told)
    assert ours.sums("model_calls") == len(successful(of(ours.log, "llm_call")))
    assert ours.sums("turns") == ours.sums("model_calls") - ours.sums("withheld")
    reductions = ours.of(ContextReductionEvent)
    assert ours.sums("reductions") == len(reductions) == len(of(ours.log, "context_reduction")) > 0
    assert ours.sums("tokens_saved") == sum(event.tokens_before - event.tokens_after for event in reductions)
    assert len(of(ours.log, "correction")) == len(corrections)
    assert len(of(ours.log, "agent_summary")) == len(of(ours.log, "task_end"))


def test_the_reports_tables_are_sums_over_the_events(play: Play) -> None:
    """Recovery, tokens saved and information kept, each with its denominator, counted again from the structured events."""
    ours = play("enhanced_agent", "both")
    log = load_log(ours.files.log_dir / f"tau2_{ours.domain}.log")
    (row,) = log.recovery().to_dict("records")
    corrections = [event for event in ours.of(CorrectionEvent) if event.outcome != "told"]
    wrong = {(event.task, event.step) for event in corrections}
    lost = {(event.task, event.step) for event in corrections if event.outcome == "passed_on"}
    assert (row["wrong_turns"], row["recovered"], row["recovery_rate"]) == (len(wrong), len(wrong - lost), 1 - len(lost) / len(wrong))
    assert row["simulations"] == row["of_simulations"] == len(of(ours.log, "task_end"))
    (row,) = log.shortened_prompts().to_dict("records")
    before, after = (sum(getattr(event, name) for event in ours.of(ContextReductionEvent)) for name in ("tokens_before", "tokens_after"))
    assert (row["tokens_saved"], row["saved_share"]) == (before - after, (before - after) / before)
    assert row["information_kept_share"] == ours.sums("identifiers_kept") / ours.sums("identifiers_seen")


def test_the_trajectory_holds_what_the_environment_saw(play: Play) -> None:
    """No withheld reply, no word of the agent's own and no summary is in tau2's messages; cost and usage count every call of a turn."""
    ours = play("enhanced_agent", "both")
    calls = by_simulation(ours.log)
    for simulation in ours.files.results("retail"):
        texts = " ".join(str(message["content"]) for message in simulation["messages"])
        assert "Make it again" not in texts
        assert "Summary of the earlier part" not in texts
        made = [message for message in simulation["messages"] if message["role"] == "assistant"][1:]
        spent = sum(int(call.get("input_tokens") or 0) for call in of(calls["retail", simulation["task_id"], 0], "llm_call"))
        assert sum(message["usage"]["prompt_tokens"] for message in made) == spent
        executed = [call["name"] for message in made for call in message["tool_calls"] or ()]
        events = [event for event in ours.of(ToolExecutionEvent) if event.task == simulation["task_id"]]
        assert executed == [event.tool for event in events]


def test_a_fault_free_model_makes_no_difference(play: Play) -> None:
    """Nothing is withheld, nothing is said, and the conversations are the same word for word."""
    plain, ours = play("llm_agent", "", num_tasks=2), play("retry_agent", "", num_tasks=2)
    assert ours.sums("withheld") == ours.sums("passed_on") == 0
    talks = [{run["task_id"]: said(run) for run in one.files.results("retail")} for one in (plain, ours)]
    assert talks[0] == talks[1]


def said(simulation: dict[str, Any]) -> list[tuple[Any, ...]]:
    """A trajectory without times and ids."""
    return [
        (message["role"], message["content"], [(call["name"], call["arguments"]) for call in message.get("tool_calls") or ()])
        for message in simulation["messages"]
    ]


def test_context_agent_keeps_under_the_limit_and_is_not_lost(play: Play) -> None:
    """tau2's agent passes the limit and loses tasks; ours never passes it and solves them all."""
    plain, ours = play("llm_agent", "short"), play("context_agent", "short")
    assert max(prompts(plain.log)) > LIMIT >= max(prompts(ours.log))
    assert min(plain.rewards().values()) == 0.0
    assert set(ours.rewards().values()) == {1.0}


def prompts(log: list[Event]) -> list[int]:
    return [int(call.get("input_tokens") or 0) for call in of(log, "llm_call")]


def test_its_count_is_the_providers(play: Play) -> None:
    """tokens_after of each reduction is the input_tokens of the call that follows it."""
    ours = play("context_agent", "short")
    counted: dict[str | None, Any] = {}
    checked = 0
    for event in ours.log:
        if event.type == "context_reduction":
            counted[event.task] = event.get("tokens_after")
        elif event.type == "llm_call" and event.task in counted:
            assert counted.pop(event.task) == event.get("input_tokens")
            checked += 1
    assert checked == ours.sums("reductions") > 0
    for event in ours.of(ContextReductionEvent):
        assert event.tokens_after < event.tokens_before
        assert sum(entry["tokens"] for entry in event.removed) > 0
        assert {entry["strategy"] for entry in event.removed} == set(event.strategy.split("+"))


@pytest.mark.parametrize("fault", ["empty_reply", "malformed_json"])
def test_what_the_provider_layer_gave_up_is_asked_for_again(fault: str, tmp_path: Path) -> None:
    """With no retries left below, an empty or unreadable reply is the end of tau2's agent; ours says what was wrong and goes on."""
    model = {"faults": {fault: 0.2}}
    settings = {"domains": ("mock",), "num_tasks": 6, "max_retries": 0}
    plain = Played(tmp_path / "plain", "llm_agent", model, **settings)
    ours = Played(tmp_path / "ours", "retry_agent", model, **settings)
    ends = [{end.get("termination") for end in of(played.log, "task_end")} for played in (plain, ours)]
    assert "agent_error" in ends[0]
    assert "agent_error" not in ends[1]
    assert {event.problem for event in ours.of(CorrectionEvent)} == {fault}


def test_settings_reach_the_agent_and_leave_no_trace(tmp_path: Path) -> None:
    """attempts=0 withholds nothing; afterwards tau2's registry is as it was."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    registry = Tau2Harness.load().registry
    before = registry.get_info()
    ours = Played(tmp_path, "retry_agent", {"bad_writes": 1.0, "bad_when_told": 0.0}, agent_args={"attempts": 0}, num_tasks=4)
    assert {event.outcome for event in ours.of(CorrectionEvent)} == {"passed_on", "told"}
    assert registry.get_info() == before
    with pytest.raises(UserError, match="no setting 'tries'"):
        Played(tmp_path / "bad", "retry_agent", {}, agent_args={"tries": 1})
    assert registry.get_info() == before
