"""A voice simulation as messages: what was said, stretch by stretch, and the tool calls of its ticks, which hold them as messages do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tau2_logging.analysis.tables.voice.ticks import AGENT, SPEAKERS, USER, Tick, Ticks, read_ticks

ROLES = {AGENT: "assistant", USER: "user"}
Message = dict[str, Any]


def spoken_messages(simulation: Mapping[str, Any], configured_s: object = None) -> list[Message]:
    """Return messages in the order in which they begin; empty if the file was trimmed of texts and calls.

    What was spoken has `audio_start_ms` and `audio_ms` (audio time) if ticks tell them; the user's speech also `heard`, what the agent's
    side understood, if that was transcribed. tau2's greeting and the user's last word are texts that nobody spoke: they have no audio_ms.
    """
    rows = list(simulation.get("ticks") or ())
    ticks = read_ticks(simulation, configured_s)
    found = [(number, order, message) for side in SPEAKERS for number, order, message in _said(rows, ticks, side)]
    found += [
        (number, order, message) for number, row in enumerate(rows) for order, message in _called(row, _times(ticks, [number], False))
    ]
    return [message for *_, message in sorted(found, key=lambda one: one[:2])]


def _said(rows: Sequence[Tick], ticks: Ticks | None, side: str) -> Iterator[tuple[int, int, Message]]:
    chunks = [row.get(f"{side}_chunk") or {} for row in rows]
    for speaks, numbers in groupby(range(len(rows)), key=lambda number: _is_spoken(chunks[number])):
        span = list(numbers)
        for part in [span] if speaks else [[number] for number in span]:
            text = _joined([chunks[number] for number in part])
            if text:
                message = {"role": ROLES[side], "content": text, "timestamp": rows[part[0]].get("timestamp"), **_times(ticks, part, speaks)}
                heard = "".join(rows[number].get("user_transcript") or "" for number in part) if side == USER else ""
                yield part[0], 0 if side == USER else 2, {**message, **({"heard": heard.strip()} if heard.strip() else {})}


def _is_spoken(chunk: Mapping[str, Any]) -> bool:
    return bool(chunk.get("contains_speech", chunk.get("content")))


def _joined(chunks: Sequence[Mapping[str, Any]]) -> str:
    """Return the words of chunks: a chunk holds a piece of an utterance, perhaps a part of a word."""
    text, before = "", set[str]()
    for chunk in chunks:
        utterances = set(chunk.get("utterance_ids") or ())
        text += " " if text and not text[-1].isspace() and before and utterances and before.isdisjoint(utterances) else ""
        text += str(chunk.get("content") or "")
        before = utterances or before
    return text.strip()


def _times(ticks: Ticks | None, part: Sequence[int], speaks: bool) -> Message:
    if ticks is None:
        return {}
    length = {"audio_ms": ticks.time(len(part))} if speaks and part[-1] < len(ticks.rows) else {}
    return {"audio_start_ms": ticks.time(part[0]), **length}


def _called(row: Tick, times: Message) -> Iterator[tuple[int, Message]]:
    for side, order in ((USER, 1), (AGENT, 3)):
        if row.get(f"{side}_tool_calls"):
            yield order, {"role": ROLES[side], "tool_calls": row[f"{side}_tool_calls"], "timestamp": row.get("timestamp"), **times}
        for result in row.get(f"{side}_tool_results") or ():
            for message in result.get("tool_messages") or [result]:
                yield order, message
