"""One attempt of a model call, from request to event. What counts it as the agent's, the user's or a judge's is who acts."""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import Any

from tau2_logging.events.levels import DEBUG
from tau2_logging.instrument.reply import Reply, read_reply
from tau2_logging.logger.operation import Operation, error_fields
from tau2_logging.logger.sensitive import masked, masked_text
from tau2_logging.logger.simulation import EVALUATION, JUDGE, USER, Simulation

ATTEMPT: ContextVar[int] = ContextVar("tau2_logging_attempt", default=1)
"""Which try of a call this is; set by whoever retries."""

OPEN_CALL: ContextVar[ModelCall | None] = ContextVar("tau2_logging_open_call", default=None)
"""The call that is being made, for the layers below it: its connection, a nested SDK."""

_TYPES = {"agent": ("llm_call", "llm"), "user": ("user_sim", "user"), "judge": ("evaluator", "judge")}
_COUNTERS = {"llm_call": "llm_calls", "user_sim": "user_calls", "evaluator": "judge_calls", "expert_call": "expert_calls"}


def role_of(simulation: Simulation) -> str:
    """Whose a call made now is: agent, user or judge."""
    if simulation.phase == EVALUATION or simulation.turn == JUDGE:
        return "judge"
    return "user" if simulation.turn == USER else "agent"


class ModelCall:
    """An attempt. `finish` or `fail` writes its event, whichever comes first."""

    def __init__(self, simulation: Simulation, model: str, call_type: str, messages: object = None, attempt: int | None = None) -> None:
        type_, category = _TYPES[role_of(simulation)]
        self.simulation = simulation
        self.model = model
        self.call_type = call_type
        self.attempt = ATTEMPT.get() if attempt is None else attempt
        self.endpoint: str | None = None
        self.queue_ns = 0
        self.handled: BaseException | None = None
        self.first_token_ns: int | None = None
        self._messages = messages
        self._operation = Operation(simulation, type_, category, type_, model)

    @property
    def done(self) -> bool:
        """The event has been written."""
        return self._operation.done

    def first_token(self) -> None:
        """The first content, reasoning or tool-call delta of a stream has come."""
        if self.first_token_ns is None:
            self.first_token_ns = self.simulation.logger.clock.now_ns()

    def finish(self, response: Any) -> None:
        """The reply is there."""
        if self._operation.stop():
            self.simulation.logger.attempt(self._finish, response)

    def fail(self, error: BaseException) -> None:
        """The attempt failed."""
        if self._operation.stop():
            self.simulation.logger.attempt(self._fail, error)

    def _finish(self, response: Any) -> None:
        reply = read_reply(response)
        failed = {"error": True, "error_type": reply.problem} if reply.problem else {"error": False}
        self._count(reply, failed=bool(reply.problem))
        self._write({**_reply_fields(reply), **failed})
        self._write_payload(response)

    def _fail(self, error: BaseException) -> None:
        self._count(None, failed=True)
        self._write({"has_tool_calls": False, **error_fields(error)})
        self._write_payload(None)

    def _count(self, reply: Reply | None, failed: bool) -> None:
        simulation, type_ = self.simulation, self._operation.type
        with simulation.lock:
            counts = simulation.usage.counts
            counts[_COUNTERS[type_]] += 1
            counts["llm_errors"] += failed
            if reply is not None:
                simulation.usage.add_tokens(
                    input_tokens=reply.input_tokens,
                    output_tokens=reply.output_tokens,
                    cached_tokens=reply.cached_tokens,
                    reasoning_tokens=reply.reasoning_tokens,
                )
                simulation.usage.add_cost(reply.cost_usd, agent=type_ in ("llm_call", "expert_call"))

    def _write(self, fields: dict[str, object]) -> None:
        operation = self._operation
        ttft_ms, decode_ms = self._token_times()
        operation.write(
            {
                "model": self.model,
                "call_type": self.call_type,
                "queue_ms": self.queue_ns / 1e6 if self.queue_ns else None,
                "ttft_ms": ttft_ms,
                "decode_ms": decode_ms,
                "attempt": self.attempt,
                "endpoint": self.endpoint,
                **fields,
            }
        )

    def _token_times(self) -> tuple[float | None, float | None]:
        if self.first_token_ns is None or self._operation.duration_ms is None:
            return None, None
        ttft_ms = (self.first_token_ns - self._operation.started_ns) / 1e6
        return ttft_ms, self._operation.duration_ms - ttft_ms

    def _write_payload(self, response: Any) -> None:
        simulation = self.simulation
        if not simulation.logger.enabled(DEBUG):
            return
        masking = simulation.logger.masking
        reply = None if response is None else masked_text(_response_json(response), masking)
        messages = json.dumps(masked(self._messages, masking), ensure_ascii=False, default=str)
        fields = {"step": self._operation.step, "model": self.model, "messages": masked_text(messages, masking), "reply": reply}
        simulation.emit("llm_payload", fields, span=self._operation.span, parent=self._operation.parent)


def _reply_fields(reply: Reply) -> dict[str, object]:
    return {
        "has_tool_calls": reply.has_tool_calls,
        "finish_reason": reply.finish_reason,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
        "cached_tokens": reply.cached_tokens,
        "reasoning_tokens": reply.reasoning_tokens,
        "cost_usd": reply.cost_usd,
    }


def _response_json(response: Any) -> str:
    choice = response.choices[0]
    message = getattr(choice, "message", choice)
    dump = getattr(message, "model_dump", None)
    return json.dumps(dump() if dump is not None else str(message), ensure_ascii=False, default=str)
