"""Results files that tau2 wrote without us (v0.1 to v1).

A file holds, of each message, when it was there, and the tokens and the price of the model's reply; since v1 also how long that took
(`generation_time_seconds`). tau2-enhanced's second file has it for tool calls. If there is none, the time since the previous message is
used instead: an upper bound, since tau2's own work is in it. Such calls say `timing=gap`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.files.enhanced_logs import with_measured_tools
from tau2_logging.analysis.deep.reading.files.results_files import (
    domain_of,
    history_length,
    made_by_us,
    number_mixed_up,
    read_file,
    simulations_of,
)
from tau2_logging.analysis.deep.reading.messages import Message, flat, messages_of, moment, ticks_of
from tau2_logging.analysis.deep.reading.run_info import settings_of
from tau2_logging.analysis.recordings.recorded_simulation import (
    GAP,
    MEASURED,
    Fields,
    LogLine,
    Missing,
    RecordedSimulation,
    note_call,
    run_lines,
)
from tau2_logging.analysis.recordings.speech_events import tell_speech, tool_call_fields
from tau2_logging.analysis.tables.outcomes import OK, recorded_ending
from tau2_logging.analysis.tables.voice.ticks import configured_tick_s
from tau2_logging.errors import UserError
from tau2_logging.events.retrieval_tools import found_fields, is_retrieval, query_of, required_of
from tau2_logging.events.secrets.masking import masked_start
from tau2_logging.events.task_hash import task_hash

_STOPS = {"###STOP###": "stop", "###TRANSFER###": "transfer", "###OUT-OF-SCOPE###": "out_of_scope"}


def results_lines(path: Path, run: str, missing: Missing) -> tuple[str, list[LogLine]]:
    """Return (domain, the lines of the log that this file amounts to). Raises UserError if it is no results file."""
    data = with_measured_tools(path, read_file(path))
    try:
        return domain_of(path, data), list(_lines(data, path, run, missing))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UserError(f"{path} is not a readable results file of tau2: {type(error).__name__}: {error}") from error


def _lines(data: Mapping[str, Any], path: Path, run: str, missing: Missing) -> Iterator[LogLine]:
    info = data["info"]
    agent, user = mapping(info.get("agent_info")), mapping(info.get("user_info"))
    context: Fields = {"domain": domain_of(path, data), "run": run}
    simulations = [(task, trial, one, _began(one)) for task, trial, one in simulations_of(data, path, missing.refused)]
    origin = min((began for *_, began in simulations if began is not None), default=moment(data.get("timestamp")) or 0.0)
    histories = {str(task["id"]): history_length(task) for task in data["tasks"]}
    missing.counts["task"] += number_mixed_up([one[:3] for one in simulations], {str(task["id"]): task for task in data["tasks"]})
    texts = {str(task["id"]): task_hash(task) for task in data["tasks"]}
    required = {str(task["id"]): required_of(task) for task in data["tasks"]}
    models = {"assistant": agent.get("llm"), "user": user.get("llm")}
    recordings = []
    for number, (task, trial, simulation, began) in enumerate(simulations):
        recorded = RecordedSimulation({**context, "trial": trial}, task, f"r{number:x}x", origin)
        recorded.begin(origin if began is None else began, simulation.get("seed"), texts.get(task), len(required.get(task, ())) or None)
        if simulation.get("messages"):
            _tell(recorded, simulation, histories.get(task, 0), models, required.get(task, ()), missing)
        else:
            _tell_ticks(recorded, simulation, configured_tick_s(info), models["user"], missing)
        recordings.append(recorded)
    source = path.name if path.name != "results.json" else f"{path.parent.name}/{path.name}"
    about: Fields = {**settings_of(info), **made_by_us(path), "recorded_from": source}
    yield from run_lines(recordings, origin, about, context)


def _began(simulation: Mapping[str, Any]) -> float | None:
    messages = flat(simulation.get("messages") or ())
    times = (moment(text) for text in (simulation.get("start_time"), *(message.get("timestamp") for message in messages)))
    return next((time for time in times if time is not None), None)


def _tell(
    recorded: RecordedSimulation,
    simulation: Mapping[str, Any],
    history: int,
    models: Mapping[str, Any],
    required: Sequence[str],
    missing: Missing,
) -> None:
    messages = messages_of(simulation)
    before: float = recorded.began_s
    names: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    for number, message in enumerate(messages[history:]):
        now = moment(message.get("timestamp"))
        names.update(_called(message))
        arguments.update({str(call.get("id")): call.get("arguments") for call in message.get("tool_calls") or ()})
        if not (number == 0 and _is_greeting(message)):
            type_, fields = _call(message, names, models)
            duration_ms, timing = _took(message, now, before)
            note_call(missing, type_, timing, fields)
            missing.counts["error"] += type_ == "tool_call" and message.get("error") is None
            at_s = before if now is None else now
            if type_ == "tool_call" and is_retrieval(str(recorded.context["domain"]), str(fields["function"]), str(fields["requestor"])):
                found = _found(message, str(fields["function"]), arguments.get(str(message.get("id"))), required, bool(fields["error"]))
                recorded.search(at_s, duration_ms, timing, fields, found)
            else:
                recorded.call(type_, at_s, duration_ms, timing, fields)
        before = before if now is None else now
    recorded.end(_length_s(simulation, missing), True, _outcome(simulation, messages))


def _tell_ticks(recorded: RecordedSimulation, simulation: Mapping[str, Any], tick_s: object, user_model: object, missing: Missing) -> None:
    """A voice run: its ticks hold speech and tool calls, and no word of which model replied when. A trimmed file may hold less."""
    has_calls, has_ticks = bool(ticks_of(simulation)), bool(simulation.get("ticks"))
    timed = has_ticks and tell_speech(recorded, simulation, tick_s, user_model)
    missing.counts.update(
        spoken=int(has_calls),
        speech=int(has_ticks and not timed),
        trimmed=int(timed and not has_calls),
        messages=int(not has_calls and not timed),
    )
    counts: Fields = {name: recorded.sums[name] for name in ("tool_calls", "tool_errors") if has_calls}
    ended = {**_outcome(simulation, messages_of(simulation)), **_session_cost(simulation)}
    recorded.end(_length_s(simulation, missing), False, {**counts, **ended})


def _length_s(simulation: Mapping[str, Any], missing: Missing) -> float | None:
    """Return how long it took, in seconds; None if the file does not say."""
    given = simulation.get("duration")
    missing.counts["duration"] += given is None
    return None if given is None else float(given)


def _called(message: Message) -> dict[str, str]:
    return {str(call.get("id")): str(call.get("name")) for call in message.get("tool_calls") or ()}


def _is_greeting(message: Message) -> bool:
    """Return whether a message is tau2's own greeting."""
    asked = message.get("usage") or message.get("cost") or message.get("generation_time_seconds") or message.get("tool_calls")
    return message.get("role") == "assistant" and not asked


