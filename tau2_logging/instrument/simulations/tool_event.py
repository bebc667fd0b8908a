"""The events of a live tool call, whichever harness makes it."""

from __future__ import annotations

from typing import Any

from tau2_logging.events.levels import DEBUG
from tau2_logging.logger.content.error_text import traceback_text
from tau2_logging.logger.content.sensitive import masked_as_json, masked_text
from tau2_logging.logger.operation import Operation


def write_tool_call(
    operation: Operation,
    function: str,
    requestor: str,
    arguments: Any,
    error_type: str | None,
    result: Any,
    error: BaseException | None = None,
) -> None:
    """Write a call that has been stopped: tool_call, and at DEBUG what it was given and returned, masked as the run is told to, and the
    traceback of what the tool raised, which tau2 turns into a text.
    """
    simulation = operation.simulation
    simulation.count("tool_calls")
    simulation.count("tool_errors", int(error_type is not None))
    operation.write(
        {
            "function": function,
            "call_type": "local_function",
            "requestor": requestor,
            "error": error_type is not None,
            "error_type": error_type,
            "injected": simulation.tool_fault,
        }
    )
    if simulation.logger.enabled(DEBUG):
        masking = simulation.logger.masking
        payload = {
            "step": operation.step,
            "function": function,
            "arguments": masked_as_json(arguments, masking),
            "result": masked_text(str(result), masking),
        }
        simulation.emit("tool_payload", payload, span=operation.span, parent=operation.parent)
        if error is not None:
            raised = {"step": operation.step, "error_type": error_type, "traceback": traceback_text(error)}
            simulation.emit("traceback", raised, span=operation.span, parent=operation.parent)
