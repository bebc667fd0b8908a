"""What the server answers, as a model would: text, tool calls, reasoning, a refusal; and what may go wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tau2_logging.errors import UserError

REFUSED_AT_ONCE = ("rate_limit", "server_error", "overloaded", "bad_gateway", "context_length", "bad_key")
"""Faults that are an error response before the model sees the request."""
BEFORE_THE_MODEL = (*REFUSED_AT_ONCE, "reset", "hang")
SPOILED = ("malformed_tool", "empty_reply", "tool_as_text")
"""Faults of the model's own words: the response itself is in order. `tool_as_text` is one of streams alone: the parser of whole answers
finds the call that the parser of streams lets pass as text."""
FAULTS = (*BEFORE_THE_MODEL, "stream_cut", "stream_end", "stream_error", *SPOILED)
"""Everything that can be made to go wrong with a response."""

PIECE_LENGTH = 4
Kind = Literal["reasoning", "text", "refusal", "tool"]


@dataclass(frozen=True)
class ToolUse:
    """A tool call as a model writes it: `arguments` is text, which need not be JSON; `id` is made up when it is None."""

    name: str
    arguments: str = "{}"
    id: str | None = None


@dataclass(frozen=True)
class Reply:
    """What the server says to one request; whatever is None follows from the request and the settings.

    `tokens` are the pieces in which `text` is sent (by default about 4 characters each); `fault` is one of FAULTS; the *_tokens override
    what is counted (in tokens), the *_ms what the settings say (in milliseconds). `plain` is said instead to a request that is no stream,
    as servers with two parsers do. Raises UserError for a fault that does not exist.
    """

    text: str | None = None
    tools: tuple[ToolUse, ...] = ()
    reasoning: str | None = None
    refusal: str | None = None
    finish_reason: str | None = None
    fault: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    ttft_ms: float | None = None
    itl_ms: float | None = None
    tokens: Sequence[str] | None = None
    plain: Reply | None = None

    def __post_init__(self) -> None:
        if self.fault is not None and self.fault not in FAULTS:
            raise UserError(f"simulated server: no fault {self.fault!r}; there are {', '.join(FAULTS)}")
        if self.tokens is not None and self.text is None:
            object.__setattr__(self, "text", "".join(self.tokens))

    def finish(self) -> str:
        """Return OpenAI's finish reason: the one given, or what a model would have."""
        return self.finish_reason or ("tool_calls" if self.tools else "stop")


@dataclass(frozen=True)
class Piece:
    """What is sent in one go, one token of the reply: part of a block (a text, a tool call), which it may open and close.

    `place` counts the blocks, `tool` the tool calls, both from 0. The first piece of a tool call is its name and has no text.
    """

    kind: Kind
    text: str
    place: int
    opens: bool
    closes: bool
    use: ToolUse | None = None
    tool: int = 0


def pieces_of(reply: Reply) -> list[Piece]:
    """Return a reply as it is streamed: reasoning, text, refusal, then the tool calls one after another."""
    found: list[Piece] = []
    for place, (kind, texts, use, tool) in enumerate(_blocks(reply)):
        last = len(texts) - 1
        found += [Piece(kind, text, place, at == 0, at == last, use, tool) for at, text in enumerate(texts)]
    return found


def _blocks(reply: Reply) -> Iterator[tuple[Kind, Sequence[str], ToolUse | None, int]]:
    if reply.reasoning:
        yield "reasoning", _cut(reply.reasoning), None, 0
    if reply.text:
        yield "text", reply.tokens or _cut(reply.text), None, 0
    if reply.refusal:
        yield "refusal", _cut(reply.refusal), None, 0
    for tool, use in enumerate(reply.tools):
        yield "tool", ["", *_cut(use.arguments)], use, tool


def _cut(text: str) -> list[str]:
    return [text[at : at + PIECE_LENGTH] for at in range(0, len(text), PIECE_LENGTH)]


def spoil(reply: Reply, fault: str | None) -> Reply:
    """Return the reply with a fault of the model in it; another fault leaves it as it is."""
    if fault == "tool_as_text" and reply.tools:
        calls = "".join(f'<tool_call>{{"name": "{use.name}", "arguments": {use.arguments}}}</tool_call>' for use in reply.tools)
        return replace(reply, text=(reply.text or "") + calls, tools=(), tokens=None, plain=reply)
    if fault == "empty_reply":
        return replace(reply, text=None, tools=(), reasoning=None, refusal=None, tokens=None)
    if fault == "malformed_tool":
        first, *rest = reply.tools or (ToolUse("lookup"),)
        return replace(reply, tools=(replace(first, arguments=first.arguments[: max(len(first.arguments) // 2, 1)]), *rest))
    return reply
