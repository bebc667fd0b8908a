"""The one place that knows OpenTelemetry's names: what each of our fields is called in a span, and how a measure is taken of it.

`gen_ai.*`, `error.type` and `server.*` are those of the GenAI semantic conventions, pinned to version 1.41.1 (tag v1.41.1 of
open-telemetry/semantic-conventions, docs/gen-ai). Beside them is what viewers read in order to show model, tokens and money:
OpenInference's names (Phoenix, MLflow) and Langfuse's own. What none of them has a name for is `tau2.<field>`.
Standard library only: the live sink and the export of a finished log share it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from tau2_logging.events.event import Event
from tau2_logging.events.roles import MODEL_CALL_TYPES, WORK_TYPES

SEMCONV_VERSION = "1.41.1"
SCHEMA_URL = f"https://opentelemetry.io/schemas/{SEMCONV_VERSION}"
EVALUATION_EVENT = "gen_ai.evaluation.result"

Attribute = str | bool | int | float | list[str]
Attributes = dict[str, Attribute]

SPAN_TYPES = ("task_end", "step_complete", *WORK_TYPES)
"""Types of events that become a span; every one of them becomes exactly one."""

PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "claude": "anthropic",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""litellm's name of a provider, or ours: the well-known value of gen_ai.provider.name. Others keep the name they have."""

_PREFIXES = frozenset((*PROVIDERS, "hosted_vllm", "vllm", "together_ai", "fireworks_ai", "nvidia_nim", "openrouter", "ollama"))

_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": ("gen_ai.usage.input_tokens", "llm.token_count.prompt"),
    "output_tokens": ("gen_ai.usage.output_tokens", "llm.token_count.completion"),
    "cached_tokens": ("gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read"),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning"),
    "cost_usd": ("llm.cost.total",),
    "function": ("gen_ai.tool.name", "tool.name"),
}
"""Fields of model and tool calls that others have a name for. Those of a simulation are sums and stay ours: viewers add up the calls."""

_OF_DOCUMENTS = {"retrieval_call": "RETRIEVER", "embedding_call": "EMBEDDING"}
_KINDS = {
    "task_end": "AGENT", "step_complete": "CHAIN", "tool_call": "TOOL", "evaluation": "EVALUATOR", **dict.fromkeys(MODEL_CALL_TYPES, "LLM"),
    **_OF_DOCUMENTS,
}  # fmt: skip
"""openinference.span.kind."""

_OPERATIONS = {"embedding_call": "embeddings"}
"""gen_ai.operation.name of model calls that are no chat."""

_LEFT_OUT = frozenset(("start_ms", "duration_ms", "total_duration_ms", "error", "error_type", "span", "parent", "query"))
"""What a span says by itself, and what is content: the conventions want that to be asked for."""

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(float(4**power) for power in range(14))
DURATION, FIRST_CHUNK, TOKENS = (
    "gen_ai.client.operation.duration",
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.client.token.usage",
)


@dataclass(frozen=True)
class Metric:
    """A histogram of the conventions: its unit (UCUM) and the bounds of its buckets."""

    name: str
    unit: str
    bounds: tuple[float, ...]


METRICS = (Metric(DURATION, "s", _SECONDS), Metric(FIRST_CHUNK, "s", _SECONDS), Metric(TOKENS, "{token}", _TOKENS))


def span_name(event: Event, agent: str | None) -> str:
    """Return the name of the span of an event: `chat gpt-4.1`, `execute_tool get_order`, `invoke_agent llm_agent`, `step agent`,
    `evaluation`."""
    if event.type in MODEL_CALL_TYPES:
        return f"{_OPERATIONS.get(event.type, 'chat')} {model_name(str(event.get('model')))}"
    if event.type == "retrieval_call":
        return f"retrieval {event.get('function')}"
    if event.type == "tool_call":
        return f"execute_tool {event.get('function')}"
    if event.type == "step_complete":
        return f"step {event.get('from_role')}"
    if event.type == "task_end":
        return f"invoke_agent {agent}" if agent else "invoke_agent"
    return event.type


