"""`<name>_enhanced_logs.json` of tau2-enhanced: how long each tool call took, beside the results file `<name>.json` of the same run.

The file holds every execution of a tool in any environment, so each call again when the evaluator repeats it, and says of none which
simulation made it. A call of the results file is the execution of that tool with those arguments at that time; all others are repetitions.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.messages import moment
from tau2_logging.errors import UserError

_ENDING = "_enhanced_logs"
_QUARTER_HOUR_S = 900
_NEAR_S = 1.0
"""The longest time between an execution and the message of its result. In four published runs it was 0.15 s, for the database's hash."""

Executions = dict[tuple[str, str], list[tuple[float, float]]]
"""(tool, arguments as text) -> (when it was made, seconds it took)."""


def results_path(path: Path) -> Path:
    """Return the results file that belongs to such a file, or the path itself. Raises UserError if it is not there."""
    if not path.stem.endswith(_ENDING):
        return path
    results = path.with_name(f"{path.stem.removesuffix(_ENDING)}{path.suffix}")
    if not results.is_file():
        raise UserError(
            f"{path} has the tool calls of a run of tau2-enhanced, but neither their tasks nor their conversations; put the run's results "
            f"file beside it, as {results.name}"
        )
    return results


def with_measured_tools(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a results file; if the file of tau2-enhanced lies beside it, with the time that each tool call took."""
    beside = path.with_name(f"{path.stem}{_ENDING}{path.suffix}")
    if not beside.is_file() or not isinstance(data.get("simulations"), list):
        return data
    try:
        executions = _executions(json.loads(beside.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{beside} is not a readable file of tau2-enhanced: {type(error).__name__}: {error}; remove it") from error
    return {**data, "simulations": [_measured(simulation, executions) for simulation in data["simulations"]]}


def _executions(logs: Mapping[str, Any]) -> Executions:
    """Its executions count seconds since 1970, its own time and the results file's are local: the difference is whole quarters of an
    hour."""
    made = [event for event in logs["execution_events"] if event.get("event_type") == "ToolExecutionEvent"]
    written = moment(logs.get("timestamp"))
    last = max((float(event["timestamp"]) for event in made), default=0.0)
    ahead_s = 0 if written is None else round((last - written) / _QUARTER_HOUR_S) * _QUARTER_HOUR_S
    found: Executions = defaultdict(list)
    for event in made:
        if event.get("execution_time") is not None:
            found[_key(event["tool_name"], event["tool_args"])].append(
                (float(event["timestamp"]) - ahead_s, float(event["execution_time"]))
            )
    return found


def _measured(simulation: Any, executions: Executions) -> Any:
    if not isinstance(simulation, Mapping) or not isinstance(simulation.get("messages"), list):
        return simulation
    return {**simulation, "messages": list(_messages(simulation["messages"], executions))}


def _messages(messages: list[Any], executions: Executions) -> Iterator[Any]:
    calls: dict[str, tuple[str, str]] = {}
    for message in messages:
        if not isinstance(message, Mapping):
            yield message
            continue
        calls.update({str(call.get("id")): _key(call.get("name"), call.get("arguments")) for call in message.get("tool_calls") or ()})
        took = _taken(executions, calls.get(str(message.get("id"))), moment(message.get("timestamp")))
        yield {**message, "generation_time_seconds": took} if message.get("role") == "tool" and took is not None else message


def _taken(executions: Executions, key: tuple[str, str] | None, now: float | None) -> float | None:
    """Return how long the execution took whose result was there at that time, and take it out; None if there is none."""
    if key is None or now is None:
        return None
    near = [one for one in executions.get(key, ()) if abs(one[0] - now) <= _NEAR_S]
    if not near:
        return None
    nearest = min(near, key=lambda one: abs(one[0] - now))
    executions[key].remove(nearest)
    return nearest[1]


def _key(tool: Any, arguments: Any) -> tuple[str, str]:
    return str(tool), json.dumps(arguments or {}, sort_keys=True, default=str)
