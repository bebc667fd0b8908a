"""A live call of a tool that searches documents: an operation of its own within the tool call, and within it the models that it asks."""

from __future__ import annotations

from typing import Any

from tau2_logging.events.retrieval_tools import found_fields, is_retrieval, query_of, required_of
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.logger.content.sensitive import masked_text
from tau2_logging.logger.operation import Operation
from tau2_logging.logger.simulation import Usage


def begin_retrieval(tool: Operation, message: Any) -> Retrieval | None:
    """Return the retrieval of a tool call that has just started; None if the tool does not search documents."""
    function, requestor = str(message.name), str(message.requestor)
    return Retrieval(tool, function) if is_retrieval(tool.simulation.domain, function, requestor) else None


class Retrieval:
    """One search. Until `stop`, model calls of the simulation are those of its embedding models and rerankers."""

    def __init__(self, tool: Operation, function: str) -> None:
        self._simulation = simulation = tool.simulation
        self._tool, self._function = tool, function
        self._before_ms = self._spent_ms()
        self._outer_span = simulation.step_span
        self._operation = Operation(simulation, "retrieval_call", "retrieval", function)
        self._operation.parent = tool.span
        simulation.step_span = self._operation.span
        self._asked = simulation.retrieving = Usage()

    def _spent_ms(self) -> float:
        return self._simulation.ledger.milliseconds()[0]["retrieval"]

    def stop(self) -> None:
        """Read the clock: of what the tool call has taken, this is not its own; of this, what the models have taken is not."""
        if self._operation.stop():
            simulation, whole_ms = self._simulation, self._operation.duration_ms or 0.0
            simulation.step_span, simulation.retrieving = self._outer_span, None
            self._tool.within_ms = whole_ms
            self._operation.within_ms = max(0.0, whole_ms - (self._spent_ms() - self._before_ms))

    def write(self, arguments: Any, error_type: str | None, answer: Any) -> None:
        """Write the event; `answer` is what the agent reads."""
        simulation = self._simulation
        simulation.count("retrieval_calls")
        query = query_of(self._function, arguments)
        required = required_of(getattr(simulation.orchestrator, "task", None))
        self._operation.write(
            {
                "function": self._function,
                "query": None if query is None else shorten(masked_text(query, simulation.logger.masking)),
                **found_fields(self._function, str(answer), required, error_type is not None),
                **self._models(),
                "error": error_type is not None,
                "error_type": error_type,
                "injected": simulation.tool_fault,
            }
        )

    def _models(self) -> dict[str, object]:
        asked = self._asked
        calls = asked.counts["embedding_calls"]
        if not calls:
            return {"embedding_calls": 0}
        cost = asked.cost_usd if asked.cost_known else None
        return {"embedding_calls": calls, "embedding_tokens": asked.tokens.get("input_tokens"), "embedding_cost_usd": cost}
