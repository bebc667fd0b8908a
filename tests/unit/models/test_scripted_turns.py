"""The scripted models play a task from the conversation alone."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.scripted import FAULTS, ScriptedSettings, TaskScript, TaskScripts
from tau2_logging.models.scripted.agent import agent_turn
from tau2_logging.models.scripted.faults import first_call, spoil
from tau2_logging.models.scripted.judge import is_loop, judge_turn
from tau2_logging.models.scripted.scripted_reply import ScriptedCall, ScriptedReply, calls_in, tool_reply
from tau2_logging.models.scripted.task_script import CLOSING, REQUEST_PREFIX, TRANSFER_NOTICE, Action, requested_action
from tau2_logging.models.scripted.user import opening, user_turn

LOOK = Action("assistant", "get_order", {"order_id": "#W1"})
CANCEL = Action("assistant", "cancel_order", {"order_id": "#W1", "reason": "no longer needed"})
REBOOT = Action("user", "reboot_device", {})
PLAN = TaskScript("7", (LOOK, REBOOT, CANCEL), ("327", "yes"))


def tool(name: str, *parameters: str) -> dict[str, Any]:
    """A tool as it is offered to a model."""
    return {"type": "function", "function": {"name": name, "parameters": {"properties": {parameter: {} for parameter in parameters}}}}


def said(reply: ScriptedReply) -> dict[str, Any]:
    """A turn as it stands in the conversation afterwards."""
    calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in reply.calls]
    return {"role": "assistant", "content": reply.text, "tool_calls": calls or None}


TOOLS = [tool("get_order"), tool("cancel_order")]


def play(plan: TaskScript, tools: list[dict[str, Any]], turns: int) -> list[ScriptedReply]:
    """The agent's turns when everything it does succeeds."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
    speeches = []
    for _ in range(turns):
        reply = agent_turn(plan, messages, tools)
        speeches.append(reply)
        messages += [said(reply), {"role": "tool" if reply.calls else "user", "content": "done"}]
    return speeches


def test_the_agent_plays_the_reference_actions_in_order_and_closes() -> None:
    """Its own by a call, the user's by asking, then what has to be said."""
    look, ask, cancel, close = play(PLAN, TOOLS, 4)
    assert [(call.name, json.loads(call.arguments)) for call in look.calls] == [("get_order", {"order_id": "#W1"})]
    assert ask.text is not None
    assert requested_action(ask.text) == REBOOT
    assert [call.name for call in cancel.calls] == ["cancel_order"]
    assert close.text is not None
    assert all(fact in close.text for fact in ("327", "yes", CLOSING))


def test_the_same_conversation_gets_the_same_reply() -> None:
    """The agent keeps no state: any thread, process or resumed run goes on alike."""
    assert play(PLAN, TOOLS, 4) == play(PLAN, TOOLS, 4)


@pytest.mark.parametrize("fault", ["invalid_args", "unknown_tool", "malformed_json", "empty_reply"])
def test_an_action_that_a_fault_spoiled_is_tried_again(fault: str) -> None:
    """Until the conversation holds exactly it."""
    spoiled = spoil(agent_turn(PLAN, [], TOOLS), fault)
    assert spoiled != agent_turn(PLAN, [], TOOLS)
    messages = [said(spoiled), {"role": "tool", "content": "Error"}]
    assert agent_turn(PLAN, messages, TOOLS) == agent_turn(PLAN, [], TOOLS)


def test_a_faulty_call_is_faulty_in_the_way_it_says() -> None:
    """Wrong arguments are JSON, malformed ones are not, an unknown tool keeps its arguments; other calls stay."""
    reply = ScriptedReply(calls=(ScriptedCall("get_order", '{"order_id": "#W1"}'), ScriptedCall("think", "{}")))
    assert "order_id" not in json.loads(spoil(reply, "invalid_args").calls[0].arguments)
    assert spoil(reply, "unknown_tool").calls[0] == ScriptedCall("get_order_now", '{"order_id": "#W1"}')
    with pytest.raises(ValueError, match=r"Expecting|delimiter|Unterminated"):
        json.loads(spoil(reply, "malformed_json").calls[0].arguments)
    assert spoil(reply, "malformed_json").calls[1] == ScriptedCall("think", "{}")
    assert spoil(reply, "empty_reply") == ScriptedReply()
    assert spoil(reply, None) == spoil(ScriptedReply(text=None, calls=reply.calls), "rate_limit") == reply
    assert spoil(ScriptedReply(text="hello"), "invalid_args") == ScriptedReply(text="hello")


