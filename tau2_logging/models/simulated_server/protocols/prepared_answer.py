"""A reply made ready to be sent: its pieces, what it counts, when each piece goes out."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tau2_logging.models.simulated_server.protocols.completion import Piece, Reply, ToolUse, pieces_of
from tau2_logging.models.simulated_server.protocols.prompt import Prompt
from tau2_logging.models.simulated_server.settings import ServerSettings


@dataclass(frozen=True)
class TokenUsage:
    """Tokens. `prompt` includes `cached`, `completion` includes `reasoning`."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class PreparedAnswer:
    """Everything a protocol needs to write a response. `digits` are 24 hexadecimal ones for its ids; `finish` is None if it is cut."""

    model: str
    reply: Reply
    pieces: tuple[Piece, ...]
    usage: TokenUsage
    digits: str
    created: int
    finish: str | None
    with_usage: bool

    def tool_id(self, tool: int, use: ToolUse, prefix: str) -> str:
        """Return the id of a tool call: its own, or one made of the response's."""
        return use.id or f"{prefix}{self.digits[:-2]}{tool:02x}"


def answer_to(prompt: Prompt, reply: Reply, settings: ServerSettings, cached: int, number: int, created: int) -> PreparedAnswer:
    """Return the answer to request `number`; `cached` tokens of its prompt were known."""
    pieces = tuple(pieces_of(reply))
    thought = sum(piece.kind == "reasoning" for piece in pieces)
    usage = TokenUsage(
        prompt=_given(reply.prompt_tokens, prompt.tokens),
        completion=_given(reply.completion_tokens, len(pieces)),
        cached=_given(reply.cached_tokens, cached),
        reasoning=_given(reply.reasoning_tokens, thought),
    )
    digits = f"{random.Random(f'{settings.seed}|id|{number}').getrandbits(96):024x}"
    finish = None if reply.fault == "stream_end" else reply.finish()
    with_usage = settings.stream_usage and prompt.wants_usage if prompt.stream else True
    return PreparedAnswer(prompt.model, reply, pieces, usage, digits, created, finish, with_usage)


def _given(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


@dataclass(frozen=True)
class Timetable:
    """When things are due, in monotonic seconds: each piece at a fixed distance from the first, so that delays do not add up."""

    begun_s: float
    ttft_s: float
    itl_s: float
    pieces: int

    @classmethod
    def of(cls, answer: PreparedAnswer, settings: ServerSettings, begun_s: float) -> Timetable:
        """For an answer whose prefill starts now."""
        reply = answer.reply
        ttft_ms = settings.ttft_ms if reply.ttft_ms is None else reply.ttft_ms
        itl_ms = settings.itl_ms if reply.itl_ms is None else reply.itl_ms
        return cls(begun_s, ttft_ms / 1000, itl_ms / 1000, len(answer.pieces))

    def due_s(self, piece: int) -> float:
        """Return when a piece goes out, counted from 0."""
        return self.begun_s + self.ttft_s + piece * self.itl_s

    @property
    def decode_s(self) -> float:
        """From the first piece to the last."""
        return max(self.pieces - 1, 0) * self.itl_s
