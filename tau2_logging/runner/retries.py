"""One layer retries a model call: this one. What litellm and the SDKs under it would do in secret is turned off.

A failed attempt is an event of its own, and so is the wait before the next one: it is not model time.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from tau2_logging.instrument.failure import causes, failure_name, is_context_error, wire_failure
from tau2_logging.instrument.litellm import wrap_completions
from tau2_logging.instrument.model_call import ATTEMPT
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.reply import read_reply
from tau2_logging.instrument.wire import protocol_of
from tau2_logging.logger.context import current
from tau2_logging.logger.error_text import error_text
from tau2_logging.logger.masking import mask_text, shorten

_RETRIED_STATUS = frozenset((408, 409, 425, 429))
_FATAL_NAMES = frozenset(("ContextWindowExceededError", "AuthenticationError", "PermissionDeniedError", "NotFoundError", "BadRequestError"))
_CONNECTION_NAMES = frozenset(("APIConnectionError", "APITimeoutError"))
_HIDDEN_RETRIES_OFF = {"num_retries": 0, "max_retries": 0}
_SDKS = ("openai", "anthropic")
_LONGEST_ASKED_S = 3600.0
_LITELLM_HEADERS = "litellm_response_headers"

_INSIDE: ContextVar[bool] = ContextVar("tau2_logging_inside_retries", default=False)
"""A call is being made under this layer: what it calls in turn is not retried by itself."""


@dataclass(frozen=True)
class RetryPolicy:
    """`max_retries` more attempts; before the n-th the wait is `first_wait_s` * 2^(n-1), at most `longest_wait_s`, times 0.5 to 1.5."""

    max_retries: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0

    def wait_s(self, retry: int, error: BaseException | None, jitter: float) -> float:
        """Seconds before retry number `retry` (1-based). A provider's Retry-After is obeyed. `jitter` is in 0..1."""
        asked = retry_after_s(error)
        if asked is not None:
            return asked
        return min(self.first_wait_s * 2.0 ** (retry - 1), self.longest_wait_s) * (0.5 + jitter)


def retry_after_s(error: BaseException | None) -> float | None:
    """What a provider's answer says in its Retry-After header (RFC 9110, 10.2.3: seconds or a date), in seconds; None where it says
    nothing readable."""
    text = next((text for text in map(_retry_after, causes(error) if error is not None else ()) if text), "")
    try:
        value = float(text)
    except ValueError:
        value = _until(text)
    return value if 0 <= value <= _LONGEST_ASKED_S else None


def _retry_after(error: BaseException) -> str:
    """litellm puts a provider's headers in one place or another, and answers with none in the place where the SDKs have them."""
    headers = [getattr(place, name, None) for place, name in ((getattr(error, "response", None), "headers"), (error, _LITELLM_HEADERS))]
    return next((str(found["retry-after"]).strip() for found in headers if found and found.get("retry-after")), "")


