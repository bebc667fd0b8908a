"""What the simulated server says and knows without a socket: replies, prompts, the prefix cache, its settings."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.errors import UserError
from tau2_logging.models.simulated_server import Reply, ServerSettings, ToolUse
from tau2_logging.models.simulated_server.batch import Batch
from tau2_logging.models.simulated_server.behavior import default_reply, example
from tau2_logging.models.simulated_server.protocols.anthropic_messages import read as read_anthropic
from tau2_logging.models.simulated_server.protocols.completion import pieces_of, spoil
from tau2_logging.models.simulated_server.protocols.openai_chat import read as read_openai
from tau2_logging.models.simulated_server.protocols.prompt import BLOCK_TOKENS, BadRequest, PrefixCache
from tau2_logging.models.simulated_server.vllm_flags import read_options

SETTINGS = ServerSettings()
SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["return", "exchange"]},
        "order": {"$ref": "#/$defs/Order"},
        "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "count": {"type": ["null", "integer"]},
        "fast": {"type": "boolean"},
        "items": {"type": "array", "items": {"type": "number"}, "minItems": 2},
        "free": {"type": "string"},
    },
    "required": ["kind", "order", "note", "count", "fast", "items"],
    "$defs": {"Order": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}},
}
TOOLS = [{"type": "function", "function": {"name": name, "description": "d", "parameters": SCHEMA}} for name in ("look", "change", "send")]


def ask(*messages: tuple[str, str], tools: Any = None, **more: Any) -> Reply:
    """The default answer to a conversation, with OpenAI's protocol."""
    body = {"model": "sim", "messages": [{"role": role, "content": text} for role, text in messages], "tools": tools, **more}
    return default_reply(read_openai(body), SETTINGS)


def test_arguments_fit_their_schema() -> None:
    """A call that is made up is one the tool would take: what is required and nothing else, references and unions followed."""
    made = example(SCHEMA)
    jsonschema.validate(made, SCHEMA)
    assert set(made) == set(SCHEMA["required"])
    assert made["kind"] == "return"


def test_the_agent_calls_a_tool_and_then_talks() -> None:
    """After a user's message a tool that is offered, the same for the same conversation; after its result, text; without tools, text."""
    chosen = {ask(("user", f"request {number}"), tools=TOOLS).tools[0].name for number in range(30)}
    assert chosen == {"look", "change", "send"}
    assert ask(("user", "a"), tools=TOOLS) == ask(("user", "a"), tools=TOOLS)
    assert ask(("user", "a"), ("assistant", ""), ("tool", "done"), tools=TOOLS).text
    assert ask(("user", "a")).text
    assert not ask(("user", "a"), tools=TOOLS, tool_choice="none").tools
    named = {"type": "function", "function": {"name": "send"}}
    assert ask(("user", "a"), tools=TOOLS, tool_choice=named).tools[0].name == "send"
    assert ask(("user", "a"), ("assistant", ""), ("tool", "done"), tools=TOOLS, tool_choice="required").tools


def test_a_load_generator_gets_the_tokens_that_it_asks_for() -> None:
    """With vLLM's `ignore_eos` a reply has exactly the limit's tokens, tools or not; without it the limit is ignored."""
    for name in ("max_tokens", "max_completion_tokens"):
        reply = ask(("user", "a"), tools=TOOLS, ignore_eos=True, **{name: 37})
        assert (len(list(pieces_of(reply))), reply.finish()) == (37, "length")
    assert ask(("user", "a"), tools=TOOLS, max_tokens=37).tools


def test_the_user_talks_and_then_stops() -> None:
    """As a user simulator it says `turns` things and ends the conversation, calling no tool even where it has some."""
    system = ("system", "Say ###STOP### when you are done.")
    talk = [system, ("user", "Hi!")]
    said = []
    for _ in range(SETTINGS.turns + 1):
        reply = ask(*talk, tools=TOOLS)
        assert not reply.tools
        said.append(str(reply.text))
        talk += [("assistant", said[-1]), ("user", "And?")]
    assert ["###STOP###" in text for text in said] == [False] * SETTINGS.turns + [True]


def test_the_judge_answers_in_json() -> None:
    """tau2's question about expected outcomes gets one result for each; its question about loops a yes or no."""
    asked = [("system", 'FORMAT: {"results": []}'), ("user", "conversation:\nassistant: hi\nexpectedOutcomes:\n['a', 'b']")]
    assert [result["expectedOutcome"] for result in json.loads(str(ask(*asked).text))["results"]] == ["a", "b"]
    assert ask(("user", 'Is it stuck? Answer with only "yes" or "no".')).text in ("yes", "no")


def test_both_protocols_say_the_same_to_the_server() -> None:
    """One conversation, told in OpenAI's and in Anthropic's form, is the same conversation: roles, texts, tools."""
    gpt = read_openai({
        "model": "m", "tools": TOOLS[:1], "stream": True, "stream_options": {"include_usage": True},
        "messages": [
            {"role": "developer", "content": "be kind"}, {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "found"},
        ],
    })  # fmt: skip
    claude = read_anthropic({
        "model": "m", "system": [{"type": "text", "text": "be kind"}], "stream": True,
        "tools": [{"name": "look", "input_schema": SCHEMA}],
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "found"}]}]},
        ],
    })  # fmt: skip
    for one in (gpt, claude):
        assert [(message["role"], message["content"]) for message in one.messages] == [
            ("system", "be kind"), ("user", "hello"), ("assistant", ""), ("tool", "found"),
        ]  # fmt: skip
        assert [tool["name"] for tool in one.tools] == ["look"]
        assert (one.stream, one.wants_usage, one.tools[0]["parameters"]) == (True, True, SCHEMA)


