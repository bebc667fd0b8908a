"""What a failure of a model call is called, by whichever library it is raised.

Clients put their own exceptions around those of the connection, and litellm calls a refused connection an InternalServerError. What
went wrong on the wire is what the user has to know, so it gives the name.
"""

from __future__ import annotations

import re

from tau2_logging.instrument.model_calls.reply import STREAM_CUT
from tau2_logging.logger.call_problem import causes
from tau2_logging.logger.content.error_text import error_text

_STATUS_NAMES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    408: "Timeout",
    413: "BadRequestError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
    504: "Timeout",
}
_TIMEOUTS = ("APITimeoutError", "ReadTimeout", "ConnectTimeout", "WriteTimeout", "PoolTimeout", "TimeoutException")
_CONTEXT_WORDS = re.compile(
    r"context[_ ](length|size|window|limit)|maximum (model|prompt|allowed|input) length|(input|prompt|request) is too (long|large)"
    r"|too many (input |prompt )?tokens|maximum number of (input )?tokens|reduce the length of the (messages|prompt|input)"
    r"|tokens`? (plus|\+) `?max_(new_)?tokens|exceeds the (available|maximum) context|longer than the (maximum )?(model|context)",
    re.IGNORECASE,
)
"""How servers say that a prompt does not fit (OpenAI, Anthropic, Gemini, Mistral, Groq, xAI, Bedrock, vLLM, SGLang, TGI, llama.cpp)."""
CONTEXT_EXCEEDED = "ContextWindowExceededError"
_CONTEXT_STATUS = (400, 413, 422)
_LONGEST_READ = 5000
_HTTP_PACKAGES = ("httpx", "httpx2")


class HttpFailure(Exception):
    """A server's answer that is none of a model, to a request of which nobody has said yet that it failed: with a status of 400 or more,
    or with 200 and an error as its body, which may say the status that was `meant`."""

    def __init__(self, status: int, text: str, meant: int | None = None) -> None:
        super().__init__(f"HTTP {status}: {text}")
        self.status_code = meant or status
        self.text = text


def failure_name(error: BaseException) -> str:
    """Return `ReadError`, `StreamCut`, ... for what went wrong on the wire, `Timeout` for any timeout, ContextWindowExceededError if
    the prompt was too long, else the exception's class."""
    wire = wire_failure(error)
    if wire is not None:
        return wire
    if is_context_error(error):
        return CONTEXT_EXCEEDED
    if isinstance(error, HttpFailure):
        others = "InternalServerError" if error.status_code >= 500 else "BadRequestError" if error.status_code >= 400 else "APIError"
        return _STATUS_NAMES.get(error.status_code, others)
    return type(error).__name__


def wire_failure(error: BaseException) -> str | None:
    """Return the name of what went wrong between here and the server; None if it answered."""
    for cause in causes(error):
        package = type(cause).__module__.split(".")[0]
        name = type(cause).__name__
        if name in _TIMEOUTS:
            return "Timeout"
        if package in _HTTP_PACKAGES and ((name.endswith("Error") and not name.startswith("HTTPStatus")) or name == STREAM_CUT):
            return name
    return None


def is_context_error(error: BaseException) -> bool:
    """Return whether a provider refused a prompt for its length: asking again cannot help."""
    if type(error).__name__ == CONTEXT_EXCEEDED:
        return True
    if getattr(error, "status_code", None) not in _CONTEXT_STATUS:
        return False
    return _CONTEXT_WORDS.search(error_text(error)[:_LONGEST_READ]) is not None
