"""The scripted models travel litellm's own path: sync, async, streamed, with counts, times and faults."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm

from tau2_logging.models.scripted import TaskScript, TaskScripts
from tau2_logging.models.scripted.provider import MOST_TOKENS, PROVIDER, ScriptedModels, register
from tau2_logging.models.scripted.task_script import Action
from tau2_logging.models.scripted.token_count import prompt_tokens

LOOK = Action("assistant", "get_order", {"order_id": "#W1"})
HELLO = [{"role": "user", "content": "Hello"}]
ORDER = [{"type": "function", "function": {"name": "get_order", "description": "d", "parameters": {"type": "object", "properties": {}}}}]
PLAIN = {"model": "scripted/agent", "messages": HELLO, "tools": ORDER, "scripted_task": "retail/7", "num_retries": 0, "max_retries": 0}


@pytest.fixture(autouse=True, scope="module")
def provider() -> Iterator[None]:
    """Known to litellm for this module."""
    before = litellm.custom_provider_map
    book = TaskScripts()
    book.add("retail", TaskScript("7", (LOOK,)))
    book.add("retail", TaskScript("talk", communicate=("327",)))
    book.add("airline", TaskScript("7", (LOOK,)))
    register(book)
    yield
    litellm.custom_provider_map = before


def complete(**arguments: Any) -> Any:
    """A call of litellm."""
    return litellm.completion(**{**PLAIN, **arguments})


def test_a_reply_has_calls_counts_and_a_price_of_nothing() -> None:
    """What tau2 and the profiler read from any provider's reply."""
    response = complete()
    (call,) = response.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_order", {"order_id": "#W1"})
    assert response.choices[0].finish_reason == "tool_calls"
    usage = response.usage
    assert usage.prompt_tokens > 10
    assert usage.completion_tokens > 5
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert litellm.completion_cost(response) == 0.0


def test_a_longer_conversation_counts_more_tokens() -> None:
    """Prompt tokens grow with what is said."""
    short, long = complete(), complete(messages=[*HELLO, {"role": "user", "content": "and so on " * 50}])
    assert long.usage.prompt_tokens > short.usage.prompt_tokens + 100


def test_the_same_call_gives_the_same_reply_down_to_its_ids() -> None:
    """Seeded: a run can be repeated."""
    first, second = complete(seed=7), complete(seed=7)
    assert first.choices[0].message.model_dump() == second.choices[0].message.model_dump()


def test_an_async_call_gives_what_a_sync_one_does() -> None:
    """The same path, awaited."""
    response = asyncio.run(litellm.acompletion(**PLAIN))
    assert response.choices[0].message.tool_calls[0].function.name == "get_order"


def test_a_stream_holds_the_reply_in_pieces() -> None:
    """Put together they are the whole; usage comes at the end; tool calls are streamed too."""
    whole = complete(scripted_task="retail/talk").choices[0].message.content
    chunks = list(complete(scripted_task="retail/talk", stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == whole
    built = litellm.stream_chunk_builder(list(complete(stream=True)))
    assert built.choices[0].message.tool_calls[0].function.name == "get_order"


def test_the_latency_is_waited_for() -> None:
    """A reply never comes before its time to first token and its tokens have passed."""
    from time import perf_counter

    begun = perf_counter()
    response = complete(ttft_ms=30, tpot_ms=1)
    assert perf_counter() - begun >= (30 + response.usage.completion_tokens - 1) / 1000


@pytest.mark.parametrize(
    ("fault", "error"),
    [("rate_limit", litellm.RateLimitError), ("server_error", litellm.InternalServerError), ("timeout", litellm.Timeout)],
)
def test_faults_of_the_server_are_litellms_own_exceptions(fault: str, error: type[Exception]) -> None:
    """So that whoever retries real ones retries these."""
    with pytest.raises(error, match="scripted fault"):
        complete(faults={fault: 1.0})


def test_a_prompt_can_be_too_long() -> None:
    """As for any real model, in the words by which litellm tells it; a prompt of just the limit is answered."""
    room = MOST_TOKENS - prompt_tokens(HELLO, None)
    long = [*HELLO, {"role": "user", "content": " a" * (room - prompt_tokens([{"role": "user", "content": ""}], None))}]
    models = ScriptedModels(litellm.custom_provider_map[-1]["custom_handler"].scripts)
    assert models.completion(model="user", messages=long, optional_params={}).usage.prompt_tokens == MOST_TOKENS
    with pytest.raises(litellm.ContextWindowExceededError, match=r"at most 1,000,000 tokens, this prompt has 1,000,00\d"):
        models.completion(model="user", messages=[*long, *HELLO[:1]], optional_params={})


def test_a_call_that_is_made_again_is_drawn_anew() -> None:
    """With a rate of one half some of eight attempts of the same call succeed and some do not; the next provider repeats them."""

    def outcomes() -> list[bool]:
        models = ScriptedModels(litellm.custom_provider_map[-1]["custom_handler"].scripts)
        made = []
        for _ in range(12):
            try:
                models.completion(model="agent", messages=HELLO, optional_params={"faults": {"timeout": 0.5}, "scripted_task": "retail/7"})
                made.append(True)
            except litellm.Timeout:
                made.append(False)
        return made

    first = outcomes()
    assert {True, False} == set(first)
    assert outcomes() == first


def test_faults_of_a_task_do_not_depend_on_tasks_of_that_id_elsewhere() -> None:
    """retail 7 fails in the same calls whether or not airline 7 has made some between them."""

    def outcomes(between: bool) -> list[bool]:
        models = ScriptedModels(litellm.custom_provider_map[-1]["custom_handler"].scripts)
        made = []
        for number in range(24):
            domain = "airline" if number % 2 else "retail"
            if domain == "airline" and not between:
                continue
            params = {"faults": {"timeout": 0.5}, "scripted_task": f"{domain}/7"}
            try:
                models.completion(model="agent", messages=HELLO, optional_params=params)
                failed = False
            except litellm.Timeout:
                failed = True
            made += [failed] if domain == "retail" else []
        return made

    assert outcomes(between=True) == outcomes(between=False)


def test_a_task_or_role_it_does_not_know_is_a_plain_error() -> None:
    """Not retried, and it says what is known."""
    with pytest.raises(litellm.BadRequestError, match="knows no task '8'"):
        complete(scripted_task="retail/8")
    with pytest.raises(litellm.NotFoundError, match="no model scripted/poet; there are agent, expert, user, judge"):
        complete(model="scripted/poet")


def test_registering_again_replaces_and_keeps_others() -> None:
    """A person's own custom provider stays."""
    before = litellm.custom_provider_map
    mine = {"provider": "mine", "custom_handler": litellm.CustomLLM()}
    litellm.custom_provider_map = [mine]
    try:
        register(TaskScripts())
        register(TaskScripts())
        assert [item["provider"] for item in litellm.custom_provider_map] == ["mine", PROVIDER]
    finally:
        litellm.custom_provider_map = before
