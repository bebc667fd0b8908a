"""What a server says is what the log says: in the event, at the end of the simulation and in its row, whatever a client makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tau2_logging.events import Event
from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.runner.model_calls.retries import Retries
from tau2_logging.runner.model_calls.retry_policy import RetryPolicy
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.work.checkpoint import read_rows
from tau2_logging.sinks import MemorySink
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.one_answer import OneAnswer, one_answer
from tests.support.run_files import RunFiles, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
pytestmark = LEFT_OPEN

MESSAGES: Any = [{"role": "user", "content": "hello"}]
PAGE = b"<html>" + b"<p>Please sign in at the portal first.</p>\n" * 1500 + b"</html>"


def ended(tmp_path: Path, server: OneAnswer, **settings: Any) -> tuple[dict[str, Any], list[Event], RunFiles]:
    """One simulation whose agent asks this server: its row, its events, its files."""
    model = ModelChoice("openai/sim", {"api_base": f"{server.url}/v1", "api_key": "sk-x", "temperature": 0.0})
    run_quietly(scripted(tmp_path, agent_model=model, task_ids=("create_task_1",), **{"max_retries": 1, **settings}))
    files = RunFiles(tmp_path)
    (row,) = read_rows(files.only_run() / "simulations_mock.jsonl")
    return row, files.events("mock"), files


@pytest.mark.parametrize(
    ("status", "body", "error_type", "said"),
    [
        (422, {"error": {"message": "tools[0] has no name"}}, "UnprocessableEntityError", "tools[0] has no name"),
        (422, {"detail": [{"loc": ["body"], "msg": "Extra inputs"}]}, "UnprocessableEntityError", "Extra inputs"),
        (200, {"error": {"message": "quota of project 7 exceeded", "code": 429}}, "RateLimitError", "quota of project 7 exceeded"),
        (200, {"error": "overloaded, try later"}, "BadRequestError", "overloaded, try later"),
        (200, {"object": "error", "message": "worker 3 is gone", "code": 50001}, None, "worker 3 is gone"),
    ],
)
def test_a_servers_words_are_in_every_event_and_in_the_row(
    status: int, body: Any, error_type: str | None, said: str, tmp_path: Path
) -> None:
    """litellm gives None for a 422, and leaves out what a response with status 200 says."""
    with one_answer(status, body) as server:
        row, events, _ = ended(tmp_path, server)
    told = of(events, "llm_call", "retry", "task_end")
    assert all(said in str(event.get("error_message")) for event in told)
    assert len({event.get("error_type") for event in told}) == 1
    assert error_type in (None, told[0].get("error_type"))
    assert row["error"].startswith(f"{told[0].get('error_type')}: ")
    assert said in row["error"]
    assert (row["status"], row["reward"], row["termination"]) == ("error", None, None)


@pytest.mark.parametrize("status", [200, 502])
def test_a_long_page_does_not_fill_the_log(status: int, tmp_path: Path) -> None:
    """One of 60 kB, in two attempts, of whose failures tau2, litellm and the traceback tell as well."""
    with one_answer(status, PAGE) as server:
        row, events, files = ended(tmp_path, server)
    assert "Please sign in" in row["error"]
    assert all(len(str(event.get("error_message"))) < 1000 for event in of(events, "llm_call", "retry", "task_end"))
    assert sum(path.stat().st_size for path in files.log_dir.glob("*.log")) < len(PAGE)


@pytest.mark.parametrize("asked", ["4000", "1e9"])
def test_a_pause_that_was_cut_down_says_what_was_asked_for(asked: str, tmp_path: Path) -> None:
    """In the retry event; the pause itself is as long as the setting."""
    with one_answer(429, {"error": {"message": "slow down"}}, Retry_After=asked) as server:
        _, events, _ = ended(tmp_path, server, max_retry_wait=0.05)
    (retry,) = of(events, "retry")
    assert (retry.get("wait_ms"), retry.get("asked_ms")) == (50.0, float(asked) * 1000)


def test_a_server_without_a_list_of_models_is_not_taken_for_one_that_is_down(tmp_path: Path) -> None:
    """It answers GET /v1/models with 501, and calls with errors: the simulation ends, it is not kept waiting."""
    with one_answer(503, {"error": {"message": "no worker is free"}}) as server:
        row, events, _ = ended(tmp_path, server, server_wait=600.0)
    assert (row["status"], of(events, "server_wait", "server_down")) == ("error", [])
    assert "no worker is free" in row["error"]


def chat(text: str | None) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "sim", "choices": [choice], "usage": usage}


CLAUDE = {
    "id": "m", "type": "message", "role": "assistant", "model": "sim", "content": [], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 1},
}  # fmt: skip
RESPONSE = {
    "id": "r", "object": "response", "created_at": 1, "model": "sim", "status": "completed", "output": [], "tools": [],
    "tool_choice": "auto", "parallel_tool_calls": True,
}  # fmt: skip


def by_chat(url: str, **how: Any) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-x") as client:
        return client.chat.completions.create(model="sim", messages=MESSAGES, **how)


def by_raw_chat(url: str, **how: Any) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-x") as client:
        return client.chat.completions.with_raw_response.create(model="sim", messages=MESSAGES, **how)


def by_responses(url: str, **how: Any) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-x") as client:
        return client.responses.create(model="sim", input="hello", **how)


def by_messages(url: str, **how: Any) -> Any:
    with anthropic.Anthropic(base_url=url, api_key="sk-x") as client:
        return client.messages.create(model="sim", messages=MESSAGES, max_tokens=50, extra_body=how)


@pytest.mark.parametrize(
    ("way", "body"), [(by_chat, chat(None)), (by_raw_chat, chat(None)), (by_responses, RESPONSE), (by_messages, CLAUDE)]
)
@pytest.mark.parametrize(("how", "requests"), [({"temperature": 0}, 2), ({"temperature": 0.7}, 4), ({}, 4)])
def test_agents_with_an_sdk_of_their_own_are_judged_by_the_same_rule(way: Any, body: Any, how: dict[str, Any], requests: int) -> None:
    """An empty answer to a deterministic request is asked for once more, else as often as --max-retries says; then the agent gets it."""
    sink = MemorySink(PROFILE)
    layer = Retries(RetryPolicy(max_retries=3, first_wait_s=0.01))
    with one_answer(200, body) as server, Instrumentation(ttft="off"), simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
        layer.install()
        try:
            assert way(server.url, **how) is not None
        finally:
            layer.uninstall()
        assert server.requests == requests
    assert [event.get("error_type") for event in sink.events if event.type == "llm_call"] == ["EmptyReply"] * requests


@pytest.mark.parametrize("body", [PAGE, {"error": {"message": "quota exceeded"}}, {"detail": "no such route"}, {}])
def test_what_is_no_answer_of_a_model_is_not_the_agents_failure(body: Any) -> None:
    """The SDK hands a page or an error with status 200 to the agent, which then stumbles over it."""
    sink = MemorySink(PROFILE)
    stumbles = pytest.raises((AttributeError, TypeError))
    simulation = simulation_scope(EventLogger("r", [sink]), "mock", "t", 0)
    with one_answer(200, body) as server, Instrumentation(ttft="off"), stumbles, simulation:
        by_chat(server.url, temperature=0).choices[0].message.content.strip()
    call, end = (next(event for event in sink.events if event.type == kind) for kind in ("llm_call", "task_end"))
    assert call.get("error_type") == end.get("error_type") == "APIError"
    assert "HTTP 200: " in str(end.get("error_message"))
