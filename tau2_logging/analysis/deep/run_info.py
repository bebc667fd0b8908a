"""What a results file's `info` says of how its run was made, in the words of run_start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_ROLES = {"agent": "agent_info", "user": "user_info"}
_OURS = ("num_retries",)
_HIDDEN = "***"
_SECRET = re.compile(r"key|token$|secret|passw|auth|credential|cookie|header|bearer", re.IGNORECASE)
_READABLE = frozenset(
    ("api_base", "base_url", "custom_llm_provider", "model", "reasoning_effort", "service_tier", "tool_choice", "verbosity")
)
"""Settings whose texts are shown. Other people's files may hold keys under any name, so that all other texts are masked."""


def settings_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of run_start: agent, user, their models and arguments (texts masked unless they are known to be harmless), limits, release."""
    found: dict[str, Any] = {}
    for role, name in _ROLES.items():
        about = info.get(name)
        about = about if isinstance(about, Mapping) else {}
        found |= {role: about.get("implementation"), f"{role}_llm": about.get("llm"), f"{role}_llm_args": _arguments(about.get("llm_args"))}
    commit = str(info.get("git_commit") or "an unknown commit")[:12]
    found |= {name: info.get(name) for name in ("max_steps", "max_errors", "seed")}
    return {**found, "tau2_version": f"tau2 at {commit}"}


def _arguments(arguments: Any) -> str | None:
    if not isinstance(arguments, Mapping):
        return None
    kept = {str(name): _shown(str(name), value) for name, value in sorted(arguments.items()) if name not in _OURS}
    return json.dumps(kept, ensure_ascii=False, default=str) if kept else None


def _shown(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _SECRET.search(name) and not name.endswith("_tokens"):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {str(inner): _shown(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(name, item) for item in value]
    return value if isinstance(value, int | float) or name in _READABLE else _HIDDEN
