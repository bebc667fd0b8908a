"""An error inside a stream that started with 200: which status the same request would have been answered with."""

from __future__ import annotations

from typing import Any

_NAMES = (
    (("rate_limit", "too_many_requests", "tokens_exceeded", "insufficient_quota", "quota", "resource_exhausted"), 429),
    (("context_length", "context_size", "context_window", "invalid_request", "invalid_prompt", "invalid_argument", "bad_request"), 400),
    (("authentication", "invalid_api_key", "unauthenticated"), 401),
    (("permission", "forbidden"), 403),
    (("not_found",), 404),
    (("too_large",), 413),
    (("overloaded",), 529),
    (("unavailable",), 503),
    (("timeout", "deadline_exceeded"), 504),
    (("server_error", "api_error", "internal"), 500),
)
_CONTEXT = ("context length", "context size", "context window", "prompt is too long")


class ProviderError(Exception):
    """A stream brought an error in place of its end. `status` is what the same request is answered with without a stream, None if that
    cannot be told; `body` is the answer's body."""

    def __init__(self, status: int | None, body: Any, message: str = "") -> None:
        super().__init__(message or f"the provider ended the stream with an error: {str(body)[:300]}")
        self.status = status
        self.body = body


def status_of(error: Any) -> int | None:
    """Return the HTTP status that an error object means: its number (FastChat's have five digits and start with none of HTTP's meaning),
    else what its code, type and words say. None if they say nothing that is known."""
    if not isinstance(error, dict):
        return _by_words(str(error))
    for name in ("code", "status", "status_code"):
        value = error.get(name)
        number = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else 0
        if 400 <= number < 600:
            return number
    named = (str(error.get(name) or "").lower() for name in ("code", "type", "status"))
    found = (_by_name(text) for text in named)
    return next((status for status in found if status is not None), None) or _by_words(str(error.get("message") or ""))


def _by_name(text: str) -> int | None:
    return next((status for words, status in _NAMES if any(word in text for word in words)), None)


def _by_words(message: str) -> int | None:
    return 400 if any(words in message.lower() for words in _CONTEXT) else None
