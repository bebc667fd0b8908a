"""The kinds of events, one row each: name, level, when it is written, its own fields in the order of writing.

`docs/events.md` is made from this table and from `fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tau2_logging.events.levels import DEBUG, ERROR, INFO, PROFILE, USER_JUDGE, WARNING
from tau2_logging.events.roles import CALL_COUNTERS, EXCLUSIVE_MS, TOKEN_FIELDS

SCHEMA_VERSION = 1
"""Version of the line format, written in run_start. It is raised if a reader of the old format would misread the new one."""


@dataclass(frozen=True)
class Kind:
    """One kind of event."""

    name: str
    level: int
    when: str
    fields: tuple[str, ...]


_TIME = ("start_ms", "duration_ms")
_AUDIO = ("audio_start_ms", "audio_ms")
_MODEL_CALL = (
    "step", "model", "call_type", "has_tool_calls", *_TIME, "queue_ms", "cpu_ms", *TOKEN_FIELDS, "cache_write_tokens", "ttft_ms",
    "decode_ms", "finish_reason", "attempt", "endpoint", "cost_usd", "timing", "error", "error_type", "error_message", "prompt_hash",
)  # fmt: skip
_RUN = (
    "schema", "tau2_version", "tau2_data", "retrieval_config", "litellm_version", "python_version", "tau2_logging_version", "utc_offset",
    "harness", "agent", "agent_args",
    "user", "agent_llm", "agent_llm_args", "user_llm", "user_llm_args", "judge_llm", "judge_llm_args", "experts", "expert_mode",
    "expert_args", "tool_faults", "max_steps", "max_errors", "seed", "seeds", "simulations", "resumed", "recorded_from",
    "replayed_from", "branched_from", "branched_at", "rejudged_from", "max_evaluations", "argv",
)  # fmt: skip
COUNTERS = ("steps", *CALL_COUNTERS.values(), "tool_errors", "llm_errors", "retries")
"""What is counted of a simulation."""

SERVER_TIMES = ("queue", "prefill", "decode", "ttft", "e2e")
"""The times that a model server adds up: `<name>_sum_ms` and `<name>_count` of server_metrics."""
SERVER_CALL_MS = tuple(f"server_{name}_ms" for name in ("queue", "ttft", "prefill", "decode", "e2e"))
"""The times of one call by its model server's clock: fields of server_call."""
_SERVER = (
    "endpoint", "model", "sample", "start_ms", "running", "waiting", "kv_cache_use", "prefix_queries", "prefix_hits", "preemptions",
    "prompt_tokens", "prompt_tokens_computed", "generation_tokens", "decode_steps",
    *(f"{name}_{part}" for name in SERVER_TIMES for part in ("sum_ms", "count")),
)  # fmt: skip

