"""What came of each cell (arm, domain, task, trial): one table, in which a cell that is missing stays missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis import load_log
from tau2_logging.events.domain_label import arm_label
from tau2_logging.experiments.planning.plan_file import Experiment
from tau2_logging.runner.work.checkpoint import read_rows
from tau2_logging.statistics.score import is_solved

KEY = ["arm", "domain", "task", "trial"]
MISSING = "missing"
TERMINATIONS = ("user_stop", "transfer", "out_of_scope", "agent_stop", "max_steps", "too_many_errors", "agent_error", "other")
"""tau2 ends transfers and out-of-scope as user_stop too; the user's last words tell them apart."""

_TOKENS = {"###TRANSFER###": "transfer", "###OUT-OF-SCOPE###": "out_of_scope"}
_MEASURED = {
    "cost_usd": "cost_usd", "input_tokens": "input_tokens", "output_tokens": "output_tokens",
    "duration_ms": "duration_ms", "llm_ms": "llm_ms",
    "llm_calls": "agent_calls", "user_calls": "user_calls", "tool_errors": "tool_errors", "steps": "steps",
}  # fmt: skip
_COLUMNS = ["status", "reward", "success", "termination", "turns", "user_texts", "error"]


def collect(experiment: Experiment) -> pd.DataFrame:
    """Return a row for every cell of the plan, in the plan's order. Absent is NaN.

    Columns: KEY, status (ok, error, timeout, missing), reward, success, termination, turns (messages of the user), user_texts, error, and
    from the log steps, tokens, cost_usd, durations, calls.
    """
    plan = experiment.plan
    found = {key: row for arm in plan.arms for domain in plan.tasks for key, row in _rows(experiment, arm, domain)}
    keys = [
        (arm, domain, task, trial)
        for arm in plan.arms
        for domain, tasks in plan.tasks.items()
        for task in tasks
        for trial in range(plan.config.num_trials)
    ]
    blank: dict[str, Any] = {"status": MISSING, "reward": np.nan, "success": np.nan, "turns": np.nan, "user_texts": ()}
    rows = [{**dict(zip(KEY, key, strict=True)), **blank, **found.get(key, {})} for key in keys]
    cells = pd.DataFrame(rows, columns=[*KEY, *_COLUMNS])
    return cells.merge(_measured(experiment), on=KEY, how="left")


def _rows(experiment: Experiment, arm: str, domain: str) -> Iterator[tuple[tuple[str, str, str, int], dict[str, Any]]]:
    """Yield the last word on each cell; a result that is there is not taken back by a later failure."""
    last: dict[tuple[str, str, str, int], dict[str, Any]] = {}
    for row in read_rows(experiment.run_dir / f"simulations_{arm_label(domain, arm)}.jsonl"):
        key = (arm, domain, str(row["task"]), int(row["trial"]))
        if last.get(key, {}).get("status") != "ok":
            last[key] = _outcome(row)
    yield from last.items()


def _outcome(row: dict[str, Any]) -> dict[str, Any]:
    if row["status"] != "ok" or row.get("reward") is None:
        return {"status": "error" if row["status"] == "ok" else row["status"], "error": row.get("error")}
    messages = (row.get("simulation") or {}).get("messages") or []
    said = [message for message in messages if message.get("role") == "user"]
    texts = tuple(str(message["content"]) for message in said if message.get("content"))
    reward = float(row["reward"])
    return {
        "status": "ok", "reward": reward, "success": float(is_solved(reward)), "termination": _termination(row.get("termination"), texts),
        "turns": len(said), "user_texts": texts,
    }  # fmt: skip


def _termination(reason: Any, texts: tuple[str, ...]) -> str:
    if reason == "user_stop":
        return next((name for token, name in _TOKENS.items() if texts and token in texts[-1]), "user_stop")
    return str(reason) if reason in TERMINATIONS else "other"


def _measured(experiment: Experiment) -> pd.DataFrame:
    """Return what the log says of each cell that has a result."""
    if not experiment.logs:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in KEY} | {name: pd.Series(dtype=float) for name in _MEASURED.values()})
    table = load_log(experiment.logs, experiment.plan.name).simulations
    table = table[(table["status"].eq("ok") | table["reward"].notna()) & table["domain"].astype(str).str.contains("@")]
    place = table["domain"].astype(str).str.partition("@").reindex(columns=range(3))  # of no row, one column
    columns = {new: pd.to_numeric(table[old], errors="coerce").astype(float) for old, new in _MEASURED.items()}
    trial = pd.to_numeric(table["trial"]).astype("int64")
    keys = {"arm": place[2].astype(object), "domain": place[0].astype(object), "task": table["task"].astype(object), "trial": trial}
    return pd.DataFrame({**keys, **columns}).drop_duplicates(KEY, keep="last")


def by_task(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the means of the trials that are there: a row for each (domain, task), a column for each arm in the order of the plan."""
    means = cells.groupby(["domain", "task", "arm"], sort=False)[column].mean()
    return means.unstack("arm").reindex(columns=list(dict.fromkeys(cells["arm"])))
