"""One small question with a tool, asked of a model the way the run asks or as any client would, and what differs between two answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import litellm

from tau2_logging.events.secrets.masking import masked_start
from tau2_logging.instrument.model_calls.reply import ModelReply, read_reply
from tau2_logging.logger.context import bind
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.simulation import Simulation
from tau2_logging.sinks.memory import MemorySink

TASK = "check/weather"
"""Where the scripted models find what to answer."""
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_MESSAGES = [
    {"role": "system", "content": "You are an assistant with tools. Use a tool where one helps."},
    {"role": "user", "content": "What is the weather in Paris now? Look it up with the tool get_weather."},
]


@dataclass(frozen=True)
class ProbeAnswer:
    """What came back. `calls` are names and arguments, those that are JSON in one spelling. `ttft_ms` is known only if the answer was asked
    for as a stream.
    """

    reply: ModelReply
    calls: tuple[str, ...]
    took_ms: float
    ttft_ms: float | None = None
    counted: bool = False
    """The provider has counted its tokens."""

    @property
    def streamed(self) -> bool:
        """Whether it came as a stream."""
        return self.ttft_ms is not None


def asked_as_run(arguments: Mapping[str, Any]) -> ProbeAnswer:
    """Ask inside a simulation, so that whatever is wrapped around the calls of a run is around this one. Raises what the client raises."""
    sink = MemorySink()
    domain, _, task = TASK.partition("/")
    with bind(Simulation(EventLogger("check", [sink]), domain, task)):
        answer = asked_plainly(arguments)
    (event,) = sink.of("llm_call")[-1:] or (None,)
    ttft_ms = event.get("ttft_ms") if event is not None else None
    counted = event is not None and bool(event.get("output_tokens"))
    return ProbeAnswer(answer.reply, answer.calls, answer.took_ms, ttft_ms if isinstance(ttft_ms, float) else None, counted)


def asked_plainly(arguments: Mapping[str, Any]) -> ProbeAnswer:
    """Ask as any client does. Raises what the client raises."""
    started = time.perf_counter()
    response = litellm.completion(messages=_MESSAGES, tools=[_TOOL], **arguments)
    took_ms = (time.perf_counter() - started) * 1000
    reply = read_reply(response)
    return ProbeAnswer(reply, _calls(response), took_ms, counted=bool(reply.output_tokens))


def differences(streamed: ProbeAnswer, plain: ProbeAnswer) -> str:
    """Return what an agent gets as a stream and does not get plainly, in words; empty if nothing that matters to it differs."""
    parts = (
        ("tool calls", ", ".join(streamed.calls) or "none", ", ".join(plain.calls) or "none"),
        ("finish_reason", streamed.reply.finish_reason, plain.reply.finish_reason),
        ("input tokens", streamed.reply.input_tokens, plain.reply.input_tokens),
    )
    return "; ".join(f"{name} {_shown(one)} as a stream, {_shown(other)} plainly" for name, one, other in parts if one != other)


def _shown(value: object) -> str:
    return masked_start(str(value), 120)


def _calls(response: Any) -> tuple[str, ...]:
    calls = getattr(response.choices[0].message, "tool_calls", None) or ()
    return tuple(f"{call.function.name}({_one_spelling(call.function.arguments)})" for call in calls)


def _one_spelling(arguments: object) -> str:
    try:
        return json.dumps(json.loads(str(arguments)), sort_keys=True)
    except ValueError:
        return str(arguments)