_KINDS = (
    Kind("run_start", INFO, "when a run starts, in the log of each of its domains", _RUN),
    Kind(
        "run_end", INFO, "when a run ends, in the log of each of its domains",
        (*_TIME, "simulations", "ok", "errors", "model_failures", "timeouts", "pending", "mean_reward", *COUNTERS[1:], *TOKEN_FIELDS,
         "cost_usd", "signal", "stopped_by"),
    ),
    Kind(
        "task_start", INFO, "a simulation starts",
        ("start_ms", "seed", "task_hash", "variant", "prompt_hash", "required", "played_before"),
    ),
    Kind(
        "task_end", INFO, "a simulation ends",
        ("status", "reward", "tau2_reward", "termination", "stop_token", *_TIME, *EXCLUSIVE_MS, *COUNTERS, *TOKEN_FIELDS, "cost_usd",
         "agent_cost_usd", "error_type", "error_message"),
    ),
    Kind("llm_call", PROFILE, "each model call of the agent", _MODEL_CALL),
    Kind(
        "tool_call", PROFILE, "each live tool execution, the agent's or the user's; duration_ms is without that of its retrieval_call",
        ("step", "function", "call_type", *_TIME, "total_duration_ms", "requestor", "timing", "error", "error_type", "injected", *_AUDIO,
         "audio_response_ms"),
    ),
    Kind(
        "retrieval_call", PROFILE,
        "each live call of a tool that searches documents, beside its tool_call, its `parent`; duration_ms is without its embedding_calls",
        ("step", "function", "query", *_TIME, "total_duration_ms", "documents", "returned", "required", "required_found", "embedding_calls",
         "embedding_tokens", "embedding_cost_usd", "timing", "error", "error_type", "injected"),
    ),
    Kind("embedding_call", PROFILE, "each call of an embedding model, and of a model that ranks what a tool has found", _MODEL_CALL),
    Kind("expert_call", PROFILE, "each call of an expert model", ("expert", *_MODEL_CALL)),
    Kind(
        "step_complete", PROFILE, "each orchestrator step",
        ("step", "from_role", "to_role", "start_ms", "total_duration_ms", "error", "error_type"),
    ),
    Kind("user_sim", USER_JUDGE, "each model call of the user simulator", _MODEL_CALL),
    Kind("evaluator", USER_JUDGE, "each model call of a judge", _MODEL_CALL),
    Kind(
        "evaluation", USER_JUDGE, "once a simulation; duration_ms is without the judges' calls",
        (*_TIME, "replay_calls", "gold_calls", "reward", "error", "error_type"),
    ),
    Kind(
        "speech", PROFILE, "speech of one side without a pause, in a log made from a recorded voice run",
        ("speaker", "speech_kind", "start_ms", *_AUDIO, "audio_overlap_ms", "answered", "audio_response_ms", "yielded", "audio_yield_ms"),
    ),
    Kind(
        "speech_work", PROFILE, "what the user's side did before it spoke in a voice run; duration_ms is wall time",
        ("work", "model", *_TIME, "timing", "input_tokens", "output_tokens", "cost_usd"),
    ),
    Kind(
        "speech_usage", PROFILE, "what a component of the agent's side used in a voice simulation",
        ("component", "model", "input_tokens", "input_audio_tokens", "cached_tokens", "output_tokens", "output_audio_tokens",
         "audio_sent_ms", "characters", "billable", "cost_usd"),
    ),
    Kind(
        "speech_summary", PROFILE, "once a voice simulation",
        ("tick_ms", "audio_ms", "audio_agent_ms", "audio_user_ms", "audio_overlap_ms", "audio_silence_ms", "ticks_wall_ms",
         "agent_cost_usd", "user_cost_usd"),
    ),
    Kind(
        "state_change", PROFILE, "a write tool changed a database; only with structured events (`--events`)",
        ("step", "function", "requestor", "database", "changed_records", "summary"),
    ),
    Kind(
        "context_reduction", PROFILE, "an agent shortened its prompt",
        ("step", "strategy", "tokens_before", "tokens_after", "limit_tokens", "messages_before", "messages_after"),
    ),
    Kind(
        "correction", PROFILE, "an agent told its model what was wrong with its reply",
        ("step", "function", "problem", "attempt", "outcome"),
    ),
    Kind(
        "agent_summary", PROFILE, "once a simulation, by agents that correct their model or shorten prompts",
        ("turns", "model_calls", "withheld", "recovered", "passed_on", "told", "reductions", "tokens_saved", "identifiers_seen",
         "identifiers_kept", "information_kept"),
    ),
    Kind(
        "retry", WARNING, "a failed model call is about to be made again",
        ("step", "model", "attempt", "start_ms", "wait_ms", "asked_ms", "error_type", "error_message"),
    ),
    Kind(
        "server_wait", WARNING, "a model call waited because none of its servers answered; error=true if none came back in time",
        ("step", "model", "endpoint", "attempt", "start_ms", "wait_ms", "error", "error_message"),
    ),
    Kind("stuck", WARNING, "a simulation exceeded its time limit", ("step", "waiting_on", "model", "elapsed_ms", "limit_ms")),
    Kind("heartbeat", INFO, "regularly for each simulation in flight", ("step", "waiting_on", "model", "elapsed_ms")),
    Kind("server_metrics", PROFILE, "regularly for each model server, at the start and at the end", _SERVER),
    Kind(
        "server_call", PROFILE,
        "each model call whose server reports its own times; written after the call's event, with its `span` and `parent`",
        ("step", "model", "endpoint", "server_source", *SERVER_CALL_MS, "input_tokens", "output_tokens", "cached_tokens"),
    ),
    Kind(
        "server_down", WARNING, "a model server does not answer; it gets no calls until it does",
        ("endpoint", "model", "start_ms", "error_message"),
    ),
    Kind("server_up", INFO, "the server answers again", ("endpoint", "model", "start_ms")),
    Kind("worker_up", INFO, "a worker process is ready for simulations", ("start_ms", "simulations")),
    Kind("worker_down", WARNING, "a worker process ended; its simulations are run again", ("start_ms", "simulations", "error_message")),
    Kind(
        "prompt_part", DEBUG,
        "a message of a prompt, or definitions of tools: once in a run, by each process that runs simulations, before a call refers to it",
        ("hash", "text"),
    ),
    Kind(
        "llm_payload", DEBUG, "what a model was sent and what it replied; the prompt by the hashes of its parts",
        ("step", "model", "continues", "sent", "tools", "messages", "reply"),
    ),
    Kind("tool_payload", DEBUG, "what a tool was given and what it returned", ("step", "function", "arguments", "result")),
    Kind("traceback", DEBUG, "where an error came from", ("step", "error_type", "traceback")),
)  # fmt: skip

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}

_LEVELS = {kind.name: kind.level for kind in _KINDS}


def level_of(type_: str, fields: Mapping[str, object]) -> int:
    """Return the level of an event: its kind's, raised by the outcome. INFO for a type that is not in the table.

    A failed call, step or evaluation is at least a WARNING. A simulation that ended in an error or a timeout is an ERROR; one that the
    agent's own model ended, and that is scored, is a WARNING.
    """
    level = _LEVELS.get(type_, INFO)
    ended = type_ == "task_end"
    if ended and fields.get("status") in ("error", "timeout"):
        return max(level, ERROR)
    failed = fields.get("error") is True or (ended and fields.get("error_type") is not None)
    return max(level, WARNING) if failed else level
