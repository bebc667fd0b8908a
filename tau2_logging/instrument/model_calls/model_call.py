"""One attempt of a model call, from request to event. What counts it as the agent's, an expert's, the user's or a judge's is who acts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from tau2_logging.events.levels import DEBUG
from tau2_logging.events.roles import AGENT_SIDE_TYPES, BY_NAME, CALL_COUNTERS, TOKEN_FIELDS
from tau2_logging.events.secrets.masking import masked_start
from tau2_logging.instrument.model_calls.payload import prompt_fields, reply_text
from tau2_logging.instrument.model_calls.problem import problem_of_error, problem_of_reply
from tau2_logging.instrument.model_calls.reply import STREAM_CUT, ModelReply, read_reply
from tau2_logging.logger.clock import CpuTime
from tau2_logging.logger.content.prompt_hash import prompt_hash, system_text
from tau2_logging.logger.context import current_expert
from tau2_logging.logger.operation import Operation
from tau2_logging.logger.simulation import EVALUATION, JUDGE, USER, Simulation

_LOG = logging.getLogger("tau2_logging.instrument")

ATTEMPT: ContextVar[int] = ContextVar("tau2_logging_attempt", default=1)
"""The number of the attempt that is made now; set by the retrier."""


@dataclass
class ExtraRequests:
    """Counts requests that were repeated within one attempt of a retrier: plain ones, after a stream that could not be trusted."""

    count: int = 0


EXTRA_REQUESTS: ContextVar[ExtraRequests | None] = ContextVar("tau2_logging_extra_requests", default=None)
"""The counter of the retrier that makes the call now, None if there is none."""

CURRENT_CALL: ContextVar[ModelCall | None] = ContextVar("tau2_logging_current_call", default=None)
"""The call that is being made, for the layers below: its connection, a nested SDK."""

Price = Callable[[ModelReply], float | None]

EMBEDDING = "embedding"
"""The role of the models that a retrieval asks."""


def role_of(simulation: Simulation) -> str:
    """Return whose call is made now: the agent's, an expert's (while the agent asks one), the user's, a judge's, or that of a tool
    that searches documents."""
    if simulation.retrieving is not None:
        return EMBEDDING
    if simulation.phase == EVALUATION or simulation.turn == JUDGE:
        return "judge"
    if simulation.turn == USER:
        return "user"
    return "agent" if current_expert() is None else "expert"


@dataclass(frozen=True)
class WireAnswer:
    """What the bytes of an answer said: the reply with its token counts; `cut` if a stream ended without a finish reason."""

    reply: ModelReply | None = None
    cut: bool = False


class ModelCall:
    """One attempt of a call, from request to event. The first of `finish` and `fail` writes the event; later ones do nothing.

    Layers below may repeat the request (an SDK's own retry, a plain request after an untrusted stream). Each request is an attempt:

        running --- finish, fail -----------------------------------------> done      the event is written
           |  \
           |   discard_answer: write the event, attempt + 1 -------> running   the answer is not used, the request is made again
           |
        request_failed: stop the clock, write nothing yet
           |
           v
        failed ---- next_request: write the event, attempt + 1 --------> running   an SDK retries after the failure
           |
           |------- fail, finish(None): write the failure ---------------> done
           '------- finish(response): write the response ----------------> done      a client made a response of the failure

    `read_wire` returns what the bytes of the answer said. `first_event_is_token`: the first event of a stream arrives with the first
    token and its last event with the last one, whatever they hold. `tools`: the definitions that go along, or what returns them.
    """

    def __init__(
        self,
        simulation: Simulation,
        model: str,
        call_type: str,
        messages: object = None,
        attempt: int | None = None,
        role: str | None = None,
    ) -> None:
        self.simulation = simulation
        self.model = model
        self.call_type = call_type
        self.provider = call_type
        self.attempt = ATTEMPT.get() if attempt is None else attempt
        self.endpoint: str | None = None
        self.protocol: str | None = None
        self.handled: BaseException | None = None
        self.price: Price | None = None
        self.count_tokens: Callable[[int], None] | None = None
        self.first_event_is_token = False
        self.tools: object = None
        self._messages = messages
        self.role = role or role_of(simulation)
        self.expert = current_expert() if self.role == "expert" else None
        self._type, self._category = BY_NAME[self.role].event, BY_NAME[self.role].category
        self._begin()

    def _begin(self) -> None:
        self.queue_ns = 0
        self.sent_ns: int | None = None
        self.first_token_ns: int | None = None
        self.last_token_ns: int | None = None
        self.read_wire: Callable[[], WireAnswer] | None = None
        self.failure: BaseException | None = None
        self._cpu = CpuTime()
        self._cpu_ms: float | None = None
        self._operation = Operation(self.simulation, self._type, self._category, self._type, self.model)

    @property
    def span(self) -> str:
        """The span of the attempt's event."""
        return self._operation.span

    @property
    def started_ns(self) -> int:
        """When the attempt started, on the logger's clock."""
        return self._operation.started_ns

    @property
    def done(self) -> bool:
        """Whether the event has been written."""
        return self._operation.done and self.failure is None

    def first_token(self) -> None:
        """Note that a content, reasoning or tool-call delta of a stream has arrived, the first or a later one."""
        self.last_token_ns = self.simulation.logger.clock.now_ns()
        if self.first_token_ns is None:
            self.first_token_ns = self.last_token_ns

    def request_failed(self, failure: BaseException) -> None:
        """Stop the clock for a request that failed. The layers above decide whether that ends the call."""
        if self._ended():
            self.failure = failure

    def next_request(self) -> None:
        """Note that a request is about to be made. After a failed one, write that one's event and start the next attempt."""
        if self.failure is not None:
            self.fail(self.failure)
            self._next()

    def discard_answer(self, problem: str, message: str, body: Any) -> None:
        """Write the event of an answer that is not used (None: there is none), with its cost, and start the next attempt."""
        if self._stop():
            self.simulation.logger.attempt(self._finish, body, {"error_type": problem, "error_message": masked_start(message)})
        self._next()
        extra = EXTRA_REQUESTS.get()
        if extra is not None:
            extra.count += 1

    def _next(self) -> None:
        self.attempt += 1
        self._begin()

    def finish(self, response: Any) -> None:
        """End the attempt with a reply. None after a failed request means that a client has swallowed the failure."""
        if response is None and self.failure is not None:
            self.fail(self.failure)
        elif self._stop():
            self.simulation.logger.attempt(self._finish, response)

    def fail(self, error: BaseException) -> None:
        """End the attempt with an exception."""
        held = self.failure
        if self._stop():
            self.simulation.logger.attempt(self._fail, error, held)

    def _stop(self) -> bool:
        if self.failure is not None:
            self.failure = None
            return True
        return self._ended()

    def _ended(self) -> bool:
        if not self._operation.stop():
            return False
        self._cpu_ms = self._cpu.ms()
        return True

    def _finish(self, response: Any, why_not: Mapping[str, object] | None = None) -> None:
        seen = self.read_wire() if self.read_wire is not None else WireAnswer()
        reply = _with_counts(read_reply(response), seen.reply)
        if reply.impossible:
            self._tell_impossible(reply)
        elif reply.cost_usd is None and self.price is not None:
            reply = replace(reply, cost_usd=self.price(reply))
        reply = self._priced(reply)
        problem = STREAM_CUT if seen.cut else reply.problem
        failed = {"error": True, "error_type": problem, **(why_not or {})} if problem or why_not else {"error": False}
        self.simulation.call_problem = problem_of_reply(self.role, reply, problem) if problem else None
        self._count(reply, failed=bool(failed["error"]))
        self._write({**_reply_fields(reply), **failed})
        self._write_server_times(seen.reply or reply)
        if self.count_tokens is not None:
            self.count_tokens((reply.input_tokens or 0) + (reply.output_tokens or 0))
        self._write_payload(response)

    def _tell_impossible(self, reply: ModelReply) -> None:
        """Once in a simulation for each server and model."""
        about = (self.model, self.endpoint)
        with self.simulation.lock:
            told = about in self.simulation.told_impossible
            self.simulation.told_impossible.add(about)
        if not told:
            where = f" at {self.endpoint}" if self.endpoint else ""
            why = ", ".join(reply.impossible)
            _LOG.warning(f"{self.model}{where} gives token counts that cannot be ({why}): they are left out, and the cost is unknown.")

    def _priced(self, reply: ModelReply) -> ModelReply:
        """Return what the user said that an expert costs is before the price map."""
        cost = self.expert.cost_usd(reply.input_tokens, reply.output_tokens) if self.expert is not None else None
        return reply if cost is None else replace(reply, cost_usd=cost)

    def _fail(self, error: BaseException, held: BaseException | None) -> None:
        problem = problem_of_error(self.role, error, held)
        self.simulation.call_problem = problem
        self._count(None, failed=True)
        said = masked_start(problem.said) or f"{type(error).__name__}()"
        self._write({"has_tool_calls": False, "error": True, "error_type": problem.name, "error_message": said})
        self._write_payload(None)

    def _count(self, reply: ModelReply | None, failed: bool) -> None:
        simulation, type_ = self.simulation, self._operation.type
        with simulation.lock:
            counts = simulation.usage.counts
            counts[CALL_COUNTERS[type_]] += 1
            counts["llm_errors"] += failed
            search = simulation.retrieving if self.role == EMBEDDING else None
            if search is not None:
                search.counts[CALL_COUNTERS[type_]] += 1
            for usage in (simulation.usage, search):
                if usage is not None and reply is not None:
                    usage.add_tokens(**{name: getattr(reply, name) for name in TOKEN_FIELDS})
                    usage.add_cost(reply.cost_usd, agent=type_ in AGENT_SIDE_TYPES)

    def _write(self, fields: dict[str, object]) -> None:
        operation = self._operation
        ttft_ms, decode_ms = self._token_times()
        operation.write(
            {
                "expert": self.expert.alias if self.expert is not None else None,
                "model": self.model,
                "call_type": self.call_type,
                "queue_ms": self.queue_ns / 1e6 if self.queue_ns else None,
                "cpu_ms": self._cpu_ms,
                "ttft_ms": ttft_ms,
                "decode_ms": decode_ms,
                "attempt": self.attempt,
                "endpoint": self.endpoint,
                **fields,
                **self._prompt(),
            }
        )

    def _prompt(self) -> dict[str, object]:
        """Return which system prompt a user simulator's model was sent; after the clock has stopped."""
        if self._type != "user_sim":
            return {}
        text = self.simulation.logger.attempt(system_text, self._sent() or ())
        return {"prompt_hash": prompt_hash(text)} if text is not None else {}

    def _sent(self) -> Any:
        return self._messages() if callable(self._messages) else self._messages

    def _token_times(self) -> tuple[float | None, float | None]:
        """Return the time from the moment the request went out, after it has queued, to the first token, and from there to the last."""
        if self.first_token_ns is None or self.last_token_ns is None:
            return None, None
        sent_ns = self._operation.started_ns + self.queue_ns if self.sent_ns is None else self.sent_ns
        return (self.first_token_ns - sent_ns) / 1e6, (self.last_token_ns - self.first_token_ns) / 1e6

    def _write_server_times(self, reply: ModelReply) -> None:
        """Write the times that the server has put into its answer, beside the call, as if it had sent a span."""
        if reply.server_times:
            operation = self._operation
            about = {"step": operation.step, "model": self.model, "endpoint": self.endpoint, "server_source": "reply"}
            self.simulation.emit("server_call", {**about, **reply.server_times}, span=operation.span, parent=operation.parent)

    def _write_payload(self, response: Any) -> None:
        simulation = self.simulation
        if simulation.closed or not simulation.logger.enabled(DEBUG):
            return
        operation = self._operation
        tools = self.tools() if callable(self.tools) else self.tools
        prompt = prompt_fields(simulation, self._sent(), tools, operation.span)
        fields = {"step": operation.step, "model": self.model, **prompt, "reply": reply_text(simulation, response)}
        simulation.emit("llm_payload", fields, span=operation.span, parent=operation.parent)


def _with_counts(reply: ModelReply, counted: ModelReply | None) -> ModelReply:
    """Return the reply with the provider's own counts, if a library above has made up others: what the provider has not said is unknown."""
    names = (*TOKEN_FIELDS, "written_tokens", "written_1h_tokens")
    if counted is None:
        return reply
    same = (counted.input_tokens, counted.output_tokens) == (reply.input_tokens, reply.output_tokens)
    if same and counted.impossible in ((), reply.impossible):
        return reply
    return replace(reply, cost_usd=None, impossible=counted.impossible, **{name: getattr(counted, name) for name in names})


def _reply_fields(reply: ModelReply) -> dict[str, object]:
    return {
        "has_tool_calls": reply.has_tool_calls,
        "finish_reason": reply.finish_reason,
        **{name: getattr(reply, name) for name in TOKEN_FIELDS},
        "cache_write_tokens": reply.written_tokens,
        "cost_usd": reply.cost_usd,
    }