def _until(date: str) -> float:
    try:
        return max(parsedate_to_datetime(date).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return float("nan")


def is_retryable(error: BaseException) -> bool:
    """Whether the same call may succeed when it is made again: rate limits, server errors, broken connections, time-outs."""
    name = type(error).__name__
    if name in _FATAL_NAMES or is_context_error(error):
        return False
    if wire_failure(error) is not None or name in _CONNECTION_NAMES:
        return True
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and (status in _RETRIED_STATUS or status >= 500)


class Retries:
    """Wraps what makes model calls, while it is installed: litellm's functions, wherever they are bound, and the two SDKs' requests.

    `request_timeout_s` is given to calls that have none of their own.
    """

    def __init__(self, policy: RetryPolicy, request_timeout_s: float | None = None) -> None:
        self._policy = policy
        self._timeout_s = request_timeout_s
        self._random = random.Random(0)
        self._patches = Patches()

    def install(self) -> None:
        """Put the layer on top of whatever is there, measurement included."""
        importlib.import_module("tau2.utils.llm_utils")
        wrap_completions(self._patches, self._completion, self._acompletion)
        for package in _SDKS:
            module = sys.modules.get(f"{package}._base_client")
            if module is not None:
                self._patches.method(module.SyncAPIClient, "request", self._request)
                self._patches.method(module.AsyncAPIClient, "request", self._request_async)

    def uninstall(self) -> None:
        """Take it off."""
        self._patches.restore()

    def _completion(self, original: Function) -> Function:
        def completion(*args: Any, **kwargs: Any) -> Any:
            if _INSIDE.get() or kwargs.get("acompletion"):
                return original(*args, **kwargs)
            return self.call(lambda: original(*args, **self._arguments(kwargs)), _model_of(args, kwargs))

        return completion

    def _acompletion(self, original: Function) -> Function:
        async def acompletion(*args: Any, **kwargs: Any) -> Any:
            if _INSIDE.get():
                return await original(*args, **kwargs)
            return await self.call_async(lambda: original(*args, **self._arguments(kwargs)), _model_of(args, kwargs))

        return acompletion

    def _arguments(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        timeout = {"timeout": self._timeout_s} if self._timeout_s is not None and kwargs.get("timeout") is None else {}
        return {**kwargs, **timeout, **_HIDDEN_RETRIES_OFF}

    def _request(self, original: Function) -> Function:
        def request(client: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
            if not self._is_ours(options):
                return original(client, cast_to, options, **kwargs)
            return self.call(lambda: original(client, cast_to, self._options(options), **kwargs), _model_of_options(options))

        return request

    def _request_async(self, original: Function) -> Function:
        async def request(client: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
            if not self._is_ours(options):
                return await original(client, cast_to, options, **kwargs)
            return await self.call_async(lambda: original(client, cast_to, self._options(options), **kwargs), _model_of_options(options))

        return request

    def _is_ours(self, options: Any) -> bool:
        return not _INSIDE.get() and current() is not None and protocol_of("POST", str(options.url)) is not None

    def _options(self, options: Any) -> Any:
        timeout = self._timeout_s is not None and not isinstance(options.timeout, (int, float))
        return options.model_copy(update={"max_retries": 0, **({"timeout": self._timeout_s} if timeout else {})})

    def call(self, make: Callable[[], Any], model: str) -> Any:
        """Make a call until it succeeds or the retries run out; then raise, or hand back, what the last attempt gave."""
        for retry in itertools.count(1):
            _check_timeout()
            with _attempt(retry):
                try:
                    response, error = make(), None
                except Exception as raised:
                    response, error = None, raised
            problem = self._problem(response, error, retry)
            if problem is None:
                return _given(response, error)
            self._wait(retry, error, problem, model)
        raise AssertionError  # the count has no end

    async def call_async(self, make: Callable[[], Awaitable[Any]], model: str) -> Any:
        """The same for a call that is awaited."""
        for retry in itertools.count(1):
            _check_timeout()
            with _attempt(retry):
                try:
                    response, error = await make(), None
                except Exception as raised:
                    response, error = None, raised
            problem = self._problem(response, error, retry)
            if problem is None:
                return _given(response, error)
            with self._waiting(retry, error, problem, model) as wait_s:
                await asyncio.sleep(wait_s)
        raise AssertionError

    def _problem(self, response: Any, error: Exception | None, retry: int) -> str | None:
        """Why the call is to be made again, None if it is not."""
        if retry > self._policy.max_retries:
            return None
        if error is not None:
            return failure_name(error) if is_retryable(error) else None
        return read_reply(response).problem if hasattr(response, "choices") else None

    def _wait(self, retry: int, error: Exception | None, problem: str, model: str) -> None:
        simulation = current()
        with self._waiting(retry, error, problem, model) as wait_s:
            if simulation is None:
                time.sleep(wait_s)
            else:
                simulation.timed_out.wait(wait_s)

    @contextmanager
    def _waiting(self, retry: int, error: Exception | None, problem: str, model: str) -> Iterator[float]:
        wait_s = self._policy.wait_s(retry, error, self._random.random())
        simulation = current()
        if simulation is None:
            yield wait_s
            return
        simulation.count("retries")
        started = simulation.logger.clock.now_ns()
        span = simulation.logger.new_span()
        simulation.waits(span, "retry", model, started)
        fields = {
            "step": simulation.step,
            "model": model,
            "attempt": retry + 1,
            "start_ms": simulation.logger.since_start_ms(started),
            "wait_ms": wait_s * 1000,
            "error_type": problem,
            "error_message": shorten(mask_text(error_text(error))) if error is not None else None,
        }
        simulation.emit("retry", fields, span=span, parent=simulation.step_span)
        try:
            yield wait_s
        finally:
            simulation.goes_on(span)


@contextmanager
def _attempt(number: int) -> Iterator[None]:
    tokens = ATTEMPT.set(number), _INSIDE.set(True)
    try:
        yield
    finally:
        ATTEMPT.reset(tokens[0])
        _INSIDE.reset(tokens[1])


def _check_timeout() -> None:
    simulation = current()
    if simulation is not None:
        simulation.check_timeout()


def _given(response: Any, error: Exception | None) -> Any:
    if error is not None:
        raise error
    return response


def _model_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return str(kwargs.get("model") or (args[0] if args else ""))


def _model_of_options(options: Any) -> str:
    body = options.json_data
    return str(body.get("model", "")) if isinstance(body, dict) else ""
