"""Results files as tau2 writes them, made by hand for the tests of the deep analysis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep import LogAnalyzer, Recorded

BEGAN = datetime(2026, 11, 20, 17, 45, 0)


def call(tool: str, error: str | None = None, requestor: str = "assistant", result: str = "ok", **arguments: Any) -> dict[str, Any]:
    """A tool call and what came of it."""
    return {"tool": tool, "arguments": arguments, "error": error, "requestor": requestor, "result": result}


def task(task_id: str, *actions: Mapping[str, Any], history: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A task with reference actions, each {name, arguments} and maybe requestor and compare_args."""
    criteria = {
        "actions": [
            {"action_id": f"{task_id}_{n}", "requestor": "assistant", "compare_args": None, **action} for n, action in enumerate(actions)
        ]
    }
    return {"id": task_id, "evaluation_criteria": criteria, "initial_state": {"message_history": list(history)} if history else None}


def action(name: str, compare_args: list[str] | None = None, **arguments: Any) -> dict[str, Any]:
    """A reference action."""
    return {"name": name, "arguments": arguments, "compare_args": compare_args}


def messages(calls: Sequence[Mapping[str, Any]], say: str = "Hello.", tokens: int = 100) -> list[dict[str, Any]]:
    """A talk: the user speaks, then each call and its result, a second apart; the prompt grows by 10 tokens a call."""
    found: list[dict[str, Any]] = [{"role": "user", "content": say}]
    for n, one in enumerate(calls):
        made = {"id": f"c{n}", "name": one["tool"], "arguments": one["arguments"], "requestor": one["requestor"]}
        text = one["error"] if one["error"] is not None else one["result"]
        found.append(
            {
                "role": one["requestor"],
                "content": None,
                "tool_calls": [made],
                "usage": {"prompt_tokens": tokens + 10 * n, "completion_tokens": 5},
            }
        )
        found.append({"role": "tool", "id": f"c{n}", "content": text, "error": one["error"] is not None, "requestor": one["requestor"]})
    found.append({"role": "assistant", "content": "Done.", "usage": {"prompt_tokens": tokens + 10 * len(calls), "completion_tokens": 5}})
    return [{**one, "timestamp": (BEGAN + timedelta(seconds=n + 1)).isoformat()} for n, one in enumerate(found)]


def simulation(
    task_id: str, trial: int | None = 0, calls: Sequence[Mapping[str, Any]] = (), reward: float | None = 1.0, tokens: int = 100, **more: Any
) -> dict[str, Any]:
    """A simulation; `more` replaces fields of tau2's SimulationRun, or of its reward_info (parts, communicate_checks, ...)."""
    info = {"reward": reward, "reward_breakdown": more.pop("parts", None), "communicate_checks": more.pop("communicate_checks", None)}
    return {
        "id": f"{task_id}-{trial}", "task_id": task_id, "trial": trial, "duration": 10.0, "agent_cost": 0.5, "user_cost": 0.1,
        "start_time": (BEGAN + timedelta(minutes=trial or 0)).isoformat(), "termination_reason": "user_stop",
        "reward_info": None if reward is None else info, "messages": messages(calls, tokens=tokens), **more,
    }  # fmt: skip


def results(
    tasks: Sequence[Mapping[str, Any]], simulations: Sequence[Mapping[str, Any]], domain: str = "retail", policy: str = ""
) -> dict[str, Any]:
    """The content of a results file."""
    info = {"environment_info": {"domain_name": domain, "policy": policy}}
    return {"info": info, "tasks": list(tasks), "simulations": list(simulations)}


def write(path: Path, data: Mapping[str, Any]) -> Path:
    """The file."""
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def analyzer(folder: Path, tasks: Sequence[Mapping[str, Any]], simulations: Sequence[Mapping[str, Any]]) -> LogAnalyzer:
    """The analysis of a results file with these tasks and simulations."""
    return LogAnalyzer(write(folder / "results_retail.json", results(tasks, simulations)))


def recorded(folder: Path, tasks: Sequence[Mapping[str, Any]], simulations: Sequence[Mapping[str, Any]]) -> Recorded:
    """What was recorded of them."""
    return analyzer(folder, tasks, simulations).recorded
