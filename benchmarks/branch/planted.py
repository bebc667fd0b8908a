"""An agent of tau2's mock domain that makes its mistakes at planned turns, and the tasks that it works on.

A task is a list of things to create, one call a turn, with a word to the user between them. A mistake sets the status of a task that is
there already; while it is wrong, the database is not the reference's. At the decisive turn the agent errs with the chance `1 - good`, and
puts it right at the next call with the chance `bad`; at an earlier turn it may err too, and puts that right some turns later with the
chance `mended`. So the chance of success after each turn is known. The recorded conversation is one in which the decisive mistake was made
and the earlier one was mended.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from tau2.agent.llm_agent import LLMAgent
from tau2.data_model.message import AssistantMessage, ToolCall
from tau2.data_model.tasks import Task
from tau2.registry import registry

AGENT = "planted_agent"
_CASE = re.compile(r"case (\d+)\b")
_CLOSING = "Is there anything else I can help you with?"
_TALKS = 4
"""Every so many of its turns the agent speaks instead of calling."""


@dataclass(frozen=True)
class PlantedCase:
    """`length` turns of the agent. `decisive`: its turn of the mistake (from 0); `early` and `mend`: those of the earlier mistake and of
    putting it right, None if there is none."""

    number: int
    length: int
    decisive: int
    good: float
    bad: float
    early: int | None = None
    mend: int | None = None
    errs_early: float = 0.3
    mended: float = 0.4

    @property
    def decisive_turn(self) -> int:
        """Its number in the conversation: tau2's greeting, the user's request, and the user's answers to the agent's words come before."""
        return page_turn(self.decisive)

    def chances(self) -> dict[int, float]:
        """Return the chance of success after each turn of the recorded conversation, by hand."""
        found = {}
        last = page_turn(self.length) + 2
        for turn in range(1, last):
            made = sum(page_turn(own) <= turn for own in range(self.length + 1))
            found[turn] = self._chance(made)
        return {**found, last: 0.0}

    def _chance(self, made: int) -> float:
        """After so many turns of the agent."""
        if made > self.decisive:
            return self.bad if made == self.decisive + 1 else 0.0
        right = self.good + (1 - self.good) * self.bad
        mended = self.mended * right + (1 - self.mended) * self.bad
        if self.early is None or self.mend is None or made > self.mend:
            return right
        return mended if made > self.early else (1 - self.errs_early) * right + self.errs_early * mended


def page_turn(own: int) -> int:
    """Return the number in the conversation of the agent's turn `own` (from 0)."""
    return 3 + own + own // _TALKS


def planted_task(case: PlantedCase) -> Task:
    """Return the task of a case."""
    calls = [own for own in range(case.length) if not _is_talk(own) and own not in _special(case)]
    actions = [{"action_id": f"create_{own}", "name": "create_task", "arguments": _thing(own), "info": None} for own in calls]
    return Task.model_validate(
        {
            "id": f"case {case.number}",
            "user_scenario": {"instructions": f"Reason for call:\nPlease work on case {case.number}."},
            "evaluation_criteria": {"actions": actions, "reward_basis": ["DB"]},
        }
    )


def _is_talk(own: int) -> bool:
    return own % _TALKS == _TALKS - 1


def _special(case: PlantedCase) -> set[int]:
    return {own for own in (case.decisive, case.decisive + 1, case.early, case.mend) if own is not None}


def _thing(own: int) -> dict[str, str]:
    return {"user_id": "user_1", "title": f"thing {own}"}


class PlantedAgent(LLMAgent):
    """Knows the `cases` of this process by number; with `forced` it makes the recorded conversation."""

    cases: ClassVar[dict[str, PlantedCase]] = {}
    forced: ClassVar[bool] = False

    def generate_next_message(self, message: Any, state: Any) -> tuple[AssistantMessage, Any]:
        state.messages.append(message)
        said = self._next(state.messages)
        state.messages.append(said)
        return said, state

    def _next(self, messages: list[Any]) -> AssistantMessage:
        case = self._case(messages)
        mine = [message for message in messages if message.role == "assistant"][1:]
        own = len(mine)
        if own >= case.length:
            return AssistantMessage(role="assistant", content=_CLOSING, cost=0.0)
        if _is_talk(own):
            return AssistantMessage(role="assistant", content=f"That was part {own}.", cost=0.0)
        name, arguments = self._call(case, own, _is_wrong(mine))
        call = ToolCall(id=f"call_{own}", name=name, arguments=arguments, requestor="assistant")
        return AssistantMessage(role="assistant", content=None, tool_calls=[call], cost=0.0)

    def _case(self, messages: list[Any]) -> PlantedCase:
        said = next(message.content for message in messages if message.role == "user")
        found = _CASE.search(said)
        assert found is not None
        return self.cases[found[1]]

    def _call(self, case: PlantedCase, own: int, wrong: bool) -> tuple[str, dict[str, str]]:
        if own == case.decisive:
            return _status(wrong or self._errs(own, 1 - case.good, True))
        if own == case.decisive + 1:
            return _status(wrong and not self._errs(own, case.bad, False))
        if own == case.early:
            return _status(self._errs(own, case.errs_early, True))
        if own == case.mend:
            return _status(wrong and not self._errs(own, case.mended, True))
        return "create_task", _thing(own)

    def _errs(self, own: int, share: float, when_forced: bool) -> bool:
        if self.forced:
            return when_forced
        return random.Random(f"{self.llm_args.get('seed')}|{own}").random() < share


def _is_wrong(mine: list[Any]) -> bool:
    statuses = [call.arguments["status"] for message in mine for call in message.tool_calls or () if call.name == "update_task_status"]
    return bool(statuses) and statuses[-1] == "completed"


def _status(wrong: bool) -> tuple[str, dict[str, str]]:
    return "update_task_status", {"task_id": "task_1", "status": "completed" if wrong else "pending"}


def drawn_cases(number: int, seed: int) -> list[PlantedCase]:
    """Return cases, half of them with an earlier mistake that was mended."""
    draw = random.Random(seed)
    found = []
    for at in range(number):
        length = draw.choice((10, 16, 24))
        calls = [own for own in range(1, length - 2) if not _is_talk(own) and not _is_talk(own + 1)]
        decisive = draw.choice(calls[1:])
        before = [own for own in calls if own < decisive - 2]
        early = mend = None
        if at % 2 and len(before) >= 2:
            early, mend = sorted(draw.sample(before, 2))
        found.append(PlantedCase(at, length, decisive, draw.choice((0.7, 0.8, 0.9)), draw.choice((0.0, 0.05, 0.1)), early, mend))
    return found


@contextmanager
def recording(cases: list[PlantedCase]) -> Iterator[None]:
    """Tell the agent its cases, and have it make the recorded conversations inside the block."""
    PlantedAgent.cases = {str(case.number): case for case in cases}
    PlantedAgent.forced = True
    try:
        yield
    finally:
        PlantedAgent.forced = False


def register() -> None:
    """Make the agent known to tau2."""
    if AGENT not in registry.get_agents():
        registry.register_agent(PlantedAgent, AGENT)
