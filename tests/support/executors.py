"""Which executors can be tried here, and what has to be alike in all of them."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable
from typing import Any

EXECUTORS = ["threads", "processes", *(["ray"] if importlib.util.find_spec("ray") else [])]
"""Ray is optional (requirements-ray.txt)."""

_APART = {"timestamp", "cost", "usage", "raw_data", "turn_idx", "id", "tool_call_id", "generation_time_seconds"}
_CALL_ID = re.compile(r"call_[0-9a-f]{24}")


def essence(simulations: Iterable[dict[str, Any]]) -> dict[tuple[str, int], str]:
    """Of each simulation what must not depend on where it ran: who said and called what, rewards, how it ended, its seed."""
    return {(item["task_id"], item["trial"]): _essence(item) for item in simulations}


def _essence(simulation: dict[str, Any]) -> str:
    said = [_without(message) for message in simulation["messages"]]
    kept = [said, simulation["reward_info"], simulation["termination_reason"], simulation["seed"]]
    return _CALL_ID.sub("call", json.dumps(kept, sort_keys=True))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(item) for name, item in value.items() if name not in _APART}
    return [_without(item) for item in value] if isinstance(value, list) else value
