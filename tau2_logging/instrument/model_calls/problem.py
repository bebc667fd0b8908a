"""A model call's problem, from the answer it got or the exception it raised."""

from __future__ import annotations

from tau2_logging.instrument.model_calls.failure import HttpFailure, failure_name
from tau2_logging.instrument.model_calls.reply import EMPTY_REPLY, MALFORMED_JSON, REFUSAL, STREAM_CUT, ModelReply
from tau2_logging.logger.call_problem import CallProblem
from tau2_logging.logger.content.error_text import error_text

_WORDS = {
    EMPTY_REPLY: "the reply held neither text nor a tool call",
    MALFORMED_JSON: "the arguments of a tool call were not a JSON object",
    REFUSAL: "the model refused to answer",
    STREAM_CUT: "the stream ended without a finish reason",
}

_TELLING, _LOOKED_AT = 80, 2000
"""Characters of a server's message that tell it from others, and of a client's in which they are looked for."""


def problem_of_reply(role: str | None, reply: ModelReply, name: str) -> CallProblem:
    """Return what was wrong with a reply, with what tells why: `finish_reason=length` and the tokens that were spent."""
    facts = {name: getattr(reply, name) for name in ("finish_reason", "output_tokens", "reasoning_tokens")}
    shown = ", ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    words = _WORDS.get(name, name)
    return CallProblem(role, name, f"{words} ({shown})" if shown else words)


def problem_of_error(role: str | None, error: BaseException, held: BaseException | None = None) -> CallProblem:
    """Return what a call raised. A server's refusal that nobody has raised is an answer; `held` is the one below the exception, whose
    words some clients leave out."""
    raised = None if isinstance(error, HttpFailure) else error
    said = error_text(error)
    if isinstance(held, HttpFailure) and _letters(held.text[:_TELLING]) not in _letters(said[:_LOOKED_AT]):
        said = f"{held} ({said[:_LOOKED_AT]})" if said else str(held)
    return CallProblem(role, failure_name(error), said, raised)


def _letters(text: str) -> str:
    """Without quotes, escapes and spaces, which clients write in their own ways."""
    return "".join(character for character in text if character.isalnum())
