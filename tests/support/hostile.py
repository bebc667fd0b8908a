"""An agent whose simulations each do something that no agent should do: `run_local.py --load tests.support.hostile --agent hostile`.

What a simulation does follows from its task and its trial, so that it is the same in threads and in worker processes.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from tau2.agent.llm_agent import LLMAgent
from tau2.data_model.message import AssistantMessage
from tau2.registry import registry

from tau2_logging.runner.harness.tau2_harness import trial_seeds

NAME = "hostile"
TASKS = [str(task.id) for task in registry.get_tasks_loader("mock")()]
SEEDS = trial_seeds(300, 2)
STOP = "###STOP###"


class Speechless(Exception):
    """An exception that cannot be asked what it says."""

    def __str__(self) -> str:
        raise ValueError("no words")


class Numeric(Exception):
    """An exception whose text is no text."""

    def __str__(self) -> str:
        return 5  # type: ignore[return-value]

    __repr__ = __str__


class Below(BaseException):
    """Not an Exception, and nobody's request to stop."""


class Loud(str):
    """Text that does not want to be looked at."""

    def lower(self) -> str:
        raise RuntimeError("do not lower me")

    def encode(self, *_: Any, **__: Any) -> bytes:
        raise RuntimeError("do not encode me")


class LoudError(Exception):
    """An exception whose text is of a class of its own."""

    def __str__(self) -> str:
        return Loud("loud")


def raises(error: BaseException) -> Callable[[], str]:
    """Something that raises it."""

    def act() -> str:
        raise error

    return act


def says(text: str, **more: Any) -> Callable[[], AssistantMessage]:
    """Something that gives a message, without asking pydantic whether it can be one."""
    return lambda: AssistantMessage.model_construct(role="assistant", content=text, **more)


def deep() -> dict[str, Any]:
    """A dictionary that no serializer follows to its end."""
    at: dict[str, Any] = {}
    top = at
    for _ in range(3000):
        at["in"] = {}
        at = at["in"]
    return top


def forks() -> None:
    """A copy of the process that goes on like the original."""
    os.fork()


def loses_stdout() -> None:
    """As a library does that has its own idea of printing."""
    sys.stdout = None  # type: ignore[assignment]


ENDS: dict[str, Callable[[], Any]] = {
    "an exception whose __str__ raises": raises(Speechless()),
    "an exception whose __str__ gives no text": raises(Numeric()),
    "an exception whose text is of a class of its own": raises(LoudError()),
    "an exception with half an emoji": raises(ValueError("\ud83d")),
    "a BaseException": raises(Below("below")),
    "sys.exit": raises(SystemExit(3)),
    "KeyboardInterrupt": raises(KeyboardInterrupt()),
    "GeneratorExit": raises(GeneratorExit()),
    "a message of None": lambda: None,
    "half an emoji": says(f"Thanks \ud83d {STOP}"),
    "an object in the raw data": says("Thanks", raw_data={"answer": object(), 1: {1, 2}, "x": float("nan")}),
    "raw data that is nested 3,000 deep": says("Thanks", raw_data=deep()),
    "bytes in the usage": says("Thanks", usage={"prompt_tokens": b"\xff"}),
}
"""What takes the place of the agent's answer."""
GOES_ON: dict[str, Callable[[], None]] = {
    "os.chdir": lambda: os.chdir("/"),
    "sys.stdout = None": loses_stdout,
    "os.fork": forks,
}
"""What an agent does before it answers as it should."""
CELLS = list(itertools.product(SEEDS, TASKS))
ATTACKS = dict(zip(CELLS, [*ENDS, *GOES_ON], strict=False))


class HostileAgent(LLMAgent):
    """Answers as tau2's agent does, but for what is its simulation's turn to try."""

    def generate_next_message(self, message: Any, state: Any) -> Any:
        attack = ATTACKS.get((self.llm_args["seed"], self._task()))
        if attack in GOES_ON and not os.environ.get("HARMLESS") and not getattr(self, "_acted", False):
            self._acted = True
            GOES_ON[attack]()
        if attack not in ENDS or os.environ.get("HARMLESS"):
            return super().generate_next_message(message, state)
        answer = ENDS[attack]()
        state.messages.append(answer)
        return answer, state

    def _task(self) -> str:
        return next(str(value).removeprefix("mock/") for value in self.llm_args.values() if str(value).startswith("mock/"))


if NAME not in registry.get_agents():
    registry.register_agent(HostileAgent, NAME)


def report() -> str:
    """The attack of each simulation, as JSON: `task/trial` to its name."""
    return json.dumps({f"{task}/{SEEDS.index(seed)}": attack for (seed, task), attack in ATTACKS.items()})