def test_a_solo_agent_does_what_the_user_would_and_says_done() -> None:
    """It holds the user's tools, and there is nobody to talk to."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "ticket"}]
    names = []
    for _ in range(4):
        reply = agent_turn(PLAN, messages, [*TOOLS, tool("reboot_device"), tool("done")])
        names += [call.name for call in reply.calls]
        messages.append(said(reply))
    assert names == ["get_order", "reboot_device", "cancel_order", "done"]


def test_a_transfer_is_announced_with_the_domains_own_words() -> None:
    """So that the user ends the talk as a transfer."""
    plan = TaskScript("7", (Action("assistant", "transfer_to_human_agents", {"summary": "x"}),))
    assert str(play(plan, TOOLS, 2)[1].text).endswith(TRANSFER_NOTICE)


def test_a_task_without_reference_actions_is_solved_from_its_assertions() -> None:
    """By the tool that makes an assertion true, where one with exactly these parameters is offered."""
    plan = TaskScript("7", assertions=(Action("assistant", "assert_task_status", {"task_id": "t1", "expected_status": "done"}),))
    (update, close) = play(plan, [tool("update_task_status", "task_id", "status")], 2)
    assert calls_in(said(update)) == [("update_task_status", {"task_id": "t1", "status": "done"})]
    assert CLOSING in str(close.text)
    assert CLOSING in str(play(plan, [tool("update_task_status", "task_id")], 1)[0].text)


def test_the_user_opens_with_its_reason_acts_on_request_and_ends_the_talk() -> None:
    """In tau2's flipped view, where the agent is `user`."""
    system = {"role": "system", "content": "You are:\nReason for call:\n  My phone is slow.\n  Very slow.\nKnown info:\nJohn"}
    hello = user_turn([system, {"role": "user", "content": "Hi! How can I help you today?"}])
    assert hello.text == "Hello. My phone is slow. Very slow."
    asked = [system, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": REBOOT.request()}]
    assert user_turn(asked) == tool_reply("reboot_device", {})
    assert "rebooted" in str(user_turn([*asked, {"role": "tool", "content": "rebooted"}]).text)
    assert "###STOP###" in str(user_turn([*asked, {"role": "user", "content": CLOSING}]).text)
    assert "###TRANSFER###" in str(user_turn([*asked, {"role": "user", "content": TRANSFER_NOTICE}]).text)
    assert "###" not in str(user_turn([*asked, {"role": "user", "content": "One moment"}]).text)


@pytest.mark.parametrize("content", [None, "", "no reason", "Reason for call:", "Reason for call:\nKnown info:\n"])
def test_a_scenario_without_a_reason_still_opens(content: str | None) -> None:
    """An opening is never empty: an empty reply would be an error."""
    assert opening([{"role": "system", "content": content}]).strip()
    assert opening([]).strip()


@pytest.mark.parametrize(
    "text", ["", "Please", REQUEST_PREFIX, f"{REQUEST_PREFIX}[1]", f"{REQUEST_PREFIX}{{}}", f"{REQUEST_PREFIX}not JSON"]
)
def test_a_text_that_asks_for_nothing_is_no_request(text: str) -> None:
    """An agent that is a real model may say anything."""
    assert requested_action(text) is None


def test_the_judge_answers_each_outcome_and_sees_silence() -> None:
    """In the JSON tau2 reads: every outcome met, unless the agent said nothing."""
    prompt = "conversation:\nuser: hi\n{}\n\nexpectedOutcomes:\n['The agent''s kind', \"It's done\"]"
    for line, met in (("assistant: hello", True), ("tool: x", False)):
        answer = json.loads(str(judge_turn([{"role": "user", "content": prompt.format(line)}]).text))
        assert [result["expectedOutcome"] for result in answer["results"]] == ["The agents kind", "It's done"]
        assert [result["metExpectation"] for result in answer["results"]] == [met, met]
    assert json.loads(str(judge_turn([{"role": "user", "content": "expectedOutcomes: [unquoted]"}]).text))["results"]


def test_the_judge_sees_a_loop() -> None:
    """The same line of the agent again and again, and only that."""
    loop = "\n".join(["user: hi", *["assistant: call get_order", "tool: Error"] * 4])
    assert is_loop(loop)
    assert judge_turn([{"role": "user", "content": loop}]).text == "yes"
    talk = "\n".join(f"assistant: step {number}" for number in range(8))
    assert not is_loop(talk)
    assert judge_turn([{"role": "user", "content": talk}]).text == "no"
    assert not is_loop("")


def test_the_first_call_of_a_conversation_is_found() -> None:
    """What a looping agent repeats."""
    assert first_call([{"role": "user", "content": "hi"}, said(tool_reply("think", {})), said(tool_reply("other", {}))]) == tool_reply(
        "think", {}
    )
    assert first_call([{"role": "assistant", "content": "hi", "tool_calls": None}]) is None


def test_plans_are_found_by_domain_and_task() -> None:
    """retail and airline both have a task 7."""
    book = TaskScripts()
    book.add("retail", PLAN)
    assert book.find("retail", "7") is PLAN
    assert book.find("airline", "7") is book.find(None, None) is None


def test_latency_is_that_of_the_settings() -> None:
    """Without spread exact; with spread the median stays; the same seed draws the same."""
    exact = ScriptedSettings.of({"ttft_ms": 200, "tpot_ms": 8, "temperature": 0.0})
    assert exact.latency_ms(11, random.Random(1)) == (200.0, 80.0)
    assert exact.latency_ms(0, random.Random(1)) == (200.0, 0.0)
    spread = ScriptedSettings.of({"ttft_ms": 200, "spread": 0.4})
    draws = sorted(spread.latency_ms(1, random.Random(seed))[0] for seed in range(2001))
    assert draws[1000] == pytest.approx(200, rel=0.05)
    assert draws[100] < 150 < 300 < draws[-100]
    assert spread.latency_ms(1, random.Random(5)) == spread.latency_ms(1, random.Random(5))


def test_faults_come_at_their_rates() -> None:
    """Each by its own rate; loop is drawn per simulation and never per call."""
    settings = ScriptedSettings.of({"faults": {"invalid_args": 0.2, "timeout": 0.1, "loop": 0.5}})
    source = random.Random(0)
    draws = [settings.draw_fault(source) for _ in range(20_000)]
    assert draws.count("invalid_args") / 20_000 == pytest.approx(0.2, abs=0.02)
    assert draws.count("timeout") / 20_000 == pytest.approx(0.1, abs=0.02)
    assert draws.count("loop") == 0
    assert sum(settings.loops(source) for _ in range(10_000)) / 10_000 == pytest.approx(0.5, abs=0.03)
    assert set(draws) == {None, "invalid_args", "timeout"}
    assert {ScriptedSettings.of({"faults": {"timeout": 1.0}}).draw_fault(source) for _ in range(100)} == {"timeout"}
    assert len(FAULTS) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ttft_ms": -1}, "ttft_ms is -1"),
        ({"tpot_ms": "fast"}, "tpot_ms is 'fast'"),
        ({"spread": True}, "spread is True"),
        ({"ttft_ms": float("nan")}, "ttft_ms is nan"),
        ({"faults": [1]}, r"faults is \[1\]"),
        ({"faults": {"typo": 0.1}}, "no fault 'typo'; there are invalid_args, "),
        ({"faults": {"timeout": 2}}, "rate of timeout is 2"),
        ({"faults": {"timeout": 0.6, "rate_limit": 0.6}}, "add up to 1.2"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name_and_value(arguments: dict[str, Any], message: str) -> None:
    """At the edge, before a run."""
    with pytest.raises(UserError, match=message):
        ScriptedSettings.of(arguments)
