"""The events of a voice simulation of tau2 v1: each stretch of speech, tool calls, what was behind the speech, what it used.

Two clocks are never mixed: fields that begin with `audio_` are audio time, counted in ticks from the start of the conversation;
`start_ms` and `duration_ms` are wall time, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.analysis.deep.reading.messages import failed, flat, moment
from tau2_logging.analysis.recordings.recorded_simulation import MEASURED, Fields, RecordedSimulation
from tau2_logging.analysis.tables.voice.ticks import AGENT, SPEAKERS, USER, Stretch, Tick, Ticks, read_ticks, stretches
from tau2_logging.analysis.tables.voice.turn_taking import reactions, response_after

_WORK = (
    ("generation", "llm_generation_seconds", None),
    ("synthesis", "tts_synthesis_seconds", None),
    ("interrupt_check", "interrupt_check_seconds", "interrupt_check_cost"),
    ("backchannel_check", "backchannel_check_seconds", "backchannel_check_cost"),
)
"""What the user's side did before it spoke: name, and the fields of tau2's turn_taking_action with its wall time and its price."""

_USED = ("input_tokens", "output_tokens", "characters")


def tell_speech(recorded: RecordedSimulation, simulation: Mapping[str, Any], tick_s: object, user_model: object) -> bool:
    """Add the events of a simulation's ticks; returns whether these say who spoke when, without which there is nothing on turn taking."""
    rows: Sequence[Tick] = simulation["ticks"]
    times = _times(rows, recorded.began_s)
    ticks = read_ticks(simulation, tick_s)
    speech = [] if ticks is None else stretches(ticks)
    if ticks is not None:
        _tell_stretches(recorded, ticks, speech, times)
    _tell_tools(recorded, rows, ticks, speech, times)
    for row, at_s in zip(rows, times, strict=True):
        _tell_work(recorded, row, at_s, user_model)
    _tell_usage(recorded, simulation, recorded.began_s)
    recorded.event("speech_summary", times[-1], {
        **({} if ticks is None else _audio(ticks)), "ticks_wall_ms": _wall_ms(rows), **_prices(simulation),
    })  # fmt: skip
    return ticks is not None


def _times(rows: Sequence[Tick], began_s: float) -> list[float]:
    """Return the wall time of each tick's start; of one that has none, that of the tick before."""
    found, before = [], began_s
    for row in rows:
        before = moment(row.get("timestamp")) or before
        found.append(before)
    return found


def _tell_stretches(recorded: RecordedSimulation, ticks: Ticks, speech: Sequence[Stretch], times: Sequence[float]) -> None:
    for one, then in zip(speech, reactions(ticks, speech), strict=True):
        recorded.event("speech", times[one.end - 1], {
            "speaker": one.speaker, "speech_kind": one.kind, "start_ms": (times[one.first] - recorded.origin_s) * 1000,
            "audio_start_ms": ticks.time(one.first), "audio_ms": ticks.time(one.end - one.first),
            "audio_overlap_ms": ticks.time(one.overlap), "answered": then.answered, "audio_response_ms": _length(ticks, then.response),
            "yielded": then.yielded, "audio_yield_ms": _length(ticks, then.yielding),
        })  # fmt: skip


def _length(ticks: Ticks, number: int | None) -> float | None:
    return None if number is None else ticks.time(number)


def _tell_tools(
    recorded: RecordedSimulation, rows: Sequence[Tick], ticks: Ticks | None, speech: Sequence[Stretch], times: Sequence[float]
) -> None:
    """Add the tool calls, each when its result is there. In audio time it lasts from the start of its tick to the end of its result's."""
    called: dict[str, tuple[str, int]] = {}
    for number, row in enumerate(rows):
        for side in SPEAKERS:
            for call in row.get(f"{side}_tool_calls") or ():
                called[str(call.get("id"))] = str(call.get("name")), number
            for message in flat(row.get(f"{side}_tool_results") or ()):
                function, since = called.get(str(message.get("id")), ("unknown", number))
                audio = {} if ticks is None else _tool_audio(ticks, speech, since, number, side)
                at_s = moment(message.get("timestamp")) or times[number]
                recorded.call("tool_call", at_s, None, None, {**tool_call_fields(message, function), **audio})


