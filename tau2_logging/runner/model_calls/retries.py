"""One layer retries a model call: this one.

A failed attempt is an event of its own, and so is the wait before the next one: it is not model time.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.events.secrets.masking import masked_start
from tau2_logging.instrument.model_calls.failure import failure_name
from tau2_logging.instrument.model_calls.model_call import ATTEMPT, EXTRA_REQUESTS, ExtraRequests
from tau2_logging.instrument.model_calls.problem import problem_of_error, problem_of_reply
from tau2_logging.instrument.model_calls.retried_calls import Request, RetriedCalls
from tau2_logging.instrument.simulations.acting import acting_now
from tau2_logging.logger.call_problem import CallProblem
from tau2_logging.logger.content.error_text import error_text
from tau2_logging.logger.context import current
from tau2_logging.logger.simulation import Simulation
from tau2_logging.models.recorded import PREFIX
from tau2_logging.runner.model_calls.answer_retries import REPEATS_OF_DETERMINISTIC, is_deterministic, may_be_mended, reply_of
from tau2_logging.runner.model_calls.outages import NOBODY, Outages, Servers
from tau2_logging.runner.model_calls.retry_policy import RetryPolicy, is_retryable


@dataclass
class CallInfo:
    """What a call asks for, where, and how many bad answers it has got."""

    model: str
    is_deterministic: Callable[[], bool] = lambda: False
    bad_answers: int = 0
    url: str | None = None
    """Where it goes, if it says so itself."""
    servers: Servers = ()
    """Those that could answer it, if they are known."""
    extra: ExtraRequests = field(default_factory=ExtraRequests)


class Retries:
    """Retries every model call, while it is installed.

    `request_timeout_s` is given to calls that have none of their own. `notes`: keep what went wrong with a simulation's last call, because
    nothing is measured that would keep it. `outages` tells for which calls there is nothing but to wait until a server is back.
    """

    def __init__(
        self, policy: RetryPolicy, request_timeout_s: float | None = None, notes: bool = False, outages: Outages | None = None
    ) -> None:
        self._policy = policy
        self._notes = notes
        self._outages = outages or Outages(NOBODY, (), NOBODY, 0.0)
        self._random = random.Random(0)
        self._layer = RetriedCalls(self, request_timeout_s)

    def install(self) -> None:
        """Put the layer on top of whatever is there, measurement included."""
        self._layer.install()

    def uninstall(self) -> None:
        """Take it off."""
        self._layer.uninstall()

    def retried(self, make: Callable[[], Any], request: Request) -> Any:
        """Make a call by the policy. Raises what its last attempt raised."""
        return self.call(make, self._asked(request))

    async def retried_async(self, make: Callable[[], Awaitable[Any]], request: Request) -> Any:
        """Make a call that is awaited by the same policy."""
        return await self.call_async(make, self._asked(request))

    def _asked(self, request: Request) -> CallInfo:
        model = request.model if request.by_litellm else None
        servers = self._outages.servers_of(request.model, request.url)
        return CallInfo(request.model, lambda: is_deterministic(request.arguments, model), url=request.url, servers=servers)

    def call(self, make: Callable[[], Any], asked: CallInfo) -> Any:
        """Make a call until it succeeds or the retries run out; then raise, or hand back, what the last attempt gave. An attempt that
        failed because no server is there is not counted as a retry: the next one is made when a server is back.
        """
        retry = 1
        for attempt in itertools.count(1):
            _check_timeout()
            with self._outages.waiting(asked.servers, asked.model, attempt) as pauses:
                for pause_s in pauses:
                    _pause(pause_s)
            with _attempt(attempt, asked.extra):
                try:
                    response, error = make(), None
                except Exception as raised:
                    response, error = None, raised
            if self._outages.caused(asked.servers, asked.url, error):
                continue
            problem = self._problem(asked, response, error, retry)
            if problem is None:
                return self._given(response, error)
            with self._waiting(retry, attempt + 1, error, problem, asked.model) as wait_s:
                _pause(wait_s)
            retry += 1
        raise AssertionError  # the count has no end

    async def call_async(self, make: Callable[[], Awaitable[Any]], asked: CallInfo) -> Any:
        """Return the same for a call that is awaited."""
        retry = 1
        for attempt in itertools.count(1):
            _check_timeout()
            with self._outages.waiting(asked.servers, asked.model, attempt) as pauses:
                for pause_s in pauses:
                    await asyncio.sleep(pause_s)
            with _attempt(attempt, asked.extra):
                try:
                    response, error = await make(), None
                except Exception as raised:
                    response, error = None, raised
            if await asyncio.to_thread(self._outages.caused, asked.servers, asked.url, error):
                continue
            problem = self._problem(asked, response, error, retry)
            if problem is None:
                return self._given(response, error)
            with self._waiting(retry, attempt + 1, error, problem, asked.model) as wait_s:
                await asyncio.sleep(wait_s)
            retry += 1
        raise AssertionError

    def _problem(self, asked: CallInfo, response: Any, error: Exception | None, retry: int) -> str | None:
        """Return why the call is to be made again, None if it is not. A bad answer to a deterministic request is bought only once more."""
        if retry > self._policy.max_retries:
            return None
        if error is not None:
            return failure_name(error) if is_retryable(error) else None
        reply = reply_of(response)
        if reply is None or asked.model.startswith(PREFIX) or not may_be_mended(reply):
            return None
        asked.bad_answers += 1
        limit = REPEATS_OF_DETERMINISTIC if asked.is_deterministic() else self._policy.max_retries
        return reply.problem if asked.bad_answers + asked.extra.count <= limit else None

    def _given(self, response: Any, error: Exception | None) -> Any:
        simulation = current()
        if self._notes and simulation is not None:
            simulation.call_problem = _noted(response, error)
        if error is not None:
            raise error
        return response

    @contextmanager
    def _waiting(self, retry: int, attempt: int, error: Exception | None, problem: str, model: str) -> Iterator[float]:
        wait_s = self._policy.wait_s(retry, error, self._random.random())
        cut_s = self._policy.cut_s(error)
        simulation = current()
        if simulation is None:
            yield wait_s
            return
        simulation.count("retries")
        started = simulation.logger.clock.now_ns()
        span = simulation.logger.new_span()
        simulation.start_waiting(span, "retry", model, started)
        fields = {
            "step": simulation.step,
            "model": model,
            "attempt": attempt,
            "start_ms": simulation.logger.since_start_ms(started),
            "wait_ms": wait_s * 1000,
            "asked_ms": None if cut_s is None else cut_s * 1000,
            "error_type": problem,
            "error_message": _said(simulation, error),
        }
        simulation.emit("retry", fields, span=span, parent=simulation.step_span)
        try:
            yield wait_s
        finally:
            simulation.stop_waiting(span)


@contextmanager
def _attempt(number: int, extra: ExtraRequests) -> Iterator[None]:
    tokens = ATTEMPT.set(number + extra.count), EXTRA_REQUESTS.set(extra)
    try:
        yield
    finally:
        ATTEMPT.reset(tokens[0])
        EXTRA_REQUESTS.reset(tokens[1])


def _check_timeout() -> None:
    simulation = current()
    if simulation is not None:
        simulation.check_timeout()


def _pause(wait_s: float) -> None:
    simulation = current()
    if simulation is None:
        time.sleep(wait_s)
    else:
        simulation.timed_out.wait(wait_s)


def _said(simulation: Simulation, error: Exception | None) -> str | None:
    """Return what the attempt's own event says, with what the server said; else what the exception says."""
    problem = simulation.call_problem
    if problem is not None and problem.error in (None, error):
        return masked_start(problem.said)
    return masked_start(error_text(error)) if error is not None else None


def _noted(response: Any, error: Exception | None) -> CallProblem | None:
    if error is not None:
        return problem_of_error(acting_now(), error)
    if response is None:
        return CallProblem(
            acting_now(), "UnprocessableEntityError", "litellm gave no answer, which it does after HTTP 422 with drop_params"
        )
    reply = reply_of(response)
    return problem_of_reply(acting_now(), reply, reply.problem) if reply is not None and reply.problem is not None else None