def leaves_process(event: Event) -> bool:
    """Return whether the span's kind is CLIENT: a model elsewhere is asked."""
    return event.type in MODEL_CALL_TYPES and event.get("call_type") not in ("scripted", "recorded")


def error_type(event: Event) -> str | None:
    """Return the value of `error.type`; None for what succeeded."""
    failed = event.get("status") not in (None, "ok") or event.get("error") is True or event.get("error_type") is not None
    return str(event.get("error_type") or event.get("status") or "_OTHER") if failed else None


def call_attributes(event: Event, start_ns: int) -> Attributes:
    """Return the attributes of the span of a step, a call or an evaluation that started at `start_ns` (ns since 1970)."""
    found: Attributes = {"openinference.span.kind": _KINDS[event.type], "tau2.type": event.type}
    if event.type in MODEL_CALL_TYPES:
        found |= _model_call(event, start_ns)
    elif event.type == "retrieval_call":
        found["gen_ai.operation.name"] = "retrieval"
    elif event.type == "tool_call":
        found |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.type": "function"}
    return found | _common(event) | _own(event, _NAMES)


def simulation_attributes(event: Event, run: dict[str, object]) -> Attributes:
    """Return the attributes of the span of a simulation, from its task_end and the fields of run_start, with its `variant`."""
    model = str(run.get("agent_llm") or "")
    found: Attributes = {
        "openinference.span.kind": _KINDS[event.type],
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": provider_of(None, model),
        "langfuse.trace.name": f"{event.get('domain')} task {event.task}" + _trial(event),
        "langfuse.trace.tags": _tags(event, run.get("variant")),
        "tau2.type": "simulation",
    }
    if run.get("agent"):
        found |= {"gen_ai.agent.name": str(run["agent"]), "agent.name": str(run["agent"])}
    if model:
        found["gen_ai.request.model"] = model_name(model)
    for name in ("agent_llm", "user_llm", "judge_llm", "experts", "tau2_version", "seed", "variant"):
        if run.get(name) is not None:
            found[f"tau2.{name}"] = str(run[name])
    return found | _common(event) | _own(event, {})


def _tags(event: Event, variant: object) -> list[str]:
    """Return domain, variant and outcome (pass, fail, error, timeout), to filter by if rewards are not scores."""
    reward, status = event.get("reward"), event.get("status")
    outcome = status if status not in (None, "ok") else _reward_label(reward) if isinstance(reward, float) else None
    domain = str(event.get("domain")).partition("@")[0]  # retail@anger: retail in the arm of a variant
    return [str(tag) for tag in (domain, variant, outcome) if tag is not None]


def _model_call(event: Event, start_ns: int) -> Attributes:
    found = _operation(event)
    model = str(event.get("model"))
    provider = str(found["gen_ai.provider.name"])
    found |= {"llm.model_name": model_name(model), "llm.provider": provider}
    ttft_ms, queue_ms = event.get("ttft_ms"), event.get("queue_ms")
    if isinstance(ttft_ms, float):
        first_ns = start_ns + int((ttft_ms + (queue_ms if isinstance(queue_ms, float) else 0.0)) * 1e6)
        found |= {
            "gen_ai.request.stream": True,
            "gen_ai.response.time_to_first_chunk": ttft_ms / 1000,
            "langfuse.observation.completion_start_time": _iso(first_ns),
        }
    reason = event.get("finish_reason")
    if reason is not None:
        found["gen_ai.response.finish_reasons"] = [str(reason)]
    sent, received = event.get("input_tokens"), event.get("output_tokens")
    if isinstance(sent, int) and isinstance(received, int):
        found["llm.token_count.total"] = sent + received
    cost = event.get("cost_usd")
    if cost is not None:
        found["langfuse.observation.cost_details"] = json.dumps({"total": cost})
    return found


