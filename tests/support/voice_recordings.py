"""Voice simulations of tau2 v1 made by hand, a letter a tick, and their figures counted from the letters alone.

A lane is a string: `.` silence; the agent's `A`; the user's `U` speech, `b` backchannel, `v` a cough in it, `n` words to somebody else.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from tests.support.recordings import BEGAN

TICK_S = 0.5
WALL_S = 0.8
"""Wall time of a tick: tau2 is slower than the conversation."""

AGENT = "....AAAAAA...AAAA...AA...AAAAAAAAAA......AA.."
USER = "UUU.....UUU.......UUUUU....b.v.U....U.UU....U"
"""The last tick is tau2's own: the user says that the conversation is over."""

_INSERTS = {"v": "vocal_tic", "n": "non_directed_phrase"}


def ticks(agent: str, user: str, **changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The ticks of two lanes, without words; `changes`: fields of tick N under the name `tN`."""
    return [{**_tick(number, *pair), **changes.get(f"t{number}", {})} for number, pair in enumerate(zip(agent, user, strict=True))]


def _tick(number: int, agent: str, user: str) -> dict[str, Any]:
    insert = {"type": _INSERTS[user], "text": "[cough]"} if user in _INSERTS else None
    action = {"b": "backchannel", ".": "wait"}.get(user, "keep_talking")
    quiet: dict[str, Any] = {"agent_tool_calls": [], "agent_tool_results": [], "user_tool_calls": [], "user_tool_results": []}
    return {
        "tick_id": number, "timestamp": (BEGAN + timedelta(seconds=5 + number * WALL_S)).isoformat(), **quiet,
        "agent_chunk": {"role": "assistant", "contains_speech": agent == "A", "content": None},
        "user_chunk": {
            "role": "user", "contains_speech": user != ".", "content": None, "turn_taking_action": {"action": action},
            "speech_effects": {"speech_insert": insert}, "source_effects": None,
        },
        "tick_duration_seconds": TICK_S, "wall_clock_duration_seconds": WALL_S,
    }  # fmt: skip


def say(rows: list[dict[str, Any]], side: str, first: int, pieces: list[str], heard: list[str] | None = None) -> None:
    """Lay the words of an utterance on ticks, a piece a tick, and what the agent's side understood."""
    for number, piece in enumerate(pieces, first):
        rows[number][f"{side}_chunk"].update(content=piece, utterance_ids=[f"{side}{first}"])
        if heard is not None:
            rows[number]["user_transcript"] = heard[number - first]


def moment_of(tick: int) -> datetime:
    """When a tick starts, by the wall clock."""
    return BEGAN + timedelta(seconds=5 + tick * WALL_S)


def simulation(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A SimulationRun of these ticks, in full duplex."""
    return {
        "id": "v", "task_id": "1", "trial": 0, "start_time": BEGAN.isoformat(), "duration": 50.0, "termination_reason": "user_stop",
        "reward_info": {"reward": 1.0}, "messages": None, "mode": "full_duplex", "ticks": rows,
        "agent_cost": None, "user_cost": None, **more,
    }  # fmt: skip


def lanes_of(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """The lanes of a file's ticks, without the user's last word."""
    said = [_letters(row["agent_chunk"], row["user_chunk"]) for row in rows]
    agent, user = "".join(one for one, _ in said), "".join(one for _, one in said)
    return (agent[:-1], user[:-1]) if re.search(r"\.[^.]$", user) else (agent, user)


def _letters(agent: dict[str, Any], user: dict[str, Any]) -> tuple[str, str]:
    inserts = [effects["speech_insert"]["type"] for name in ("speech_effects", "source_effects") if (effects := user.get(name)) and
               effects.get("speech_insert")]  # fmt: skip
    word = "b" if user["turn_taking_action"]["action"] == "backchannel" else "v" if "vocal_tic" in inserts else "n" if inserts else "U"
    return "A" if agent["contains_speech"] else ".", word if user["contains_speech"] else "."


def counted(agent: str, user: str, tick_ms: float) -> dict[str, Any]:
    """Everything that the lanes say, by patterns: speech and silence, answers, yields, interruptions. `yields` and `answers` in ms."""
    both = [one + other for one, other in zip(agent, user, strict=True)]
    turns = [found.span() for found in re.finditer(r"[^.]+", user) if found[0][0] != "b" and agent[found.end() : found.end() + 1] != "A"]
    starts = [found.start() for found in re.finditer(r"(?<!A)A", agent)]
    answers, missed = [], 0
    for _, end in turns:
        agent_next = min((start for start in starts if start >= end), default=None)
        user_next = min((start for start, _ in turns if start >= end), default=None)
        if agent_next is not None and (user_next is None or agent_next <= user_next):
            answers.append((agent_next - end) * tick_ms)
        elif user_next is not None:
            missed += 1
    by_user = [
        found
        for found in re.finditer(r"[^.]+", user)
        if agent[found.start()] == "A" and not set(found[0]) & set("vn") and found[0][0] != "b"
    ]
    by_agent = [start for start in starts if user[start] != "."]
    within = int(2000 / tick_ms)
    silent = [(one.start(), agent[: one.start() + within].find(".", one.start())) for one in by_user]
    return {
        "audio_ms": len(both) * tick_ms,
        "agent_ms": agent.count("A") * tick_ms, "user_ms": sum(one != "." for one in user) * tick_ms,
        "both_ms": sum(re.match(r"A[^.]", pair) is not None for pair in both) * tick_ms, "silence_ms": both.count("..") * tick_ms,
        "answers": answers, "owed": len(answers) + missed, "agent_interrupts": len(by_agent), "user_interrupts": len(by_user),
        "yields": [(found - start) * tick_ms for start, found in silent if found >= 0],
    }  # fmt: skip
