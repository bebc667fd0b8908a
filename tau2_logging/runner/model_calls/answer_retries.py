"""Whether a call that was answered is made again: its answer gave no message, and another attempt may give one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import litellm

from tau2_logging.instrument.model_calls.no_answer import is_answer
from tau2_logging.instrument.model_calls.reply import EMPTY_REPLY, MALFORMED_JSON, ModelReply, read_reply
from tau2_logging.instrument.wire.protocol import read_json
from tau2_logging.models.scripted.provider import PROVIDER

REPEATS_OF_DETERMINISTIC = 1
"""The same request with temperature 0 or the same seed gives the same answer, up to a rare rounding error on the server."""


def reply_of(response: Any) -> ModelReply | None:
    """Return a client's response, read: litellm's, that of the openai or the anthropic SDK, or the raw response of either. None for a
    stream and for anything that is not read here."""
    if hasattr(response, "choices"):
        return read_reply(response) if response.choices or not getattr(response, "error", None) else None
    body = _body(response)
    return read_reply(body) if body is not None and is_answer(body) else None


def _body(response: Any) -> Mapping[str, Any] | None:
    raw = getattr(response, "http_response", None)
    if raw is not None:
        return read_json(raw.content) if raw.is_closed and raw.is_stream_consumed else None
    if getattr(response, "type", None) == "message" or getattr(response, "object", None) == "response":
        return response.model_dump(warnings=False)  # type: ignore[no-any-return]
    return None


def may_be_mended(reply: ModelReply | None) -> bool:
    """Return whether another attempt may give a usable answer. A refusal is an answer, and comes again."""
    return reply is not None and reply.problem in (EMPTY_REPLY, MALFORMED_JSON)


def is_deterministic(arguments: Mapping[str, Any], model: str | None = None) -> bool:
    """Return whether a request asks for the same answer each time: temperature 0, or a seed. `model` is litellm's name of it if litellm
    makes the request: it leaves out what the model does not take. The scripted models draw their faults again for each attempt."""
    if model is not None and model.startswith(f"{PROVIDER}/"):
        return False
    given = {**arguments, **(arguments.get("extra_body") or {})}
    fixed = {"temperature": given.get("temperature") == 0, "seed": given.get("seed") is not None}
    return any(is_fixed and _is_sent(model, name) for name, is_fixed in fixed.items())


@lru_cache(maxsize=256)
def _is_sent(model: str | None, argument: str) -> bool:
    if model is None:
        return True
    try:
        sent = litellm.get_supported_openai_params(model=model)
    except Exception:
        return True
    return not sent or argument in sent