def _took(message: Message, now: float | None, before: float) -> tuple[float | None, str | None]:
    """Return (length in ms, how it is known)."""
    if now is None:
        return None, None
    generation_s = message.get("generation_time_seconds")
    return (max(0.0, (now - before) * 1000), GAP) if generation_s is None else (float(generation_s) * 1000, MEASURED)


def _call(message: Message, names: Mapping[str, str], models: Mapping[str, Any]) -> tuple[str, Fields]:
    if message.get("role") == "tool":
        return "tool_call", tool_call_fields(message, names.get(str(message.get("id")), "unknown"))
    role = "user" if message.get("role") == "user" else "assistant"
    cost = message.get("cost")
    return "user_sim" if role == "user" else "llm_call", {
        "model": models[role], "has_tool_calls": bool(message.get("tool_calls")), **_tokens(message),
        "finish_reason": mapping(message.get("raw_data")).get("finish_reason"), "cost_usd": float(cost) if cost else None, "error": False,
    }  # fmt: skip


def _found(message: Message, function: str, arguments: object, required: Sequence[str], is_error: bool) -> Fields:
    query = query_of(function, arguments)
    found = found_fields(function, str(message.get("content")), required, is_error)
    return {"query": None if query is None else masked_start(query), **found}


def _tokens(message: Message) -> Fields:
    """Return tokens as tau2 notes them; cached and reasoning tokens, which it may leave out, also from the provider's own reply
    (`raw_data`)."""
    usage = mapping(message.get("usage"))
    both = (usage, mapping(mapping(message.get("raw_data")).get("usage")))
    given = {
        "input_tokens": [usage.get("prompt_tokens")],
        "output_tokens": [usage.get("completion_tokens")],
        "cached_tokens": [mapping(part.get("prompt_tokens_details")).get("cached_tokens") for part in both],
        "reasoning_tokens": [mapping(part.get("completion_tokens_details")).get("reasoning_tokens") for part in both],
    }
    found = {name: next((value for value in values if _is_count(value)), None) for name, values in given.items()}
    return {name: int(value) for name, value in found.items() if value is not None}


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _outcome(simulation: Mapping[str, Any], messages: Sequence[Message]) -> Fields:
    termination = simulation.get("termination_reason")
    text = next((str(message.get("content")) for message in reversed(messages) if message.get("role") == "user"), "")
    stopped = next((name for token, name in _STOPS.items() if token in text), None) if termination == "user_stop" else None
    status, reward = recorded_ending(termination, mapping(simulation.get("reward_info")).get("reward"))
    return {"status": status, "reward": reward, "termination": termination, "stop_token": stopped, **_error(simulation, status)}


def _session_cost(simulation: Mapping[str, Any]) -> Fields:
    """Return what a voice simulation cost, which its ticks do not add up to; nothing if tau2 does not know it of both sides."""
    agent, user = simulation.get("agent_cost"), simulation.get("user_cost")
    return {"cost_usd": float(agent) + float(user), "agent_cost_usd": float(agent)} if agent and user else {}


def _error(simulation: Mapping[str, Any], status: str) -> Fields:
    """Return what tau2 noted of the error that ended a simulation."""
    noted = mapping(simulation.get("info"))
    return {} if status == OK else {"error_type": str(noted.get("error_type") or simulation.get("termination_reason"))}
