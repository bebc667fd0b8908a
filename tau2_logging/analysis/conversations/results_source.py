"""Conversations of results files and of the checkpoints of runs that wrote none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tau2_logging.analysis.conversations.conversation import Told
from tau2_logging.analysis.deep.reading.files.results_files import domain_of, history_length, shared_file, simulations_of
from tau2_logging.analysis.deep.reading.messages import messages_of
from tau2_logging.analysis.store.file_counts import Rejected
from tau2_logging.analysis.tables.voice.ticks import configured_tick_s


def told_by_results(path: Path, run: str) -> Iterator[Told]:
    """Yield every simulation of a results file, told as of that run. Raises UserError if it is none."""
    data = shared_file(path)
    domain = domain_of(path, data)
    tick_s = configured_tick_s(data["info"])
    policy = (data["info"].get("environment_info") or {}).get("policy")
    tasks = {str(task["id"]): task for task in data["tasks"]}
    refused: list[Rejected] = []
    for task, trial, simulation in simulations_of(data, path, refused):
        about = tasks.get(task)
        history = history_length(about) if about else 0
        yield _told((run, domain, task, str(trial)), simulation, path, history, about, policy, tick_s)


def told_by_checkpoint(path: Path) -> Iterator[Told]:
    """Yield every simulation of a checkpoint; it holds neither tasks nor policy."""
    last: dict[tuple[str, str], Any] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            key = (str(row["task"]), str(row["trial"]))
            last[key] = row if row.get("simulation") or key not in last else {**last[key], **row, "played": last[key].get("played")}
        except (ValueError, KeyError, TypeError):
            continue  # reading the record counts it and says so
    for (task, trial), row in last.items():
        said = row.get("simulation") or row.get("played")  # one that waits for its evaluation has been said, and has no reward
        if said:
            yield _told((path.resolve().parent.name, str(row["domain"]), task, trial), said, path, 0, None, None)


def _told(key: Any, simulation: Mapping[str, Any], path: Path, history: int, task: Any, policy: str | None, tick_s: object = None) -> Told:
    return Told(
        key,
        messages_of(simulation, tick_s),
        path.name,
        history,
        task,
        policy,
        simulation.get("reward_info"),
        simulation.get("termination_reason"),
        simulation.get("start_time"),
    )
