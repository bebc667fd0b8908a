"""Conversations of failed simulations, made by hand line by line, as tau2's results files hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import records
from tests.support.recordings import results, write

AIRLINE = (
    "The current time is 2024-05-15 15:00:00 EST. Otherwise, flight can be cancelled if any of the following is true: ... "
    "1 free checked bag for each ... If the user complains about delayed flights in a reservation and wants to change or cancel the "
    "reservation, "
)
RETAIL = "each item can be exchanged to an available new item of the same product but of different product option."

Line = str | tuple[Any, ...]


def messages(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """`U: text` and `A: text` are messages; (tool, arguments, result) is a call and what came of it, an error if it starts so."""
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        if isinstance(line, str):
            found.append({"role": "user" if line[0] == "U" else "assistant", "content": line[3:]})
            continue
        tool, arguments, result = line
        found.append({"role": "assistant", "content": None, "tool_calls": [{"id": f"c{number}", "name": tool, "arguments": arguments}]})
        found.append({"role": "tool", "id": f"c{number}", "content": result, "error": result.startswith("Error")})
    return found


def spoken(
    lines: Sequence[Line], actions: Sequence[Mapping[str, Any]], scenario: str = "", policy: str = "", **reward: Any
) -> dict[str, Any]:
    """A results file with one failed simulation of one task; `reward` replaces fields of reward_info or of the simulation."""
    task = {
        "id": "1",
        "user_scenario": {"instructions": {"task_instructions": scenario}},
        "evaluation_criteria": {
            "actions": [{"action_id": f"1_{n}", "requestor": "assistant", **action} for n, action in enumerate(actions)],
            "nl_assertions": reward.pop("nl_expected", None),
        },
    }
    ended = {name: reward.pop(name) for name in ("termination_reason",) if name in reward}
    info = {"reward": 0.0, "reward_breakdown": {"DB": 0.0}, **reward}
    simulation = {
        "id": "s",
        "task_id": "1",
        "trial": 0,
        "termination_reason": "user_stop",
        "reward_info": info,
        "messages": messages(lines),
    }
    return results([task], [{**simulation, **ended}], "airline" if policy == AIRLINE else "retail", policy)


def fault_of(folder: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """The row of the attribution of the only failed simulation of a results file."""
    (row,) = records(attribution(LogAnalyzer(write(folder / "spoken.json", data)).recorded))
    return row
