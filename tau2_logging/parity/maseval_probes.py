"""Experiments that find out where MASEval's evaluator and loader part from tau2's, without knowing beforehand that they do.

Each repairs one thing and counts what that changes: the traces' missing key, the merging of the two histories, the initial state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maseval.benchmark.tau2 import Tau2Environment, Tau2Evaluator, load_domain_config, load_tasks
from maseval.benchmark.tau2 import evaluator as evaluator_module

from tau2_logging.parity.case import GREETING, Act
from tau2_logging.parity.side import Wrapping


@dataclass(frozen=True)
class ScoredConversation:
    """A conversation that MASEval's evaluator was to score: it, the traces it was given, what was really said."""

    evaluator: Tau2Evaluator
    traces: Mapping[str, Any]
    acts: Sequence[Act]


class _Watched(dict[str, Any]):
    """A dict that remembers which keys it was asked for."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


def probe_loader(domain: str, data: Path, stage: Path, base: Sequence[str]) -> dict[str, Any]:
    """Return whether its loader reads tau2's folder as it is (`loader_error`), and which tasks its base split takes (`split`)."""
    try:
        load_domain_config(domain, data)
        error = None
    except Exception as reason:
        error = str(reason).replace(str(data), "")
    taken = [str(task.id) for task in load_tasks(domain, split="base", data_dir=stage)]
    every = [str(task.id) for task in load_tasks(domain, split="all", data_dir=stage)]
    return {
        "loader_error": error,
        "split": {
            "taken": len(taken),
            "of": len(every),
            "first": taken == every[: len(taken)],
            "base": len(base),
            "common": len(set(taken) & set(base)),
        },
    }


def probe_start(domain: str, task: Any, start: list[str | None], hashes: Callable[[Any], list[str | None]]) -> dict[str, Any]:
    """Return what its evaluator's `set_state` makes of an environment whose constructor has applied the initial state already."""
    state = task.environment_data["initial_state"] or {}
    data, actions = state.get("initialization_data"), state.get("initialization_actions")
    probe = {"domain": domain, "task": str(task.id), "has_state": bool(data or actions), "changed": False, "refused": None}
    if not probe["has_state"]:
        return probe
    environment = Tau2Environment(task.environment_data)
    try:
        environment.set_state(data, actions, [])
        return {**probe, "changed": hashes(environment) != start}
    except Exception as error:
        return {**probe, "refused": f"{type(error).__name__}: {error}"}


def probe_evaluator(recorded: ScoredConversation, reward: float | None, wrapping: Wrapping) -> dict[str, Any]:
    """Return the rewards of a perfect conversation that was not scored 1, with one repair after the other."""
    evaluator = recorded.evaluator
    watched = _Watched(recorded.traces)
    built = evaluator.filter_traces(watched)["full_trajectory"]
    missing = sorted(watched.asked - watched.keys() - {"termination_reason"})
    unread = sorted(key for key, value in watched.items() if key not in watched.asked and isinstance(value, dict) and value.get("messages"))
    repaired, merged = dict(recorded.traces), built
    if len(unread) == 1:
        repaired.update({key: {unread[0]: recorded.traces[unread[0]]} for key in missing})
        merged = evaluator.filter_traces(repaired)["full_trajectory"]
    whole = list(_whole(recorded))
    with wrapping.replaced(evaluator_module, get_environment_constructor=_initial_state_once()):
        once = _reward(evaluator, whole)
    return {
        "domain": evaluator.task.environment_data["domain"],
        "task": str(evaluator.task.id),
        "missing": missing,
        "unread": unread,
        "user_calls": {"made": _user_calls(whole), "read": _user_calls(built), "merged": _user_calls(merged)},
        "most_in_a_turn": {"made": _most_in_a_turn(whole), "merged": _most_in_a_turn(merged)},
        "rewards": {"own": reward, "key": _reward(evaluator, merged), "merge": _reward(evaluator, whole), "state": once},
    }


def _reward(evaluator: Tau2Evaluator, trajectory: list[dict[str, Any]]) -> float | str:
    try:
        return float(evaluator({"full_trajectory": trajectory, "environment": {}, "termination_reason": None})["reward"])
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _whole(recorded: ScoredConversation) -> Iterator[dict[str, Any]]:
    """Yield the conversation in the order in which it took place: both histories, distinguished by who spoke."""
    agent = next(iter(recorded.traces["agents"].values()))["messages"]
    user = recorded.traces["user"]["messages"] if recorded.traces.get("user") else []
    queues = {
        "assistant": iter([message for message in agent if message["role"] != "user"]),
        "user": iter([message for message in user if message["role"] != "assistant"]),
    }
    yield {"role": "assistant", "content": GREETING}
    for act in recorded.acts:
        yield next(queues[act.role])
        if act.call is not None:
            yield next(queues[act.role])


def _user_calls(messages: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(message.get("tool_calls") or ()) for message in messages if message["role"] == "user")


def _most_in_a_turn(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return the most calls of the user between two messages of the agent."""
    most = here = 0
    for message in messages:
        here = 0 if message["role"] == "assistant" else here + (len(message.get("tool_calls") or ()) if message["role"] == "user" else 0)
        most = max(most, here)
    return most


def _initial_state_once() -> Callable[[Mapping[str, Any]], Any]:
    """Has the evaluator's environments made without the initial state, which it applies itself afterwards."""
    original = evaluator_module.get_environment_constructor
    return lambda data: original({**data, "initial_state": None})
