"""One layer retries a model call: this one. What litellm and the SDKs under it would do in secret is turned off.

A failed attempt is an event of its own, and so is the wait before the next one: it is not model time.
"""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tau2_logging.instrument.model_call import ATTEMPT
from tau2_logging.instrument.reply import read_reply
from tau2_logging.logger.context import current
from tau2_logging.logger.masking import mask_text, shorten

_RETRIED_STATUS = frozenset((408, 409, 425, 429))
_FATAL_NAMES = frozenset(("ContextWindowExceededError", "AuthenticationError", "PermissionDeniedError", "NotFoundError", "BadRequestError"))
_HIDDEN_RETRIES_OFF = {"num_retries": 0, "max_retries": 0}


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
    """What a provider's answer says in its Retry-After header, in seconds; None where it says nothing readable."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        value = float(headers.get("retry-after") or "")
    except (TypeError, ValueError):
        return None
    return value if 0 <= value <= 3600 else None


def is_retryable(error: BaseException) -> bool:
    """Whether the same call may succeed when it is made again: rate limits, server errors, broken connections, time-outs."""
    if type(error).__name__ in _FATAL_NAMES:
        return False
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and (status in _RETRIED_STATUS or status >= 500)


class Retries:
    """Wraps the `completion` that tau2 calls, while it is installed."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._random = random.Random(0)
        self._original: Callable[..., Any] | None = None

    def install(self) -> None:
        """Put the layer on top of whatever is there, measurement included."""
        module: Any = importlib.import_module("tau2.utils.llm_utils")
        original: Callable[..., Any] = module.completion
        module.completion = self._wrap(original)
        self._original = original

    def uninstall(self) -> None:
        """Take it off."""
        if self._original is not None:
            module: Any = importlib.import_module("tau2.utils.llm_utils")
            module.completion = self._original
            self._original = None

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def completion(*args: Any, **kwargs: Any) -> Any:
            return self.call(lambda: original(*args, **{**kwargs, **_HIDDEN_RETRIES_OFF}), str(kwargs.get("model", "")))

        return completion

    def call(self, make: Callable[[], Any], model: str) -> Any:
        """Make a call until it succeeds or the retries run out; then raise, or hand back, what the last attempt gave."""
        retry = 0
        simulation = current()
        while True:
            if simulation is not None:
                simulation.check_timeout()
            token = ATTEMPT.set(retry + 1)
            try:
                response, error = make(), None
            except Exception as raised:
                response, error = None, raised
            finally:
                ATTEMPT.reset(token)
            problem = type(error).__name__ if error is not None else read_reply(response).problem
            retryable = is_retryable(error) if error is not None else problem is not None
            if not retryable or retry >= self._policy.max_retries:
                if error is not None:
                    raise error
                return response
            retry += 1
            self._wait(retry, error, problem, model)

    def _wait(self, retry: int, error: BaseException | None, problem: str | None, model: str) -> None:
        wait_s = self._policy.wait_s(retry, error, self._random.random())
        simulation = current()
        if simulation is None:
            time.sleep(wait_s)
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
            "error_message": shorten(mask_text(str(error))) if error is not None else None,
        }
        simulation.emit("retry", fields, span=span, parent=simulation.step_span)
        simulation.timed_out.wait(wait_s)
        simulation.goes_on(span)
