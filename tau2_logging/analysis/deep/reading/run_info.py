"""What a results file's `info` says of how its run was made, in the words of run_start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tau2_logging.events.benchmark_data import V1
from tau2_logging.events.call_arguments import shown_arguments

_ROLES = {"agent": "agent_info", "user": "user_info"}
_OURS = ("num_retries",)
_ONLY_V1 = ("text_streaming_config", "retrieval_config")
"""What tau2 notes of a run since v1; a file of v0.2 has none of them, and neither have some of v1 that were made shorter."""


def settings_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of run_start: agent, user, their models and arguments (texts masked unless they are known to be harmless),
    limits, release."""
    found: dict[str, Any] = {}
    for role, name in _ROLES.items():
        about = info.get(name)
        about = about if isinstance(about, Mapping) else {}
        found |= {role: about.get("implementation"), f"{role}_llm": about.get("llm"), f"{role}_llm_args": _arguments(about.get("llm_args"))}
    commit = str(info.get("git_commit") or "unknown")[:12]  # tau2 writes "unknown" if it does not run from its repository
    found |= {name: info.get(name) for name in ("max_steps", "max_errors", "seed", "retrieval_config")}
    found["tau2_data"] = V1 if any(name in info for name in _ONLY_V1) else None
    return {**found, "tau2_version": None if commit == "unknown" else f"tau2 at {commit}"}


def _arguments(arguments: Any) -> str | None:
    if not isinstance(arguments, Mapping):
        return None
    shown = shown_arguments(arguments)
    kept = {name: shown[name] for name in sorted(shown) if name not in _OURS}
    return json.dumps(kept, ensure_ascii=False, default=str) if kept else None
