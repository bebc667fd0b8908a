"""All 278 gold runs under the plain and the `_enhanced` names: same rewards and conversations, and changes that lead from hash to hash.

    python -m benchmarks.states [--tasks N] [--json FILE]        about a minute and a half

Every StateChangeEvent is applied to tau2's own initial state of the task, and what comes out is hashed as tau2 hashes it: it must be the
event's post_hash, and in the end the hash of the last snapshot. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from rich.console import Console

from tau2_logging.environments import FastDatabases
from tau2_logging.environments.initial_state import set_initial_state
from tau2_logging.events import StateChangeEvent, StateSnapshot, StructuredEvent, apply_changes, read_events
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import SCRIPTED_JUDGE, ModelChoice, RunConfig

DOMAINS = ("retail", "airline", "telecom")


def play(directory: Path, suffix: str, tasks: int | None) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Run the tasks under these names; reward and conversation by task, without times and ids."""
    names = tuple(f"{domain}{suffix}" for domain in DOMAINS)
    judge = ModelChoice(SCRIPTED_JUDGE)
    config = RunConfig(domains=names, num_tasks=tasks, judge_model=judge, log_dir=directory, run_name=f"r{suffix}", progress=False)
    run(config, console=Console(file=io.StringIO()))
    found = {}
    for domain, name in zip(DOMAINS, names, strict=True):
        results = json.loads((directory / "runs" / f"r{suffix}" / f"results_{name}.json").read_text())
        for simulation in results["simulations"]:
            said = [
                (
                    message["role"],
                    message["content"],
                    message.get("error"),
                    [(c["name"], c["arguments"]) for c in message.get("tool_calls") or ()],
                )
                for message in simulation["messages"]
            ]
            found[domain, str(simulation["task_id"])] = (simulation["reward_info"]["reward"], simulation["termination_reason"], said)
    return found


def check_states(events: list[StructuredEvent], states: dict[str, Any]) -> tuple[int, int]:
    """(changes applied, hashes that differ) of a simulation."""
    hashes = {name: tau2_hash(state) for name, state in states.items()}
    applied = wrong = 0
    for event in events:
        if isinstance(event, StateSnapshot):
            wrong += (event.agent_hash, event.user_hash) != (hashes["agent"], hashes.get("user"))
        elif isinstance(event, StateChangeEvent):
            wrong += event.pre_hash != hashes[event.database]
            states[event.database] = apply_changes(states[event.database], event.changes)
            hashes[event.database] = tau2_hash(states[event.database])
            wrong += event.post_hash != hashes[event.database]
            applied += 1
    last = events[-1]
    return applied, wrong + (not isinstance(last, StateSnapshot) or last.moment != "end")


def tau2_hash(state: Any) -> str:
    """tau2's hash of a dumped database."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def initial_states(harness: Tau2Harness, domain: str, task: Any) -> dict[str, Any]:
    """The databases of a task before its first step, dumped from tau2's own environment."""
    environment = harness.registry.get_env_constructor(domain)()
    set_initial_state(environment, task)
    kits = {"agent": environment.tools, "user": environment.user_tools}
    return {name: json.loads(json.dumps(kit.db.model_dump(), sort_keys=True, default=str)) for name, kit in kits.items() if kit is not None}


def main() -> None:
    """Run, check and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.states", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, help="tasks of each domain (default: all)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    harness = Tau2Harness.load()
    figures: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        plain, enhanced = (play(Path(place), suffix, options.tasks) for suffix in ("", "_enhanced"))
        stack.enter_context(DatabaseSubstitutes("tau2", FastDatabases()))
        for domain in DOMAINS:
            by_task: dict[str, list[StructuredEvent]] = defaultdict(list)
            for event in read_events(Path(place) / "runs" / "r_enhanced" / f"events_{domain}_enhanced.jsonl"):
                by_task[str(getattr(event, "task", None))].append(event)  # type: ignore[arg-type]
            tasks = {str(task.id): task for task in harness.tasks(domain, None)}
            checked = [check_states(events, initial_states(harness, domain, tasks[task])) for task, events in by_task.items()]
            mine = [key for key in plain if key[0] == domain]
            figures[domain] = {
                "runs": len(checked),
                "runs_that_differ": sum(plain[key] != enhanced.get(key) for key in mine) + abs(len(mine) - len(checked)),
                "changes": sum(applied for applied, _ in checked),
                "hashes_that_differ": sum(wrong for _, wrong in checked),
            }
            print(domain, ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in figures[domain].items()))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
    sys.exit(any(row["runs_that_differ"] or row["hashes_that_differ"] for row in figures.values()))


if __name__ == "__main__":
    main()