def _tool_audio(ticks: Ticks, speech: Sequence[Stretch], since: int, until: int, side: str) -> Fields:
    waited = response_after(speech, until) if side == AGENT else None
    return {
        "audio_start_ms": ticks.time(since), "audio_ms": ticks.time(until + 1 - since), "audio_response_ms": _length(ticks, waited),
    }  # fmt: skip


def tool_call_fields(message: Mapping[str, Any], function: str) -> Fields:
    """Return the fields of a tool call that a tool's result tells."""
    is_error = failed(message)
    return {
        "function": function, "call_type": "local_function", "requestor": message.get("requestor") or "assistant", "error": is_error,
        "error_type": "ToolError" if is_error else None,
    }  # fmt: skip


def _tell_work(recorded: RecordedSimulation, row: Tick, at_s: float, model: object) -> None:
    """Add what the user's side did in a tick: all of it is wall time."""
    chunk = row.get(f"{USER}_chunk") or {}
    action = chunk.get("turn_taking_action") or {}
    for name, seconds, price in _WORK:
        took = action.get(seconds)
        told = chunk if name == "generation" else {"usage": action.get(f"{name}_usage"), "cost": action.get(price) if price else None}
        usage, cost = told.get("usage") or {}, told.get("cost")
        if took is not None or usage:
            timed: Fields = {} if took is None else {"duration_ms": float(took) * 1000, "timing": MEASURED}
            recorded.event("speech_work", at_s + float(took or 0.0), {
                "work": name, "model": None if name == "synthesis" else model, "start_ms": (at_s - recorded.origin_s) * 1000, **timed,
                "input_tokens": usage.get("prompt_tokens"), "output_tokens": usage.get("completion_tokens"),
                "cost_usd": float(cost) if cost else None,
            })  # fmt: skip


def _tell_usage(recorded: RecordedSimulation, simulation: Mapping[str, Any], at_s: float) -> None:
    """Add what the agent's side used, by component, as the session's ledger sums it up."""
    ledger = simulation.get("agent_usage") or {}
    prices = ledger.get("cost_breakdown") or {}
    for record in ledger.get("records") or ():
        name = f"{record.get('component')}:{record.get('provider')}/{record.get('model')}"
        seconds = record.get("audio_input_seconds")
        recorded.event("speech_usage", at_s, {
            "component": record.get("component"), "model": f"{record.get('provider')}/{record.get('model')}",
            **{used: record.get(used) for used in _USED}, "cached_tokens": record.get("input_cached_tokens"),
            "input_audio_tokens": record.get("input_audio_tokens"), "output_audio_tokens": record.get("output_audio_tokens"),
            "audio_sent_ms": None if seconds is None else float(seconds) * 1000,
            "cost_usd": prices.get(name) if record.get("billable", True) else None, "billable": record.get("billable"),
        })  # fmt: skip


def _audio(ticks: Ticks) -> Fields:
    """Return how long the conversation was and how its audio time was used; agent, user and silence add up to it, but for the overlap."""
    agent, user = ticks.speaks[AGENT], ticks.speaks[USER]
    both = sum(one and other for one, other in zip(agent, user, strict=True))
    silent = sum(not one and not other for one, other in zip(agent, user, strict=True))
    return {
        "tick_ms": ticks.ms, "audio_ms": ticks.time(len(ticks.rows)), "audio_agent_ms": ticks.time(sum(agent)),
        "audio_user_ms": ticks.time(sum(user)), "audio_overlap_ms": ticks.time(both), "audio_silence_ms": ticks.time(silent),
    }  # fmt: skip


def _wall_ms(rows: Sequence[Tick]) -> float | None:
    """Return the wall time of all ticks; None if one does not say."""
    found = [row.get("wall_clock_duration_seconds") for row in rows]
    return None if None in found else sum(map(float, filter(None, found))) * 1000


def _prices(simulation: Mapping[str, Any]) -> Fields:
    """Return what either side cost; tau2 writes 0 for a model whose price it does not know."""
    agent, user = simulation.get("agent_cost"), simulation.get("user_cost")
    return {"agent_cost_usd": float(agent) if agent else None, "user_cost_usd": float(user) if user else None}
