"""A results file of tau2 as trajectories: one document for each simulation.

A message of agent or user is a step, the results of its tool calls are the step's observation. ATIF lets only agents call tools and
report metrics, so the user's are in the step's `extra`. Everything else that tau2 noted of a simulation is in the trajectory's `extra`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.files.results_files import domain_of, read_file, run_name, simulations_of
from tau2_logging.analysis.deep.reading.files.trajectories import OURS, SCHEMA_VERSION, SOURCES, SUFFIX
from tau2_logging.analysis.deep.reading.messages import Message, flat, moment
from tau2_logging.errors import UserError

Json = dict[str, Any]

_NO_RESULT_FIELDS = ("role", "id", "content")
_KEPT_OF_REPLY = ("finish_reason", "usage")
"""What is kept of `raw_data`, the provider's whole reply; its reasoning has a field of its own in ATIF."""
_LEFT_OUT = ("messages", "ticks")
_LONGEST_NAME = 60


def write_trajectories(path: Path, folder: Path, force: bool = False) -> tuple[list[Path], int]:
    """Write each simulation of a results file to `folder`; return the files, and how many simulations have no messages and therefore no
    trajectory. Raises UserError."""
    data = read_file(path)
    made: list[Path] = []
    silent = 0
    for number, (task, trial, simulation) in enumerate(simulations_of(data, path)):
        messages = list(flat(simulation.get("messages") or ()))
        silent += not messages
        if messages:
            file = folder / file_name(domain_of(path, data), task, trial)
            _write(file, trajectory(data, path, (task, trial, number), simulation), force)
            made.append(file)
    if not made:
        raise UserError(f"{path} has no simulation with messages; there is no trajectory to write")
    return made, silent


def file_name(domain: str, task: str, trial: int) -> str:
    """Return the name of a simulation's file. Letters that a file name cannot have, and long task ids, are replaced, with a hash."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", task)[:_LONGEST_NAME]
    told = plain if plain == task else f"{plain}-{hashlib.sha256(task.encode()).hexdigest()[:8]}"
    return f"{domain}_{told}_{trial}{SUFFIX}"


def trajectory(data: Mapping[str, Any], path: Path, key: tuple[str, int, int], simulation: Mapping[str, Any]) -> Json:
    """Return one simulation as an ATIF document. `key`: its task, trial, and place in the file."""
    task, trial, number = key
    info = data["info"]
    agent = info.get("agent_info") or {}
    steps = _steps(flat(simulation["messages"]))
    tasks = [one for one in data["tasks"] if str(one["id"]) == task]
    rest = {name: value for name, value in simulation.items() if name not in _LEFT_OUT and value is not None}
    return {
        "schema_version": SCHEMA_VERSION,
        "session_id": run_name(path),
        "trajectory_id": str(simulation.get("id") or f"{task}-{trial}"),
        "agent": _without_none(
            name=str(agent.get("implementation") or "unknown"),
            version=str(info.get("git_commit") or "unknown"),
            model_name=agent.get("llm"),
            extra=_without_none(llm_args=agent.get("llm_args")) or None,
        ),
        "steps": steps,
        "final_metrics": _totals(steps, simulation),
        "extra": {
            OURS: {
                "domain": domain_of(path, data), "info": info, "task": tasks[0] if tasks else {"id": task},
                "simulation": {**rest, "task_id": task, "trial": trial}, "number": number, "of": data.get("timestamp"),
            }
        },
    }  # fmt: skip


def _steps(messages: Iterator[Message]) -> list[Json]:
    steps: list[Json] = []
    for message in messages:
        if message.get("role") != "tool":
            steps.append({"step_id": len(steps) + 1, **_step(message)})
            continue
        if not steps:  # a trimmed file may start with a tool's result
            steps.append({"step_id": 1, "source": "system", "message": "", "extra": {OURS: {"role": None}}})
        observation = steps[-1].setdefault("observation", {"results": []})
        observation["results"].append(_result(message, steps[-1]))
    return steps


def _step(message: Message) -> Json:
    source = SOURCES.get(str(message.get("role")), "system")
    left = dict(message)
    found: Json = {"source": source, "message": _text(left.pop("content", None)), "extra": {}}
    if left.pop("role", None) not in SOURCES:
        found["extra"]["role"] = message.get("role")
    if moment(left.get("timestamp")) is not None:
        found["timestamp"] = str(left.pop("timestamp"))
    reply = left.pop("raw_data", None)
    if isinstance(reply, Mapping):
        left["raw_data"] = {name: reply[name] for name in _KEPT_OF_REPLY if reply.get(name) is not None} or None
    if source == "agent":
        found |= _agent_fields(left, reply)
    found["extra"] |= {name: value for name, value in left.items() if value is not None and value != []}
    return {name: value for name, value in found.items() if value not in (None, {})} | {"message": found["message"]}


def _agent_fields(left: Json, reply: Any) -> Json:
    """Return what only an agent's step may have, and take it out of the message."""
    calls, metrics = left.pop("tool_calls", None) or (), _metrics(left)
    message = reply.get("message") if isinstance(reply, Mapping) else None
    reasoning = message.get("reasoning_content") if isinstance(message, Mapping) else None
    is_call = bool(metrics or calls)
    return {
        "reasoning_content": reasoning if isinstance(reasoning, str) and is_call else None,
        "tool_calls": [_call(call) for call in calls] or None,
        "metrics": metrics or None,
        "llm_call_count": int(is_call),
    }


