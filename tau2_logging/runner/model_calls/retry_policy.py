"""Which failures of a model call are worth another attempt, and after what pause."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tau2_logging.instrument.model_calls.failure import is_context_error, wire_failure
from tau2_logging.logger.call_problem import causes

_RETRIED_STATUS = frozenset((408, 409, 425, 429))
_FATAL_NAMES = frozenset(("ContextWindowExceededError", "AuthenticationError", "PermissionDeniedError", "NotFoundError", "BadRequestError"))
_CONNECTION_NAMES = frozenset(("APIConnectionError", "APITimeoutError"))
_LITELLM_HEADERS = "litellm_response_headers"


@dataclass(frozen=True)
class RetryPolicy:
    """`max_retries` more attempts; before the n-th the wait is `first_wait_s` * 2^(n-1), at most `longest_wait_s`, times 0.5 to 1.5, or
    what the provider asks for. No wait is longer than `max_wait_s`."""

    max_retries: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    max_wait_s: float = 120.0

    def wait_s(self, retry: int, error: BaseException | None, jitter: float) -> float:
        """Return seconds before retry number `retry` (1-based). A provider's Retry-After is obeyed. `jitter` is in 0..1."""
        asked = retry_after_s(error)
        own = min(self.first_wait_s * 2.0 ** (retry - 1), self.longest_wait_s) * (0.5 + jitter)
        return min(own if asked is None else asked, self.max_wait_s)

    def cut_s(self, error: BaseException | None) -> float | None:
        """Return the seconds a provider asked for, if that is longer than is waited."""
        asked = retry_after_s(error)
        return asked if asked is not None and asked > self.max_wait_s else None


def retry_after_s(error: BaseException | None) -> float | None:
    """Return the seconds for which a provider's answer asks, None if it says nothing readable: `retry-after-ms`, or Retry-After in
    seconds or as a date (RFC 9110, 10.2.3). May be infinite."""
    asked = (_asked_s(headers) for cause in causes(error) for headers in _headers(cause)) if error is not None else iter(())
    return next((seconds for seconds in asked if seconds is not None), None)


def _headers(error: BaseException) -> Iterator[dict[str, str]]:
    """litellm puts a provider's headers in one place or another, and answers with none in the place where the SDKs have them."""
    for place, name in ((getattr(error, "response", None), "headers"), (error, _LITELLM_HEADERS)):
        found = getattr(place, name, None)
        yield {str(key).lower(): str(value).strip() for key, value in dict(found or {}).items()}


def _asked_s(headers: dict[str, str]) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms", "")) / 1000
    text = headers.get("retry-after", "")
    asked = (milliseconds, _number(text), _until(text))
    return next((seconds for seconds in asked if seconds >= 0), None)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _until(date: str) -> float:
    try:
        return max(parsedate_to_datetime(date).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError, IndexError):
        return math.nan


def is_retryable(error: BaseException) -> bool:
    """Return whether the same call may succeed when it is made again: rate limits, server errors, broken connections, timeouts."""
    name = type(error).__name__
    if name in _FATAL_NAMES or is_context_error(error):
        return False
    if wire_failure(error) is not None or name in _CONNECTION_NAMES:
        return True
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and (status in _RETRIED_STATUS or status >= 500)
