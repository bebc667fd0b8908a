"""Which failures are tried again, after how long, and what they are called."""

from __future__ import annotations

import email.utils
import time
from typing import Any

import httpx
import pytest

from tau2_logging.instrument.model_calls.failure import HttpFailure, failure_name
from tau2_logging.runner.model_calls.retry_policy import RetryPolicy, is_retryable, retry_after_s

openai = pytest.importorskip("openai")
REQUEST = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")


def status_error(status: int, headers: dict[str, str] | None = None, body: Any = None) -> Exception:
    """As the openai SDK raises it."""
    client = openai.OpenAI(api_key="x")
    return client._make_status_error_from_response(httpx.Response(status, headers=headers, json=body or {}, request=REQUEST))  # type: ignore[no-any-return]


def caused(outer: Exception, cause: Exception) -> Exception:
    """`raise outer from cause`."""
    outer.__cause__ = cause
    return outer


CONTEXT = {"error": {"message": "This model's maximum context length is 8 tokens", "code": "context_length_exceeded"}}


@pytest.mark.parametrize(
    ("error", "name", "again"),
    [
        (status_error(429), "RateLimitError", True),
        (status_error(500), "InternalServerError", True),
        (status_error(503), "InternalServerError", True),
        (status_error(408), "APIStatusError", True),
        (status_error(400), "BadRequestError", False),
        (status_error(401), "AuthenticationError", False),
        (status_error(404), "NotFoundError", False),
        (status_error(400, body=CONTEXT), "ContextWindowExceededError", False),
        (caused(openai.APIConnectionError(request=REQUEST), httpx.ConnectError("refused")), "ConnectError", True),
        (caused(openai.APITimeoutError(request=REQUEST), httpx.ReadTimeout("late")), "Timeout", True),
        (openai.APIConnectionError(request=REQUEST), "APIConnectionError", True),
        (HttpFailure(429, "slow down"), "RateLimitError", True),
        (HttpFailure(502, "<html>"), "BadGatewayError", True),
        (HttpFailure(418, "teapot"), "BadRequestError", False),
        (ValueError("not a model's fault"), "ValueError", False),
    ],
)
def test_a_failure_has_its_name_and_is_tried_again_where_that_can_help(error: Exception, name: str, again: bool) -> None:
    """What the wire says goes before what a client calls it."""
    assert (failure_name(error), is_retryable(error)) == (name, again)


def test_a_chain_of_causes_without_end_is_no_trouble() -> None:
    """Exceptions that name each other as their cause."""
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert failure_name(first) == "ValueError"


def test_retry_after_is_obeyed_in_seconds_or_as_a_date_wherever_it_stands() -> None:
    """In the answer an SDK keeps, in the headers litellm keeps, in the error that caused this one; nonsense is none."""
    assert retry_after_s(status_error(429, {"retry-after": "7.5"})) == 7.5
    kept = Exception("litellm's")
    kept.litellm_response_headers = {"retry-after": "3"}  # type: ignore[attr-defined]
    assert retry_after_s(kept) == 3.0
    assert retry_after_s(caused(Exception("outer"), status_error(429, {"retry-after": "2"}))) == 2.0
    soon = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 50 < (retry_after_s(status_error(429, {"retry-after": soon})) or 0) <= 60
    for nonsense in ("soon", "-1", "-inf", "nan", "", "Wed, 99 Nov 2026 99:99:99 GMT", "Fri, 01 Jan 999999 00:00:00 GMT"):
        assert retry_after_s(status_error(429, {"retry-after": nonsense})) is None
    assert retry_after_s(status_error(429, {"Retry-After-Ms": "1500", "Retry-After": "2"})) == 1.5
    assert retry_after_s(status_error(429, {"retry-after-ms": "-5", "retry-after": "2"})) == 2.0
    assert retry_after_s(None) is None


@pytest.mark.parametrize("asked", ["121", "1e9", "1e400", "inf", "Fri, 31 Dec 2100 00:00:00 GMT"])
def test_no_provider_makes_a_call_wait_longer_than_the_setting(asked: str) -> None:
    """Whatever it asks for, and in whatever form; what it asked for is known."""
    policy = RetryPolicy(max_wait_s=120.0)
    error = status_error(429, {"retry-after": asked})
    assert policy.wait_s(1, error, 0.5) == 120.0
    assert (policy.cut_s(error) or 0) > 120.0
    assert policy.cut_s(status_error(429, {"retry-after": "119"})) is None
    assert RetryPolicy(max_wait_s=0.1).wait_s(5, None, 0.5) == 0.1


def test_pauses_grow_with_jitter_up_to_the_longest() -> None:
    """Doubling from half a second, times 0.5 to 1.5; the provider's own word goes before."""
    policy = RetryPolicy()
    assert [policy.wait_s(retry, None, 0.5) for retry in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert (policy.wait_s(1, None, 0.0), policy.wait_s(1, None, 1.0)) == (0.25, 0.75)
    assert policy.wait_s(30, None, 0.5) == 60.0
    assert policy.wait_s(30, status_error(429, {"retry-after": "1"}), 0.5) == 1.0
