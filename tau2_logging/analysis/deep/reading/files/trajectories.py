"""Trajectories read as a results file of tau2: ours without loss of what they hold, those of other programs as far as ATIF goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError

SCHEMA_VERSION = "ATIF-v1.7"
"""The newest that both NVIDIA's toolkit (1.9) and Harbor (0.26) take."""

SUFFIX = ".atif.json"
OURS = "tau2"
"""The key in `extra` of a trajectory under which everything is that ATIF has no field for."""

SOURCES = {"assistant": "agent", "user": "user", "system": "system"}
"""tau2's role of a message -> ATIF's source of a step."""

Json = dict[str, Any]
Document = tuple[Path, Mapping[str, Any]]

_ROLES = {source: role for role, source in SOURCES.items()}


def is_trajectory(data: object) -> bool:
    """Return whether the content of a JSON file is an ATIF document, of whatever version."""
    return isinstance(data, Mapping) and str(data.get("schema_version")).startswith("ATIF-v")


def holds_trajectories(folder: Path) -> bool:
    """Return whether a folder is a run as we write it: one `.atif.json` for each simulation."""
    return folder.is_dir() and any(folder.glob(f"*{SUFFIX}"))


def whole_folders(paths: Iterable[Path]) -> list[Path]:
    """Return the paths; if all trajectories of a folder are named, as `folder/*.atif.json` does, the folder instead: they are one run."""
    named = list(dict.fromkeys(paths))
    found: list[Path] = []
    for path in named:
        folder = path.parent
        is_whole = path.name.endswith(SUFFIX) and set(folder.glob(f"*{SUFFIX}")) <= set(named)
        found.append(folder if is_whole else path)
    return list(dict.fromkeys(found))


def results_of(documents: Sequence[Document]) -> Json:
    """Return what these trajectories amount to as one results file. Raises UserError if they are not of one agent and model."""
    told = sorted(documents, key=lambda document: _ours(document[1]).get("number") or 0)
    _check_alike(told)
    tasks: dict[str, Any] = {}
    simulations = []
    for path, document in told:
        try:
            simulation = _simulation(path, document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is not a readable trajectory: {type(error).__name__}: {error}") from error
        simulations.append(simulation)
        tasks.setdefault(simulation["task_id"], _ours(document).get("task") or {"id": simulation["task_id"]})
    first = told[0][1]
    return {"timestamp": _ours(first).get("of"), "info": _info(first), "tasks": list(tasks.values()), "simulations": simulations}


def _ours(document: Mapping[str, Any]) -> Mapping[str, Any]:
    ours = (document.get("extra") or {}).get(OURS)
    return ours if isinstance(ours, Mapping) else {}


def _check_alike(told: Sequence[Document]) -> None:
    def what(document: Mapping[str, Any]) -> tuple[object, ...]:
        agent = document.get("agent") or {}
        return agent.get("name"), agent.get("version"), agent.get("model_name"), _ours(document).get("domain")

    for path, document in told[1:]:
        if (mine := what(told[0][1])) != (theirs := what(document)):
            raise UserError(f"{path} is of {theirs} and {told[0][0]} of {mine}: put runs of different agents into different folders")


def _info(document: Mapping[str, Any]) -> Json:
    agent, ours = document.get("agent") or {}, _ours(document)
    made = {
        "git_commit": agent.get("version"),
        "agent_info": {
            "implementation": agent.get("name"), "llm": agent.get("model_name"), "llm_args": (agent.get("extra") or {}).get("llm_args"),
        },
    }  # fmt: skip
    info = dict(ours.get("info") or made)
    if domain := ours.get("domain"):
        info["environment_info"] = {**(info.get("environment_info") or {}), "domain_name": domain}
    return info


def _simulation(path: Path, document: Mapping[str, Any]) -> Json:
    steps = [step for step in document.get("steps") or () if not step.get("is_copied_context")]
    messages = [message for step in steps for message in _messages(step)]
    name = str(document.get("trajectory_id") or document.get("session_id") or path.name.removesuffix(SUFFIX))
    found: Json = dict(_ours(document).get("simulation") or {"id": name, "task_id": name, **_times(steps)})
    reward = ((document.get("final_metrics") or {}).get("extra") or {}).get("reward")
    if "reward_info" not in found and isinstance(reward, int | float):
        found["reward_info"] = {"reward": reward}
    return {**found, "messages": messages}


def _times(steps: Sequence[Mapping[str, Any]]) -> Json:
    """Return start, end and length of another program's trajectory, by the times of its steps."""
    times = sorted(str(step["timestamp"]) for step in steps if step.get("timestamp"))
    if len(times) < 2:
        return {}
    began, ended = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (times[0], times[-1]))
    return {"start_time": times[0], "end_time": times[-1], "duration": (ended - began).total_seconds()}


def _messages(step: Mapping[str, Any]) -> Iterator[Json]:
    extra = dict(step.get("extra") or {})
    if OURS not in extra:
        yield _message(step, extra)
    for result in (step.get("observation") or {}).get("results") or ():
        rest = dict(result.get("extra") or {})
        made = rest.pop("tool_call_id", None)
        yield {"role": "tool", "id": result.get("source_call_id") or made, "content": _text(result.get("content")), **rest}


def _message(step: Mapping[str, Any], extra: Json) -> Json:
    role = extra.pop("role", None) or _ROLES.get(str(step.get("source")), "system")
    found: Json = {"role": role, "content": _text(step.get("message")) or None, "timestamp": step.get("timestamp"), **extra}
    metrics = step.get("metrics") or {}
    own = metrics.get("extra") or {}
    usage = {name: metrics[name] for name in ("prompt_tokens", "completion_tokens") if metrics.get(name) is not None}
    usage |= own.get("usage") or {}
    if metrics.get("cached_tokens") is not None:
        usage.setdefault("prompt_tokens_details", {"cached_tokens": metrics["cached_tokens"]})
    found |= {name: value for name, value in (("usage", usage), ("cost", metrics.get("cost_usd"))) if value}
    if own.get("generation_time_seconds") is not None:
        found["generation_time_seconds"] = own["generation_time_seconds"]
    if step.get("tool_calls"):
        found["tool_calls"] = [_call(call, role) for call in step["tool_calls"]]
    if step.get("reasoning_content"):
        found["raw_data"] = {**(found.get("raw_data") or {}), "message": {"reasoning_content": step["reasoning_content"]}}
    return found


def _call(call: Mapping[str, Any], role: str) -> Json:
    return {
        "id": call.get("tool_call_id"), "name": call["function_name"], "arguments": call.get("arguments"), "requestor": role,
        **(call.get("extra") or {}),
    }  # fmt: skip


def _text(content: Any) -> str:
    """Return text; of several parts those that are text."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text")) for part in content if isinstance(part, Mapping) and part.get("type") == "text")
    return "" if content is None else str(content)
