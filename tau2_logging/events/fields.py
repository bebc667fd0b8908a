"""The one table of fields. Writer, reader, typed columns and docs/events.md are made from it; adding a field is one row.

A field's type says how a value is written and read back:

    str    text                                   task=7 (a bare 7 in a text field is the text "7")
    int    whole number                           step=3
    bool   true or false                          error=false
    float  decimal number                         reward=1.0
    ms     milliseconds, three decimals always    duration_ms=0.084
    usd    US dollars, nine decimals always       cost_usd=0.001250000

A field that is not in the table is kept too; its type is then read from how the value looks (see `logfmt`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One row: `name` as written before the `=`, `type` (see the module), `doc` with the unit where there is one."""

    name: str
    type: str
    doc: str


_ROWS = (
    # where an event belongs
    ("domain", "str", "tau2 domain of the simulation; `domain@arm` where a run compares arms"),
    ("trial", "int", "0-based trial of the task"),
    ("run", "str", "id of the run (one start of run_local.py, and its resumptions)"),
    ("host", "str", "machine of the worker, where simulations run in worker processes"),
    ("worker", "str", "the worker process, named anew when another takes its place"),
    ("span", "str", "id of this operation, unique within the run"),
    ("parent", "str", "span of the operation that this one is part of"),
    # time
    ("start_ms", "ms", "start of the operation, since the run began"),
    ("duration_ms", "ms", "length of the operation on a monotonic clock"),
    ("total_duration_ms", "ms", "length of a step with everything in it"),
    ("elapsed_ms", "ms", "time since what is waited on began"),
    ("wait_ms", "ms", "pause before the next attempt, or wait until a server was back"),
    ("asked_ms", "ms", "pause that the provider asked for, if it was longer than --max-retry-wait and was cut down to it"),
    ("limit_ms", "ms", "the limit that was passed"),
    ("queue_ms", "ms", "part of duration_ms spent waiting in this process (connection pool, rate limit)"),
    ("ttft_ms", "ms", "time to first token of a stream, from when the request went out: first content or call, on vLLM the first chunk"),
    ("decode_ms", "ms", "from the first token to the last"),
    # who and what
    ("step", "int", "orchestrator step, 0-based"),
    ("from_role", "str", "who acted in the step: agent, user or env"),
    ("to_role", "str", "who is next"),
    ("model", "str", "model as it was asked for"),
    ("expert", "str", "alias of the expert model"),
    ("function", "str", "name of the tool, as the model wrote it"),
    (
        "call_type",
        "str",
        "what served the call: scripted, openai, claude, another provider; vllm, llamacpp, sglang, litellm_proxy, ... "
        "if the server says so itself, else openai_compatible; local_function for tools",
    ),
    ("requestor", "str", "who asked for the tool: assistant or user"),
    ("variant", "str", "variant of the user simulator"),
    ("task_hash", "str", "start of the SHA-256 of the task's text (scenario, reference actions), which releases of tau2 change"),
    ("prompt_hash", "str", "start of the SHA-256 of the user's system prompt: the one meant at task_start, the one sent at user_sim"),
    ("endpoint", "str", "host:port the request went to"),
    ("has_tool_calls", "bool", "the reply holds tool calls"),
    ("finish_reason", "str", "why the model stopped: stop, tool_calls, length, ..."),
    ("attempt", "int", "1 for the first try of a call, 2 for its first retry, ..."),
    # tokens and money
    ("input_tokens", "int", "prompt tokens, cached ones included"),
    ("output_tokens", "int", "completion tokens, reasoning ones included"),
    ("cached_tokens", "int", "prompt tokens the provider read from its cache"),
    ("cache_write_tokens", "int", "prompt tokens the provider wrote to its cache, part of input_tokens"),
    ("reasoning_tokens", "int", "completion tokens spent on reasoning"),
    ("cost_usd", "usd", "price of the call; absent where the price is not known"),
    ("agent_cost_usd", "usd", "price of the agent's and the experts' calls alone"),
    # outcome
    ("error", "bool", "the call failed"),
    ("error_type", "str", "class of the failure"),
    ("error_message", "str", "what the failure said, secrets masked, shortened"),
    ("status", "str", "ok (ended and scored; with error_type if the agent's own model failed), error or timeout"),
    ("reward", "float", "reward as the harness gives it: tau2's, or with --harness maseval that of MASEval's evaluator"),
    ("tau2_reward", "float", "with --harness maseval: the same conversation scored by tau2's evaluator"),
    ("termination", "str", "tau2's termination reason; with an error_type, whose model failed: agent_error, user_error or judge_error"),
    ("stop_token", "str", "which token ended a user_stop: stop, transfer or out_of_scope"),
    # exclusive time of a simulation; these add up to its duration_ms
    ("llm_ms", "ms", "time in which the agent's model was the innermost thing at work"),
    ("user_ms", "ms", "the same for the user simulator's model"),
    ("tool_ms", "ms", "the same for live tools"),
    ("expert_ms", "ms", "the same for expert models"),
    ("judge_ms", "ms", "the same for judges' models"),
    ("evaluation_ms", "ms", "the same for tau2's evaluator, without its judges"),
    ("setup_ms", "ms", "building the environment, agent and user, up to the first step"),
    ("other_ms", "ms", "everything else: tau2's own work, waits before retries, logging"),
    # counts
    ("steps", "int", "orchestrator steps"),
    ("llm_calls", "int", "model calls of the agent, failed ones included"),
    ("user_calls", "int", "model calls of the user simulator"),
    ("expert_calls", "int", "calls of expert models"),
    ("judge_calls", "int", "model calls of judges"),
    ("tool_calls", "int", "live tool calls"),
    ("tool_errors", "int", "live tool calls that returned an error"),
    ("llm_errors", "int", "model calls of any role that failed"),
    ("retries", "int", "repeated model calls"),
    ("replay_calls", "int", "tool calls the evaluator repeated from the trajectory (never counted as tool_call)"),
    ("gold_calls", "int", "reference actions the evaluator played (never counted as tool_call)"),
    # state, and agents that recover
    ("database", "str", "whose database: agent or user"),
    ("changed_records", "int", "records of a database that differ"),
    ("summary", "str", "the differences in words, masked, shortened"),
    ("strategy", "str", "how a prompt was made shorter: results, summary, window; several joined by `+`"),
    ("tokens_before", "int", "tokens of the prompt as it would have been sent"),
    ("tokens_after", "int", "tokens of the prompt that was sent"),
    ("limit_tokens", "int", "the most tokens a prompt may have"),
    ("messages_before", "int", "messages of the prompt as it would have been sent"),
    ("messages_after", "int", "messages of the prompt that was sent"),
    ("problem", "str", "what was wrong with a reply: unknown_tool, invalid_arguments, tool_error"),
    ("outcome", "str", "what came of it: asked_again, passed_on, told"),
    ("turns", "int", "replies an agent handed to tau2"),
    ("model_calls", "int", "model calls an agent made for them"),
    ("withheld", "int", "wrong calls, or replies, that an agent did not hand on"),
    ("recovered", "int", "turns with a withheld reply that ended in a right one"),
    ("passed_on", "int", "wrong calls an agent handed on because its attempts ran out"),
    ("told", "int", "tool errors an agent explained to its model"),
    ("reductions", "int", "prompts an agent made shorter"),
    ("tokens_saved", "int", "sum of tokens_before less tokens_after"),
    ("identifiers_seen", "int", "identifiers in what was shortened or taken out"),
    ("identifiers_kept", "int", "those of them that stood in the prompt that was sent"),
    ("information_kept", "float", "identifiers_kept / identifiers_seen"),
    # waiting
    ("waiting_on", "str", "what the simulation waits on: llm_call, user_sim, evaluator, a tool's name, ..."),
    # run
    ("schema", "int", "version of this format"),
    ("utc_offset", "str", "offset of the log's local times, as +HH:MM"),
    ("tau2_version", "str", "distribution and version of tau2"),
    ("litellm_version", "str", "version of litellm"),
    ("python_version", "str", "version of Python"),
    ("tau2_logging_version", "str", "version of this package"),
    ("argv", "str", "command line; arguments and servers' words masked unless known to be harmless"),
    ("harness", "str", "who runs the simulations, where it is not tau2 itself: name and version"),
    ("agent", "str", "agent implementation"),
    ("agent_args", "str", "settings of the agent itself, JSON, secrets masked"),
    ("user", "str", "user implementation"),
    ("agent_llm", "str", "the agent's model"),
    ("agent_llm_args", "str", "arguments of its calls as they are in force, JSON; masked unless known to be harmless"),
    ("user_llm", "str", "the user simulator's model"),
    ("user_llm_args", "str", "arguments of its calls as they are in force, JSON; masked unless known to be harmless"),
    ("judge_llm", "str", "the judges' model"),
    ("judge_llm_args", "str", "arguments of its calls as they are in force, JSON; masked unless known to be harmless"),
    ("experts", "str", "the experts, as alias=model, comma-separated"),
    ("expert_mode", "str", "advise: experts answer the agent; delegate: they take its turn"),
    ("expert_args", "str", "settings of the experts by alias, JSON; arguments masked unless known to be harmless"),
    ("max_steps", "int", "most steps of a simulation"),
    ("max_errors", "int", "most tool errors of a simulation"),
    ("seed", "int", "seed of the run or the simulation"),
    ("seeds", "str", "seed of each trial, comma-separated"),
    ("recorded_from", "str", "what this log was made from afterwards: a results file that was recorded without a log"),
    ("timing", "str", "how the duration of a call is known, in such a log: measured, or gap (since the message before: an upper bound)"),
    ("resumed", "bool", "this start goes on with an earlier run; durations of the run are then not wall time"),
    ("simulations", "int", "simulations: planned at run_start, recorded at run_end, at a time at worker_up, lost at worker_down"),
    ("ok", "int", "simulations that finished"),
    ("errors", "int", "simulations that ended in error"),
    (
        "model_failures",
        "int",
        "simulations that the agent's own model ended (agent_error): in `ok`, or with --model-failures error in `errors`",
    ),
    ("timeouts", "int", "simulations past the time limit"),
    ("pending", "int", "simulations not finished when the run stopped"),
    ("mean_reward", "float", "mean reward of the simulations that finished"),
    ("signal", "str", "signal that stopped the run"),
    ("stopped_by", "str", "what stopped the run: max_cost, max_tokens_total, server_wait (no server was back in time), servers_ended"),
    # model servers; counters and sums are cumulative, as the server gives them
    ("sample", "int", "0-based number of the sample of this server, in this start of the run"),
    ("running", "int", "requests the server is working on"),
    ("waiting", "int", "requests that wait in the server's queue"),
    ("kv_cache_use", "float", "share of the server's KV cache that is in use, 0 to 1"),
    ("prefix_queries", "int", "prompt tokens looked up in the prefix cache"),
    ("prefix_hits", "int", "prompt tokens found there"),
    ("preemptions", "int", "requests put back into the queue for lack of KV cache"),
    ("prompt_tokens", "int", "prompt tokens processed, those from the cache included"),
    ("prompt_tokens_computed", "int", "prompt tokens computed, those from the cache left out"),
    ("generation_tokens", "int", "tokens generated"),
    ("decode_steps", "int", "times the model was run, each time for all requests at work"),
    ("queue_sum_ms", "ms", "time of all requests in the server's queue"),
    ("queue_count", "int", "requests in queue_sum_ms"),
    ("prefill_sum_ms", "ms", "time of all requests from their start in the engine to their first token"),
    ("prefill_count", "int", "requests in prefill_sum_ms"),
    ("decode_sum_ms", "ms", "time of all requests from their first token to their last"),
    ("decode_count", "int", "requests in decode_sum_ms"),
    ("ttft_sum_ms", "ms", "time of all requests from their arrival at the server to their first token"),
    ("ttft_count", "int", "requests in ttft_sum_ms"),
    ("e2e_sum_ms", "ms", "time of all requests from their arrival at the server to their end"),
    ("e2e_count", "int", "requests in e2e_sum_ms: those the server has finished"),
    # one call as its model server saw it, by the server's clock
    ("server_source", "str", "who told it: trace (the server's OpenTelemetry span of the request) or reply (timings in its answer)"),
    ("server_queue_ms", "ms", "waiting in the server's queue"),
    (
        "server_ttft_ms",
        "ms",
        "from the request's arrival at the server to its first token: queue, prefill, and the server's own work before",
    ),
    ("server_prefill_ms", "ms", "from the request's start in the engine to its first token"),
    ("server_decode_ms", "ms", "from the first token to the last"),
    ("server_e2e_ms", "ms", "from the request's arrival at the server to its end"),
    # DEBUG payloads
    ("messages", "str", "messages sent to the model, JSON, secrets masked"),
    ("reply", "str", "the model's reply, JSON, secrets masked"),
    ("arguments", "str", "a tool's arguments, JSON, secrets masked"),
    ("result", "str", "what a tool returned, secrets masked"),
    ("traceback", "str", "Python traceback, secrets masked"),
)

FIELDS: dict[str, Field] = {name: Field(name, type_, doc) for name, type_, doc in _ROWS}

CONTEXT_FIELDS = ("domain", "trial", "run", "host", "worker", "span", "parent")
"""Written last, in this order, on every event that has them."""


def field_type(name: str) -> str | None:
    """Type of a field of the table, None for a field that is not in it."""
    field = FIELDS.get(name)
    return field.type if field is not None else None
