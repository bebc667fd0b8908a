"""The one table of fields. Writer, reader, typed columns and docs/events.md are made from it; adding a field is one row.

A field's type says how a value is written and read back:

    str    text                                   task=7 (a bare 7 in a text field is the text "7")
    int    whole number                           step=3
    bool   true or false                          error=false
    float  decimal number                         reward=1.0
    ms     milliseconds, three decimals always    duration_ms=0.084
    usd    US dollars, nine decimals always       cost_usd=0.001250000

A field that is not in the table is kept too; its type is then guessed from the value (see `logfmt`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One row: `name` as written before the `=`, `type` (see the module), `doc` with the unit, if there is one."""

    name: str
    type: str
    doc: str


_ROWS = (
    # which simulation an event belongs to
    ("domain", "str", "tau2 domain of the simulation; `domain@arm` if the run compares arms"),
    ("trial", "int", "0-based trial of the task"),
    ("run", "str", "id of the run (one start of run_local.py, and its resumptions)"),
    ("host", "str", "machine of the worker, if simulations run in worker processes"),
    ("worker", "str", "name of the worker process; a process that replaces it has another name"),
    ("span", "str", "id of this operation, unique within the run"),
    ("parent", "str", "span of the operation that this one is part of"),
    # time
    ("start_ms", "ms", "start of the operation, since the run began"),
    ("duration_ms", "ms", "length of the operation on a monotonic clock"),
    ("total_duration_ms", "ms", "length of a step, or of a call that has others in it, with everything in it"),
    ("elapsed_ms", "ms", "time since it started to wait"),
    ("wait_ms", "ms", "pause before the next attempt, or until a server answered again"),
    ("asked_ms", "ms", "pause that the provider asked for, if it is longer than --max-retry-wait, which then limits wait_ms"),
    ("limit_ms", "ms", "the limit that was exceeded"),
    ("queue_ms", "ms", "part of duration_ms spent waiting in this process (connection pool, rate limit)"),
    ("cpu_ms", "ms", "CPU time of this process's thread in the call: client libraries, reading the answer; absent for asynchronous calls"),
    (
        "ttft_ms",
        "ms",
        "time from sending the request to the stream's first token: first content or tool call, on vLLM first chunk",
    ),
    ("decode_ms", "ms", "from the first token to the last"),
    # who and what
    ("step", "int", "orchestrator step, 0-based"),
    ("from_role", "str", "who acted in the step: agent, user or env"),
    ("to_role", "str", "who is next"),
    ("model", "str", "model, as the request named it"),
    ("expert", "str", "alias of the expert model"),
    ("function", "str", "name of the tool, as the model wrote it"),
    (
        "call_type",
        "str",
        "what served the call: scripted, recorded, openai, claude, another provider; vllm, llamacpp, sglang, litellm_proxy, ... "
        "if the server identifies itself, else openai_compatible; local_function for tools",
    ),
    ("requestor", "str", "who asked for the tool: assistant or user"),
    ("query", "str", "what was searched for, secrets masked, shortened"),
    ("documents", "str", "ids of the documents that the agent read, best first, comma-separated; absent if the answer does not tell"),
    ("returned", "int", "how many documents that are"),
    ("required", "int", "how many documents the task requires, by tau2's data"),
    ("required_found", "str", "ids of those that are among `documents`, comma-separated"),
    ("variant", "str", "variant of the user simulator"),
    ("task_hash", "str", "start of the SHA-256 of the task's text (scenario, reference actions), which releases of tau2 change"),
    (
        "prompt_hash",
        "str",
        "start of the SHA-256 of the user's system prompt: the intended one (task_start), the one sent (user_sim)",
    ),
    ("played_before", "bool", "the conversation was played in an earlier start of the run, and is only evaluated now"),
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
    ("cost_usd", "usd", "price of the call; absent if the price is unknown"),
    ("agent_cost_usd", "usd", "price of the calls of the agent, its experts and its retrieval alone"),
    ("embedding_tokens", "int", "tokens that a retrieval's models read, if it asked any"),
    ("embedding_cost_usd", "usd", "price of a retrieval's models, if it asked any; absent if a price is unknown"),
    # outcome
    ("error", "bool", "the call failed"),
    ("error_type", "str", "class of the failure"),
    ("injected", "str", "fault that the tool committed on purpose (`--tool-faults`): error, timeout, stale, empty, slow"),
    ("error_message", "str", "text of the failure, secrets masked, shortened"),
    ("status", "str", "ok (ended and scored; with error_type if the agent's own model failed), error or timeout"),
    ("reward", "float", "reward from the harness: tau2's evaluator, or MASEval's with --harness maseval"),
    ("tau2_reward", "float", "with --harness maseval: reward of the same conversation from tau2's evaluator"),
    ("termination", "str", "tau2's termination reason; with an error_type, whose model failed: agent_error, user_error or judge_error"),
    ("stop_token", "str", "which token ended a user_stop: stop, transfer or out_of_scope"),
    # exclusive time of a simulation; these add up to its duration_ms
    ("llm_ms", "ms", "time in which the agent's model was the innermost operation in progress"),
    ("user_ms", "ms", "the same for the user simulator's model"),
    ("tool_ms", "ms", "the same for live tools"),
    ("expert_ms", "ms", "the same for expert models"),
    ("judge_ms", "ms", "the same for judges' models"),
    ("evaluation_ms", "ms", "the same for tau2's evaluator, without its judges"),
    ("retrieval_ms", "ms", "the same for tools that search documents, without the models that they ask"),
    ("embedding_ms", "ms", "the same for embedding models, and for models that rank documents"),
    ("setup_ms", "ms", "building the environment, agent and user, until the first step"),
    ("other_ms", "ms", "everything else: tau2's own work, waits before retries, logging"),
    # counts
    ("steps", "int", "orchestrator steps"),
    ("llm_calls", "int", "model calls of the agent, failed ones included"),
    ("user_calls", "int", "model calls of the user simulator"),
    ("expert_calls", "int", "calls of expert models"),
    ("judge_calls", "int", "model calls of judges"),
    ("embedding_calls", "int", "calls of embedding models, and of models that rank documents"),
    ("tool_calls", "int", "live tool calls"),
    ("retrieval_calls", "int", "live calls of tools that search documents"),
    ("tool_errors", "int", "live tool calls that returned an error"),
    ("llm_errors", "int", "model calls of any role that failed"),
    ("retries", "int", "repeated model calls"),
    ("replay_calls", "int", "tool calls of the trajectory that the evaluator repeated (never counted as tool_call)"),
    ("gold_calls", "int", "reference actions that the evaluator carried out (never counted as tool_call)"),
    # database changes, and agents that correct their model
    ("database", "str", "whose database: agent or user"),
    ("changed_records", "int", "records of the database that changed"),
    ("summary", "str", "the changes in words, masked, shortened"),
    ("strategy", "str", "how a prompt was shortened: results, summary, window; several are joined by `+`"),
    ("tokens_before", "int", "tokens of the prompt as it would have been sent"),
    ("tokens_after", "int", "tokens of the prompt that was sent"),
    ("limit_tokens", "int", "the most tokens a prompt may have"),
    ("messages_before", "int", "messages of the prompt as it would have been sent"),
    ("messages_after", "int", "messages of the prompt that was sent"),
    ("problem", "str", "what was wrong with a reply: unknown_tool, invalid_arguments, tool_error"),
    ("outcome", "str", "what the agent did: asked_again, passed_on, told"),
    ("turns", "int", "replies that the agent returned to tau2"),
    ("model_calls", "int", "model calls that the agent made for them"),
    ("withheld", "int", "wrong calls or replies that the agent did not pass on"),
    ("recovered", "int", "turns with a withheld reply that ended with a correct one"),
    ("passed_on", "int", "wrong calls that the agent passed on because it had no attempts left"),
    ("told", "int", "tool errors that the agent explained to its model"),
    ("reductions", "int", "prompts that the agent shortened"),
    ("tokens_saved", "int", "sum of tokens_before less tokens_after"),
    ("identifiers_seen", "int", "identifiers in text that was shortened or removed"),
    ("identifiers_kept", "int", "those of them that were still in the prompt that was sent"),
    ("information_kept", "float", "identifiers_kept / identifiers_seen"),
    # waiting
    ("waiting_on", "str", "what the simulation waits on: llm_call, user_sim, evaluator, a tool's name, ..."),
    # voice; fields that begin with `audio_` are audio time, counted in ticks of the conversation, and not wall time
    ("speaker", "str", "who speaks: agent or user"),
    (
        "speech_kind",
        "str",
        "turn; interruption: the other side spoke when it began; of the user also backchannel, vocal_tic and non_directed, which ask for "
        "no reply",
    ),
    ("audio_start_ms", "ms", "start in audio time, since the conversation began"),
    ("audio_ms", "ms", "length in audio time; of a tool call from the start of its tick to the end of that of its result"),
    ("audio_overlap_ms", "ms", "audio time in which both sides spoke"),
    ("audio_agent_ms", "ms", "audio time in which the agent spoke"),
    ("audio_user_ms", "ms", "audio time in which the user spoke"),
    ("audio_silence_ms", "ms", "audio time in which nobody spoke"),
    ("answered", "bool", "the agent spoke after the user's turn before the user had to speak again; absent if neither did"),
    ("audio_response_ms", "ms", "audio time until the agent spoke next: from the end of the user's turn, from a tool's result"),
    ("yielded", "bool", "the side that was interrupted fell silent within 2 s of audio time"),
    ("audio_yield_ms", "ms", "audio time until it did"),
    ("tick_ms", "ms", "length of a tick in audio time: audio times are multiples of it"),
    ("ticks_wall_ms", "ms", "wall time of all ticks"),
    ("work", "str", "generation (the user's model), synthesis, interrupt_check, backchannel_check"),
    ("component", "str", "realtime (speech to speech), llm, stt (transcription) or tts (synthesis)"),
    ("input_audio_tokens", "int", "those of input_tokens that are audio"),
    ("output_audio_tokens", "int", "those of output_tokens that are audio"),
    ("audio_sent_ms", "ms", "length of the audio that was sent to be transcribed"),
    ("characters", "int", "characters that were synthesized"),
    ("billable", "bool", "whether the provider bills by this record"),
    ("user_cost_usd", "usd", "price of the user simulator's model calls"),
    # run
    ("schema", "int", "version of this format"),
    ("utc_offset", "str", "offset of the log's local times, as +HH:MM"),
    ("tau2_version", "str", "distribution and version of tau2"),
    ("tau2_data", "str", "tasks and databases of tau2 that a run is on: v0.2 or v1, which are not comparable"),
    ("retrieval_config", "str", "how the agent of banking_knowledge finds documents, by tau2's own name"),
    ("litellm_version", "str", "version of litellm"),
    ("python_version", "str", "version of Python"),
    ("tau2_logging_version", "str", "version of this package"),
    ("argv", "str", "command line; arguments and servers' words masked unless known to be harmless"),
    ("harness", "str", "what runs the simulations, if it is not tau2 itself: name and version"),
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
    ("tool_faults", "str", "faults that the tools commit on purpose (`--tool-faults`)"),
    ("max_steps", "int", "most steps of a simulation"),
    ("max_errors", "int", "most tool errors of a simulation"),
    ("seed", "int", "seed of the run or the simulation"),
    ("seeds", "str", "seed of each trial, comma-separated"),
    ("max_evaluations", "int", "evaluations at a time that ask a judge, if they hold no place of a simulation (--max-evaluations)"),
    (
        "replayed_from",
        "str",
        "the recordings that answer instead of models, as agent=PATH,user=PATH: calls cost nothing, tokens are the recorded ones",
    ),
    ("recorded_from", "str", "the results file that this log was made from, if the run itself wrote no log"),
    ("branched_from", "str", "the recorded simulation that this run goes on from, as run/domain/task/trial; it is never pooled with it"),
    ("branched_at", "str", "the turns after which its simulations begin, comma-separated"),
    ("rejudged_from", "str", "the runs or files whose conversations this run judges again, comma-separated; none of them was played again"),
    (
        "timing",
        "str",
        "in a log made from a results file: duration measured, or gap (time since the previous message, an upper bound)",
    ),
    ("resumed", "bool", "this start continues an earlier run; durations of the run are then not wall time"),
    ("simulations", "int", "number of simulations: planned (run_start), recorded (run_end), at a time (worker_up), lost (worker_down)"),
    ("ok", "int", "simulations that finished"),
    ("errors", "int", "simulations that ended in an error"),
    (
        "model_failures",
        "int",
        "simulations that the agent's own model ended (agent_error); counted in `ok` too, or with --model-failures error in `errors`",
    ),
    ("timeouts", "int", "simulations that exceeded the time limit"),
    ("pending", "int", "simulations not finished when the run stopped"),
    ("mean_reward", "float", "mean reward of the simulations that finished"),
    ("signal", "str", "signal that stopped the run"),
    ("stopped_by", "str", "what stopped the run: max_cost, max_tokens_total, server_wait (no server answered in time), servers_ended"),
    # model servers; counters and sums are cumulative, as the server gives them
    ("sample", "int", "0-based number of the sample of this server, in this start of the run"),
    ("running", "int", "requests the server is working on"),
    ("waiting", "int", "requests in the server's queue"),
    ("kv_cache_use", "float", "share of the server's KV cache in use, 0 to 1"),
    ("prefix_queries", "int", "prompt tokens looked up in the prefix cache"),
    ("prefix_hits", "int", "prompt tokens found there"),
    ("preemptions", "int", "requests put back into the queue for lack of KV cache"),
    ("prompt_tokens", "int", "prompt tokens processed, cached ones included"),
    ("prompt_tokens_computed", "int", "prompt tokens computed, without cached ones"),
    ("generation_tokens", "int", "tokens generated"),
    ("decode_steps", "int", "forward passes of the model, each for all running requests"),
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
    (
        "server_source",
        "str",
        "source of the times: trace (the server's OpenTelemetry span of the request) or reply (timings in its answer)",
    ),
    ("server_queue_ms", "ms", "waiting in the server's queue"),
    (
        "server_ttft_ms",
        "ms",
        "from the request's arrival at the server to its first token: queue, prefill, and the server's own work before them",
    ),
    ("server_prefill_ms", "ms", "from the request's start in the engine to its first token"),
    ("server_decode_ms", "ms", "from the first token to the last"),
    ("server_e2e_ms", "ms", "from the request's arrival at the server to its end"),
    # DEBUG payloads
    ("hash", "str", "name of a part of prompts: start of the SHA-256 of its text"),
    ("text", "str", "a message of a prompt, or definitions of tools, JSON, secrets masked"),
    ("continues", "str", "span of an earlier call of the simulation: the prompt starts with all of that call's"),
    ("sent", "str", "hashes of the messages sent (with `continues`: after those), comma-separated; their texts are in prompt_part"),
    ("tools", "str", "hash of the definitions of the tools that the model was given"),
    ("messages", "str", "the whole prompt, JSON, secrets masked; in logs of earlier versions, and if it is no list of messages"),
    ("reply", "str", "the model's reply, JSON, secrets masked"),
    ("arguments", "str", "a tool's arguments, JSON, secrets masked"),
    ("result", "str", "what a tool returned, secrets masked"),
    ("traceback", "str", "Python traceback, secrets masked"),
)

FIELDS: dict[str, Field] = {name: Field(name, type_, doc) for name, type_, doc in _ROWS}

CONTEXT_FIELDS = ("domain", "trial", "run", "host", "worker", "span", "parent")
"""Written last, in this order, on every event that has them."""


def field_type(name: str) -> str | None:
    """Return the type of a field of the table, None for a field that is not in it."""
    field = FIELDS.get(name)
    return field.type if field is not None else None
