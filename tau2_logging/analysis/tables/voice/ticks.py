"""Who spoke when in a voice simulation of tau2 v1, by its ticks.

A tick is a part of the conversation of fixed length in audio time. It holds what both sides said meanwhile. How long tau2 took to make
it is another matter (wall time), which says nothing about the conversation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

AGENT, USER = "agent", "user"
SPEAKERS = (AGENT, USER)

TURN, INTERRUPTION, BACKCHANNEL, VOCAL_TIC, NON_DIRECTED = "turn", "interruption", "backchannel", "vocal_tic", "non_directed"
"""Kinds of a stretch of speech: in turn; begun while the other side spoke; and what the user says that asks for no reply: a backchannel
("mm-hm"), a noise of the speaker such as a cough, words to somebody else."""

Tick = Mapping[str, Any]


@dataclass(frozen=True)
class Ticks:
    """The ticks of a simulation that count: `ms` is their length in audio time, `speaks` says of each whether a side speaks."""

    rows: Sequence[Tick]
    ms: float
    speaks: Mapping[str, Sequence[bool]]

    def time(self, number: float) -> float:
        """Return the audio time of so many ticks, in ms."""
        return number * self.ms


@dataclass(frozen=True)
class Stretch:
    """Speech of one side without a pause, from tick `first` to before tick `end`. `overlap`: ticks of it in which the other side spoke,
    too; `other_after`: whether the other side spoke in the tick after it."""

    speaker: str
    kind: str
    first: int
    end: int
    overlap: int
    other_after: bool


def read_ticks(simulation: Mapping[str, Any], configured_s: object = None) -> Ticks | None:
    """Return the ticks of a simulation; None if they do not say how long they are, or who speaks in them, or if some were taken out.

    `configured_s`: the length that the run's settings give, for files whose ticks do not have it. tau2 ends a conversation with a tick of
    its own, in which the user only says that it is over: it is left out.
    """
    rows = list(simulation.get("ticks") or ())
    lengths = {row.get("tick_duration_seconds") for row in rows} - {None} or {configured_s}
    numbers = [row.get("tick_id") for row in rows]
    speaks = {side: [_speaks(row.get(f"{side}_chunk")) for row in rows] for side in SPEAKERS}
    length = lengths.pop() if len(lengths) == 1 else None
    known = all(None not in side for side in speaks.values())
    if not known or not isinstance(length, int | float) or length <= 0 or numbers != list(range(len(rows))):
        return None
    said = {side: [bool(one) for one in values] for side, values in speaks.items()}
    if said[USER][-1:] == [True] and said[USER][-2:-1] == [False]:
        rows, said = rows[:-1], {side: values[:-1] for side, values in said.items()}
    return Ticks(rows, float(length) * 1000, said)


def configured_tick_s(info: Mapping[str, Any]) -> object:
    """Return the length of a tick in seconds that a results file's `info` gives; None if it gives none."""
    return (info.get("audio_native_config") or {}).get("tick_duration_seconds")


def _speaks(chunk: Any) -> bool | None:
    """Return whether a chunk holds speech; a side without a chunk is silent."""
    if chunk is None:
        return False
    speaks = chunk.get("contains_speech")
    return speaks if isinstance(speaks, bool) else None


def stretches(ticks: Ticks) -> list[Stretch]:
    """Return all speech in the order of its start; the user's first if both begin in one tick, since tau2 asks the user first."""
    found = [stretch for side in (USER, AGENT) for stretch in _stretches_of(ticks, side)]
    return sorted(found, key=lambda stretch: stretch.first)


def _stretches_of(ticks: Ticks, side: str) -> Iterator[Stretch]:
    mine, other = ticks.speaks[side], ticks.speaks[AGENT if side == USER else USER]
    for speaks, numbers in groupby(range(len(mine)), key=mine.__getitem__):
        if speaks:
            span = list(numbers)
            first, end = span[0], span[-1] + 1
            kind = _kind(ticks, side, span, other[first])
            yield Stretch(side, kind, first, end, sum(other[first:end]), end < len(other) and other[end])


def _kind(ticks: Ticks, side: str, span: Sequence[int], over: bool) -> str:
    chunks = [ticks.rows[number].get(f"{side}_chunk") or {} for number in span]
    if (chunks[0].get("turn_taking_action") or {}).get("action") == BACKCHANNEL:
        return BACKCHANNEL
    inserts = {insert for chunk in chunks for insert in _inserts(chunk)} if over else set()
    if inserts and side == USER:
        return VOCAL_TIC if VOCAL_TIC in inserts else NON_DIRECTED
    return INTERRUPTION if over else TURN


def _inserts(chunk: Mapping[str, Any]) -> Iterator[str]:
    """Yield the kinds of sounds that tau2 put into the user's speech and that are not meant for the agent."""
    for source in ("speech_effects", "source_effects"):
        insert = (chunk.get(source) or {}).get("speech_insert")
        if insert:
            yield VOCAL_TIC if insert.get("type", VOCAL_TIC) == VOCAL_TIC else NON_DIRECTED
