"""What one side's speech does to the other's: answers, interruptions, yielding. Everything is counted in ticks (audio time)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tau2_logging.analysis.tables.voice.ticks import AGENT, BACKCHANNEL, INTERRUPTION, USER, Stretch, Ticks

YIELD_WITHIN_MS = 2000.0
"""A side that still speaks so long after it was interrupted has not yielded; tau2's own limit."""


@dataclass(frozen=True)
class Reaction:
    """What came of a stretch of speech; None if the question does not arise.

    `answered`: the agent spoke next, after so many ticks (`response`), and not the user again. `yielded`: the side that was interrupted
    fell silent within YIELD_WITHIN_MS, after so many ticks (`yielding`).
    """

    answered: bool | None = None
    response: int | None = None
    yielded: bool | None = None
    yielding: int | None = None


def reactions(ticks: Ticks, speech: Sequence[Stretch]) -> list[Reaction]:
    """Return what came of each stretch of a simulation.

    The agent owes an answer to the user's speech that is no backchannel and after which the agent is silent. It answered if its next speech
    begins before the user's next such speech, or with it. If nobody spoke any more, the question is open.
    """
    starts = {
        AGENT: [one.first for one in speech if one.speaker == AGENT],
        USER: [one.first for one in speech if _owed(one)],
    }
    return [_reaction(ticks, one, starts[AGENT], starts[USER]) for one in speech]


def _owed(one: Stretch) -> bool:
    return one.speaker == USER and one.kind != BACKCHANNEL and not one.other_after


def _reaction(ticks: Ticks, one: Stretch, agent: Sequence[int], user: Sequence[int]) -> Reaction:
    answered, response = _answer(one, agent, user) if _owed(one) else (None, None)
    yielded, yielding = _yielding(ticks, one) if one.kind == INTERRUPTION else (None, None)
    return Reaction(answered, response, yielded, yielding)


def _answer(one: Stretch, agent: Sequence[int], user: Sequence[int]) -> tuple[bool | None, int | None]:
    reply = next((first for first in agent if first >= one.end), None)
    again = next((first for first in user if first >= one.end), None)
    if reply is not None and (again is None or reply <= again):
        return True, reply - one.end
    return (None if again is None else False), None


def _yielding(ticks: Ticks, one: Stretch) -> tuple[bool, int | None]:
    other = ticks.speaks[AGENT if one.speaker == USER else USER]
    window = int(YIELD_WITHIN_MS / ticks.ms + 1e-9)
    silent = next((number for number in range(one.first, min(one.first + window, len(other))) if not other[number]), None)
    return silent is not None, None if silent is None else silent - one.first


def response_after(speech: Sequence[Stretch], tick: int) -> int | None:
    """Return how many ticks after this one the agent begins to speak; None if it never does, or is speaking."""
    agent = [one for one in speech if one.speaker == AGENT]
    if any(one.first <= tick < one.end for one in agent):
        return None
    return next((one.first - tick for one in agent if one.first > tick), None)
