"""What the agents are and how they are run, as text; made from the table of their settings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tau2_logging.agents.agent_args import KINDS
from tau2_logging.invocation import RUN, command

_WHAT: Mapping[str, str] = {
    "retry_agent": "checks its model's tool calls and tells it about mistakes",
    "context_agent": "keeps its prompts under a limit",
    "enhanced_agent": "both",
}


def get_usage_examples() -> dict[str, str]:
    """Return for each agent a command that runs it with scripted models; settings are at their defaults."""
    return {name: f"{command(RUN)} --domains retail --agent {name} --agent-args '{json.dumps(_defaults(name))}'" for name in KINDS}


def print_enhanced_agent_summary() -> None:
    """Print each agent, what it does, and a command that runs it."""
    for name, example in get_usage_examples().items():
        print(f"{name}: {_WHAT[name]}\n    {example}\n")
    print("What an agent improves is measured for your model, not known beforehand: docs/experiments.md compares agents on the same tasks.")


def _defaults(name: str) -> dict[str, Any]:
    found = {item.name: item.default for kind in KINDS[name] for item in dataclasses.fields(kind)}
    return {setting: value for setting, value in found.items() if value is not None}