@pytest.mark.parametrize("body", [None, [], {}, {"messages": []}, {"messages": "x"}, {"messages": [{"role": "user", "content": 3}]}])
def test_what_is_no_request_is_refused(body: Any) -> None:
    """With a sentence, in both protocols, never with a bug's exception."""
    for read in (read_openai, read_anthropic):
        with pytest.raises(BadRequest):
            read(body)


@given(st.lists(st.text(max_size=9), max_size=4), st.text(max_size=30), st.text(max_size=30))
def test_pieces_put_together_are_the_reply(arguments: list[str], text: str, reasoning: str) -> None:
    """Each block opens once and closes once, in order, and holds its text; a tool call's first piece is its name alone."""
    reply = Reply(text=text, reasoning=reasoning, tools=tuple(ToolUse("t", one) for one in arguments))
    pieces = pieces_of(reply)
    assert "".join(piece.text for piece in pieces if piece.kind == "text") == text
    assert "".join(piece.text for piece in pieces if piece.kind == "reasoning") == reasoning
    for number, one in enumerate(arguments):
        first, *rest = [piece for piece in pieces if piece.kind == "tool" and piece.tool == number]
        assert (first.opens, first.text, "".join(piece.text for piece in rest)) == (True, "", one)
    for place in {piece.place for piece in pieces}:
        block = [piece for piece in pieces if piece.place == place]
        assert [piece.opens for piece in block] == [True] + [False] * (len(block) - 1)
        assert [piece.closes for piece in block] == [False] * (len(block) - 1) + [True]
    assert [piece.place for piece in pieces] == sorted(piece.place for piece in pieces)


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_a_malformed_call_is_no_json(arguments: dict[str, int]) -> None:
    """Whatever the arguments were."""
    spoiled = spoil(Reply(tools=(ToolUse("t", json.dumps(arguments)),)), "malformed_tool")
    with pytest.raises(ValueError):
        json.loads(spoiled.tools[0].arguments)


def test_a_prefix_is_known_in_whole_blocks_and_never_to_its_end() -> None:
    """The longest common beginning with an earlier text counts; the same words elsewhere do not; old texts are forgotten."""
    block = BLOCK_TOKENS * 4
    cache = PrefixCache(capacity=8)
    first = "a" * block + "b" * block + "c" * 10
    assert [cache.look_up(text) for text in (first, first, first + "d" * block)] == [0, 2 * BLOCK_TOKENS, 2 * BLOCK_TOKENS]
    assert cache.look_up("a" * block + "x" * block) == BLOCK_TOKENS
    assert cache.look_up("a" * block) == 0
    assert cache.look_up("b" * block * 2) == 0
    for number in range(8):
        cache.look_up(f"{number}" * block)
    assert cache.look_up(first) == 0


def test_a_wait_that_is_given_up_loses_no_place() -> None:
    """Even when it is given up in the moment in which its turn comes."""

    async def play() -> tuple[int, int]:
        batch = Batch(1)
        await batch.enter()
        waits = [asyncio.create_task(batch.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waits[1].cancel()
        batch.leave()  # the first one's turn has come, and it has not noticed yet
        waits[0].cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        taken = batch.running, batch.waiting
        batch.leave()
        assert batch.running == 0
        return taken

    assert asyncio.run(play()) == (1, 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ttft_ms": -1}, r"ttft_ms is -1; give a number"),
        ({"itl_ms": float("nan")}, r"itl_ms is nan"),
        ({"batch_size": 0}, r"batch_size is 0; give a whole number"),
        ({"faults": {"fire": 1.0}}, r"no fault 'fire'; there are rate_limit, "),
        ({"faults": {"reset": 2}}, r"the rate of reset is 2; give a number from 0 to 1"),
        ({"faults": {"reset": 0.6, "hang": 0.6}}, r"add up to 1.2; at most 1"),
        ({"metric_names": "newest"}, r"metric_names is 'newest'; give one of new, old"),
        ({"models": ()}, r"no model; name at least one"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], said: str) -> None:
    """With its value and what to do."""
    with pytest.raises(UserError, match=said):
        ServerSettings(**wrong)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no model; give a name first"),
        (["m", "--faults", "{"], "--faults is '{', which is not JSON"),
        (["m", "--faults", "[1]"], r"faults is \[1\]; give rates by name"),
        (["m", "--port", "70000"], "--port is 70000; give a number from 0 to 65535"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(words: list[str], said: str) -> None:
    """Not a traceback."""
    with pytest.raises(UserError, match=said):
        read_options(words)


def test_the_command_line_takes_vllms_names() -> None:
    """Its names for the batch and the longest context are understood; what means nothing here is kept apart."""
    options = read_options(["serve", "org/m", "--max-num-seqs", "8", "--max-model-len", "900", "--dtype", "auto", "--port", "8001"])
    assert (options.settings.models, options.settings.batch_size, options.settings.max_context, options.port) == (("org/m",), 8, 900, 8001)
    assert options.ignored == ("--dtype", "auto")
    assert read_options(["--model", "m"]).settings.models == ("m",)
