"""What the text log knows of simulations and calls: outcomes and times, and arguments only at level DEBUG."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.deep.reading.files.results_files import SHOWN, size_of
from tau2_logging.analysis.deep.reading.recorded import Row, Rows
from tau2_logging.analysis.measures.comparison.pooling import facts

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

Key = tuple[Any, ...]
_KEY = ["run", "domain", "task", "trial"]


def read_log(log: RunLog, told: Container[Key] = frozenset()) -> Rows:
    """Return simulations, tool calls and model calls of a log; of each simulation the attempt that counts. Of simulations that are `told`
    elsewhere no calls are read, unless the log says that some were made to fail on purpose.
    """
    simulations = log.simulations.to_dict("records")
    rows = Rows(simulations=[_simulation(row) for row in simulations])
    left = [row for row in simulations if _key_of(row) not in told]
    starts = {_key_of(row): row["start_ms"] for row in left}
    spoiled = log.select(["injected"], types=["tool_call"])["injected"].notna().any()
    of_tools = {_key_of(row): row["start_ms"] for row in simulations} if spoiled else starts
    rows.calls = list(_tool_calls(log, of_tools)) if of_tools else []
    rows.replies = list(_model_calls(log, starts)) if starts else []
    for found in facts(log):
        rows.settings.append({**found.settings, "run": found.run})
        for (domain, task), text in found.tasks.items():
            rows.tasks.append({"run": found.run, "domain": domain, "task": task, "task_hash": text})
    return rows


def _key_of(row: dict[Any, Any]) -> tuple[Any, ...]:
    """Return the simulation of a row; a log that numbers no trials has one of each task."""
    run, domain, task, trial = (None if _is_absent(row.get(name)) else row[name] for name in _KEY)
    return run, domain, task, 0 if trial is None else trial


def _is_absent(value: Any) -> bool:
    return value is None or value is pd.NA or value != value


def _key(row: dict[Any, Any]) -> Row:
    run, domain, task, trial = _key_of(row)
    return {"run": run, "domain": domain, "task": None if task is None else str(task), "trial": int(trial)}


def _simulation(row: dict[Any, Any]) -> Row:
    duration = row["duration_ms"]
    return {
        **_key(row), "status": row["status"], "reward": row["reward"], "termination": _text(row["termination"]),
        "started": None, "duration_s": duration / 1000, "agent_cost_usd": row.get("agent_cost_usd"), "talk": False,
        "ended_in": _ended_in(row),
    }  # fmt: skip


def _ended_in(row: dict[Any, Any]) -> str | None:
    """Return the error of task_end, in words."""
    said = [text for name in ("error_type", "error_message") if (text := _text(row.get(name))) is not None]
    return ": ".join(said) or None


def _text(value: Any) -> str | None:
    return None if _is_absent(value) else str(value)


def _counted(log: RunLog, types: list[str], starts: dict[tuple[Any, ...], Any]) -> Iterator[dict[Any, Any]]:
    """Yield events that belong to the last start of their simulation, in order."""
    simulations = log.simulations
    theirs = simulations[[_key_of(row) in starts for row in simulations[_KEY].to_dict("records")]]
    for row in log.select(types=types, of=theirs).to_dict("records"):
        begin = starts.get(_key_of(row))
        if begin is not None and not row.get("start_ms", begin) < begin:
            yield row


def _tool_calls(log: RunLog, starts: dict[tuple[Any, ...], Any]) -> Iterator[Row]:
    positions: dict[tuple[Any, ...], int] = {}
    payloads = {
        (row["run"], row["span"]): row
        for row in log.select(["run", "span", "arguments", "result"], types=["tool_payload"]).to_dict("records")
    }
    for row in _counted(log, ["tool_call"], starts):
        key = _key_of(row)
        position = positions.get(key, 0)
        positions[key] = position + 1
        yield {
            **_key(row), "position": position, "turn": row.get("step"), "requestor": row.get("requestor"), "tool": row.get("function"),
            "error": None if _is_absent(row.get("error")) else bool(row["error"]), "duration_ms": row.get("duration_ms"),
            "error_text": _text(row.get("error_type")), "at_s": (row["end_ms"] - starts[key]) / 1000,
            "injected": _text(row.get("injected")), **_payload(payloads.get((row.get("run"), row.get("span")), {})),
        }  # fmt: skip


def _payload(row: dict[Any, Any]) -> Row:
    try:
        arguments = json.loads(row.get("arguments") or "")
    except (TypeError, ValueError, RecursionError):
        return {}
    if not isinstance(arguments, dict):
        return {}
    result = str(row.get("result") or "")
    found: Row = {"arguments": arguments, "argument_count": len(arguments), "argument_bytes": size_of(arguments), "result": result[:SHOWN]}
    return {**found, "error_text": result} if result.startswith("Error: ") else found


_ROLES = {"llm_call": "assistant", "user_sim": "user"}


def _model_calls(log: RunLog, starts: dict[tuple[Any, ...], Any]) -> Iterator[Row]:
    for number, row in enumerate(_counted(log, list(_ROLES), starts)):
        yield {
            **_key(row), "turn": number, "role": _ROLES[str(row["type"])], "at_s": (row["end_ms"] - starts[_key_of(row)]) / 1000,
            "took_ms": row.get("duration_ms"), "prompt_tokens": _number(row.get("input_tokens")),
            "reply_tokens": _number(row.get("output_tokens")), "error_type": _text(row.get("error_type")),
        }  # fmt: skip


def _number(value: Any) -> float | None:
    return None if _is_absent(value) else float(value)
