"""What a model was sent and what it replied, for the log at DEBUG: masked, and each message once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tau2_logging.events.domain_label import plain_domain
from tau2_logging.events.sent_prompts import PART
from tau2_logging.logger.content.sensitive import masked_as_json, masked_text, to_json
from tau2_logging.logger.simulation import Simulation


def prompt_fields(simulation: Simulation, messages: Any, tools: Any, span: str) -> dict[str, object]:
    """Return the fields of llm_payload that tell of a prompt, having written those parts of it that the log does not hold yet."""
    if not isinstance(messages, list | tuple) or not messages:
        return {"messages": masked_as_json(messages, simulation.logger.masking)}
    before, sent = simulation.prompts.add([_hash_of(simulation, message) for message in messages], span)
    given = _hash_of(simulation, tools) if tools else None
    return {"continues": before, "sent": ",".join(sent) or None, "tools": given}


def _hash_of(simulation: Simulation, part: Any) -> str:

    def write(name: str, text: str) -> bool:
        simulation.emit(PART, {"hash": name, "text": text})
        return not simulation.closed

    return simulation.logger.written_parts.hash_of(
        plain_domain(simulation.domain), part, lambda: masked_as_json(part, simulation.logger.masking), write
    )


def reply_text(simulation: Simulation, response: Any) -> str | None:
    """Return what a model replied, as JSON; None if there is no reply."""
    return None if response is None else masked_text(_response_json(response), simulation.logger.masking)


def _response_json(response: Any) -> str:
    if response is None or isinstance(response, Mapping):
        return to_json(response)
    choice = response.choices[0]
    message = getattr(choice, "message", choice)
    dump = getattr(message, "model_dump", None)
    return to_json(dump() if dump is not None else str(message))