def _operation(event: Event) -> Attributes:
    """Return what spans and metrics of a model call have in common."""
    model = str(event.get("model"))
    found: Attributes = {
        "gen_ai.operation.name": _OPERATIONS.get(event.type, "chat"),
        "gen_ai.provider.name": provider_of(event.get("call_type"), model),
        "gen_ai.request.model": model_name(model),
    }
    host, _, port = str(event.get("endpoint") or "").rpartition(":")
    if host and port.isdigit():
        found |= {"server.address": host.strip("[]"), "server.port": int(port)}
    return found


def _common(event: Event) -> Attributes:
    found: Attributes = {"session.id": str(event.get("run")), "gen_ai.conversation.id": _conversation(event), "tau2.task": str(event.task)}
    failure = error_type(event)
    return found if failure is None else {**found, "error.type": failure}


def _own(event: Event, names: dict[str, tuple[str, ...]]) -> Attributes:
    """Return every field under the names that others have for it, and those that nobody has a name for as `tau2.<field>`."""
    found: Attributes = {}
    for name, value in event.fields.items():
        if name not in _LEFT_OUT and value is not None:
            found.update(dict.fromkeys(names.get(name) or (f"tau2.{name}",), value))
    return found


def _conversation(event: Event) -> str:
    return f"{event.get('run')}/{event.get('domain')}/{event.task}{_trial(event).replace(' trial ', '/')}"


def _trial(event: Event) -> str:
    return "" if event.get("trial") is None else f" trial {event.get('trial')}"


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def provider_of(call_type: object, model: str) -> str:
    """Return the value of gen_ai.provider.name for where a call went; by the model's prefix if that is not known."""
    name = str(call_type or (model.partition("/")[0] if "/" in model else "unknown"))
    return PROVIDERS.get(name, name)


def model_name(model: str) -> str:
    """Return the model as its vendor calls it: litellm's prefix of the provider taken off."""
    prefix, slash, rest = model.partition("/")
    return rest if slash and prefix in _PREFIXES else model


def evaluation_attributes(reward: float) -> Attributes:
    """Return the attributes of the event `gen_ai.evaluation.result`: tau2's reward, and pass or fail."""
    return {
        "gen_ai.evaluation.name": "reward",
        "gen_ai.evaluation.score.value": reward,
        "gen_ai.evaluation.score.label": _reward_label(reward),
    }


def _reward_label(reward: float) -> str:
    """Return pass or fail, as tau2 counts success."""
    return "pass" if reward >= 1 - 1e-6 else "fail"


def measurements(event: Event) -> Iterator[tuple[str, float, Attributes]]:
    """Yield what a model call adds to the metrics: (name of the metric, value in its unit, attributes). Nothing for other events."""
    if event.type not in MODEL_CALL_TYPES:
        return
    common = _operation(event)
    failure = error_type(event)
    duration, ttft = event.get("duration_ms"), event.get("ttft_ms")
    if isinstance(duration, float):
        yield DURATION, duration / 1000, common if failure is None else {**common, "error.type": failure}
    if isinstance(ttft, float):
        yield FIRST_CHUNK, ttft / 1000, common
    for name, kind in (("input_tokens", "input"), ("output_tokens", "output")):
        tokens = event.get(name)
        if isinstance(tokens, int):
            yield TOKENS, float(tokens), {**common, "gen_ai.token.type": kind}


__all__ = [
    "EVALUATION_EVENT",
    "METRICS",
    "PROVIDERS",
    "SCHEMA_URL",
    "SEMCONV_VERSION",
    "SPAN_TYPES",
    "Attributes",
    "Metric",
    "call_attributes",
    "error_type",
    "evaluation_attributes",
    "leaves_process",
    "measurements",
    "model_name",
    "provider_of",
    "simulation_attributes",
    "span_name",
]