def _metrics(left: Json) -> Json:
    """Return tokens, price (unless it is 0, which is tau2's word for unknown) and time of a model call."""
    usage = left.pop("usage", None) or {}
    cost, seconds = left.pop("cost", None), left.pop("generation_time_seconds", None)
    counted = {name: value for name in ("prompt_tokens", "completion_tokens") if _is_count(value := usage.get(name))}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    rest = {name: value for name, value in usage.items() if name not in counted and value is not None}
    extra = _without_none(generation_time_seconds=seconds, usage=rest or None)
    return _without_none(**counted, cached_tokens=cached if _is_count(cached) else None, cost_usd=cost or None, extra=extra or None)


def _call(call: Mapping[str, Any]) -> Json:
    arguments = call.get("arguments")
    rest = {name: value for name, value in call.items() if name not in ("id", "name", "arguments") and value is not None}
    if not isinstance(arguments, Mapping):
        rest |= {"arguments": arguments}
    return _without_none(
        tool_call_id=str(call.get("id") or ""),
        function_name=str(call.get("name")),
        arguments=dict(arguments) if isinstance(arguments, Mapping) else {},
        extra=rest or None,
    )


def _result(message: Message, step: Mapping[str, Any]) -> Json:
    made = str(message.get("id") or "")
    rest = {name: value for name, value in message.items() if name not in _NO_RESULT_FIELDS and value is not None}
    if is_own := made in {call["tool_call_id"] for call in step.get("tool_calls") or ()}:
        return _without_none(source_call_id=made if is_own else None, content=_text(message.get("content")), extra=rest or None)
    return _without_none(content=_text(message.get("content")), extra={**rest, "tool_call_id": message.get("id")})


def _totals(steps: Sequence[Json], simulation: Mapping[str, Any]) -> Json:
    """Return sums over the agent's steps; one that some step does not know is not given."""
    asked = [step["metrics"] for step in steps if step.get("metrics")]
    found: Json = {}
    for total, name in (("prompt_tokens",) * 2, ("completion_tokens",) * 2, ("cost_usd",) * 2):
        values = [metrics.get(name) for metrics in asked]
        found[f"total_{total}"] = sum(values) if values and None not in values else None
    reward = (simulation.get("reward_info") or {}).get("reward")
    extra = _without_none(reward=reward, user_cost_usd=simulation.get("user_cost") or None)
    return _without_none(**found, total_steps=len(steps), extra=extra or None)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _without_none(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _write(file: Path, document: Json, force: bool) -> None:
    if file.exists() and not force:
        raise UserError(f"{file} exists; choose another folder, or overwrite it with --force")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}; choose another folder") from error
