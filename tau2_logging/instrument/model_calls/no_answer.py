"""A response with status 200 that holds no answer of a model: an error that a proxy passes on, the page of a portal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tau2_logging.instrument.model_calls.failure import HttpFailure
from tau2_logging.instrument.wire.protocol import read_json

_CODES = ("code", "status", "status_code")
_LONGEST = 1000


def failure_in(content: bytes) -> HttpFailure | None:
    """Return what is wrong with the body of a response whose status says that nothing is; None if it holds an answer."""
    body = read_json(content)
    if not isinstance(body, Mapping):
        return HttpFailure(200, content[:_LONGEST].decode("utf-8", "replace") or "an empty body")
    if is_answer(body):
        return None
    return HttpFailure(200, said_in(body, content[:_LONGEST].decode("utf-8", "replace")), _code_of(body.get("error", body)))


def said_in(body: Any, text: str) -> str:
    """Return the message of an error's body; its text if it is of another shape."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    message = error.get("message") if isinstance(error, Mapping) else error
    return str(message if isinstance(message, str) and message else text)[:_LONGEST]


def is_answer(body: Mapping[str, Any]) -> bool:
    """Return whether the JSON of a response is that of a chat completion, a message or a response, and not an error in its place."""
    if isinstance(body.get("choices"), list) and (body["choices"] or not body.get("error")):
        return True
    return body.get("type") == "message" or (body.get("object") == "response" and not (body.get("error") and not body.get("output")))


def _code_of(error: Any) -> int | None:
    codes = [error.get(name) for name in _CODES] if isinstance(error, Mapping) else []
    return next((code for code in codes if isinstance(code, int) and 400 <= code < 600), None)
