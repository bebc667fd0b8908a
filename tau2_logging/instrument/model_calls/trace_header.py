"""The W3C `traceparent` header of a model call: a server that traces makes its spans children of the call's own span."""

from __future__ import annotations

from typing import Any

from tau2_logging.events.trace_ids import traceparent
from tau2_logging.instrument.model_calls.model_call import ModelCall

HEADER = "traceparent"
_OURS = "tau2_logging.traceparent"
"""Extension of a request in which our own header is kept: a client that sends the request again has not set it."""


def add_trace_header(call: ModelCall, request: Any) -> None:
    """Name the attempt's span in the request's header. One that the client has set stays as it is, and so does the body."""
    if request.headers.get(HEADER) != request.extensions.get(_OURS):
        return
    simulation = call.simulation
    value = traceparent(simulation.logger.run_id, simulation.span, call.span)
    request.headers[HEADER] = value
    request.extensions = {**request.extensions, _OURS: value}
