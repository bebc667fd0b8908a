"""The figures of one of tau2's results files, worked out from its JSON alone and nothing of ours.

A file is dict-and-list work here: what was said (several tool results may come as one message), how long after the message before, what the
reply used and cost, how the simulation ended.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from math import comb
from typing import Any

Data = dict[str, Any]
TYPES = {"assistant": "llm_call", "user": "user_sim", "tool": "tool_call"}


@dataclass
class Figures:
    """`calls` by type; `waited_ms` by type, one a timed call; `tools` by name: [calls, errors]; `ends` by (task, trial)."""

    calls: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    cost_usd: float = 0.0
    waited_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    tools: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    ends: dict[tuple[str, int], tuple[float | None, str | None, float]] = field(default_factory=dict)


def figures(data: Data) -> Figures:
    """All of them. A first message that no model was asked for is tau2's own greeting; what a task begins with was never called."""
    found = Figures()
    told = {str(task["id"]): len(((task.get("initial_state") or {}).get("message_history")) or []) for task in data["tasks"]}
    trials: Counter[str] = Counter()
    for simulation in data["simulations"]:
        task = str(simulation["task_id"])
        _listen(found, simulation, told.get(task, 0))
        trial = simulation.get("trial")
        reward = (simulation["reward_info"] or {}).get("reward")
        ended = (reward, simulation.get("termination_reason"), float(simulation["duration"] or 0.0))
        found.ends[task, trials[task] if trial is None else trial] = ended
        trials[task] += 1
    return found


def _listen(found: Figures, simulation: Data, history: int) -> None:
    said = [part for message in simulation["messages"] or [] for part in message.get("tool_messages") or [message]]
    names: dict[str, str] = {}
    before = _seconds(simulation.get("start_time"))
    for place, message in enumerate(said):
        now = _seconds(message.get("timestamp"))
        if place >= history:
            names.update({call["id"]: call["name"] for call in message.get("tool_calls") or []})
            if place > history or not _greets(message):
                _add(found, message, None if now is None or before is None else 1000 * (now - before), names)
            before = before if now is None else now


def _greets(message: Data) -> bool:
    return message["role"] == "assistant" and not message.get("usage") and not message.get("cost") and not message.get("tool_calls")


def _add(found: Figures, message: Data, since_ms: float | None, names: dict[str, str]) -> None:
    type_ = TYPES[message["role"]]
    found.calls[type_] += 1
    took_s = message.get("generation_time_seconds")
    if since_ms is not None:
        found.waited_ms[type_].append(max(0.0, since_ms) if took_s is None else 1000 * took_s)
    if type_ == "tool_call":
        tool = found.tools[names.get(message["id"], "unknown")]
        tool[0] += 1
        tool[1] += message["error"] is True if "error" in message else str(message["content"]).startswith("Error: ")
        return
    found.cost_usd += message.get("cost") or 0.0
    found.cached += _cached(message)
    found.tokens.update({name: count for name, count in (message.get("usage") or {}).items() if isinstance(count, int)})


def _cached(message: Data) -> int:
    """Prompt tokens from the provider's cache: beside tau2's own counts, or in the reply that it kept."""
    usages = message.get("usage") or {}, (message.get("raw_data") or {}).get("usage") or {}
    return next((count for usage in usages if (count := (usage.get("prompt_tokens_details") or {}).get("cached_tokens"))), 0)


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def pass_hat(found: Figures, k: int) -> float:
    """pass^k: the mean of C(c, k) / C(n, k) over the tasks that have at least k trials with a reward."""
    rewards: dict[str, list[float]] = defaultdict(list)
    for (task, _), (reward, _, _) in found.ends.items():
        if reward is not None:
            rewards[task].append(reward)
    able = [many for many in rewards.values() if len(many) >= k]
    shares = [comb(sum(abs(reward - 1) < 1e-6 for reward in many), k) / comb(len(many), k) for many in able]
    return sum(shares) / len(shares)


def reference_actions(data: Data) -> tuple[int, int]:
    """(made, all) reference actions of all simulations: some call has the action's name, and its arguments as far as they are compared."""
    tasks = {str(task["id"]): (task.get("evaluation_criteria") or {}).get("actions") or [] for task in data["tasks"]}
    made = [
        any(_matches(action, call) for message in simulation["messages"] or [] for call in message.get("tool_calls") or [])
        for simulation in data["simulations"]
        for action in tasks[str(simulation["task_id"])]
    ]
    return sum(made), len(made)


def _matches(action: Data, call: Data) -> bool:
    compared = action.get("compare_args")
    names = call["arguments"] if compared is None else compared
    wanted = {name: value for name, value in action["arguments"].items() if name in names}
    return call["name"] == action["name"] and wanted == {name: value for name, value in call["arguments"].items() if name in names}


def checked_actions(data: Data) -> tuple[int, int]:
    """(made, all) reference actions as tau2 itself noted it with the simulations that it evaluated."""
    checks = [check for one in data["simulations"] for check in (one["reward_info"] or {}).get("action_checks") or []]
    return sum(check["action_match"] is True for check in checks), len(checks)
