"""A run's conversations and rewards are those of the servers' plain answers: at every log level, with and without profiling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.runner.settings.config import ModelChoice
from tests.support.byte_server import Answers, byte_server
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.odd_streams import CALLED, DONE, STOP, USAGE, calls, chunk, said, whole
from tests.support.run_files import RunFiles

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN

ARGUMENTS = json.dumps({"user_id": "user_1", "title": "Important Meeting"})
CALL = {"id": "call_1", "type": "function", "function": {"name": "create_task", "arguments": ARGUMENTS}}
CALLING = whole("tool_calls", tool_calls=[CALL])
UNDECIDED = "<tool_call>{'name': 'create_task'}</tool_call>"
WORDS = whole(content=UNDECIDED)


def streamed(arguments: str) -> bytes:
    return calls({"index": 0, **CALL, "function": {"name": "create_task", "arguments": arguments}}) + CALLED


@dataclass(frozen=True)
class Form:
    """What a server makes of an agent's turn as a stream and plainly, and the reward that follows from the plain answer."""

    stream: bytes
    plain: dict[str, Any]
    reward: float


AS_TEXT = f'<tool_call>{{"name": "create_task", "arguments": {ARGUMENTS}}}</tool_call>'
FORMS = {
    "a good call": Form(streamed(ARGUMENTS), CALLING, 1.0),
    "the stream brings the call as text": Form(said(AS_TEXT) + STOP, CALLING, 1.0),
    "the stream loses a call that is text plainly": Form(chunk({"role": "assistant", "content": ""}) + CALLED, WORDS, 0.0),
    "the stream completes a call that is text plainly": Form(streamed(ARGUMENTS), WORDS, 0.0),
    "the stream breaks the call's arguments": Form(streamed(ARGUMENTS + ', "name": "create_task"'), CALLING, 1.0),
    "the stream has no end": Form(calls({"index": 0, **CALL}) + chunk({}, None, usage=USAGE) + DONE, CALLING, 1.0),
}  # fmt: skip


def server_of(form: Form) -> Any:
    def answers(request: dict[str, Any]) -> Answers:
        messages = request["messages"]
        if request["model"] == "user":
            words = "Please create a task Important Meeting for user_1." if len(messages) <= 2 else "###STOP###"
            return Answers(said(words) + STOP, whole(content=words))
        if any(message["role"] == "tool" for message in messages):
            return Answers(said("Task created.") + STOP, whole(content="Task created."))
        return Answers(form.stream, form.plain)

    return answers


def run(form: Form, log_dir: Path, **settings: Any) -> tuple[str, dict[str, Any]]:
    """(what was printed, the simulation as tau2 keeps it)."""
    with byte_server(server_of(form)) as server:
        agent, user = (ModelChoice(f"openai/{name}", {"api_base": f"{server.url}/v1", "api_key": "sk-x"}) for name in ("sim", "user"))
        _, printed = run_quietly(
            scripted(log_dir, agent_model=agent, user_model=user, task_ids=("create_task_1",), max_steps=12, **settings)
        )
    (simulation,) = RunFiles(log_dir).results("mock")
    return printed, simulation


def conversation(simulation: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(one["role"], one.get("content"), json.dumps(one.get("tool_calls"), sort_keys=True)) for one in simulation["messages"]]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_log_level_decides_nothing(form: Form, tmp_path: Path) -> None:
    """The same conversation and reward at PROFILE, at INFO and without profiling: those of the plain answers."""
    found = [
        run(form, tmp_path / name, **settings)[1]
        for name, settings in {"profile": {}, "info": {"log_level": "INFO"}, "none": {"profile": False}}.items()
    ]
    assert [one["reward_info"]["reward"] for one in found] == [form.reward] * 3
    assert conversation(found[0]) == conversation(found[1]) == conversation(found[2])


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_streams_that_were_asked_for_change_nothing_that_can_be_seen_to_be_wrong(form: Form, tmp_path: Path) -> None:
    """With `--ttft on` the reward is the plain one, but where a stream is in order and says something else: the run warns of that."""
    printed, simulation = run(form, tmp_path, ttft="on")
    assert "results may differ" in printed
    in_order = form is FORMS["the stream completes a call that is text plainly"]
    assert simulation["reward_info"]["reward"] == (1.0 if in_order else form.reward)
