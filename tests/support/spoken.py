"""Conversations of failed simulations, made by hand line by line, as tau2's results files hold them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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
_CALL = re.compile(r"(user)?> (\w+) (\{.*?\}) -> (.*)")


def messages(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """`U: text` and `A: text` are messages; (tool, arguments, result) is a call and what came of it, an error if it starts so; the call
    is the user's if a fourth value says so."""
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        if isinstance(line, str):
            found.append({"role": "user" if line[0] == "U" else "assistant", "content": line[3:]})
            continue
        tool, arguments, result, *by = line
        call = {"id": f"c{number}", "name": tool, "arguments": arguments, "requestor": by[0] if by else "assistant"}
        found.append({"role": call["requestor"], "content": None, "tool_calls": [call]})
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


def conversations(table: Path, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (what is expected, title, results file) of each conversation of a kind in a table.

    Lines `@NAME text` at the top define names for texts. A conversation starts with `# kind expected:
    title`, then, if they are not as in the first one, `scenario`, `reference` (one line each, or `none`), `policy` and `with` (fields of
    the reward), and its messages: `U:` and `A:` what is said, `>` and `user>` a call with its result.
    """
    names, *told = re.split(r"^# ", table.read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = {"AIRLINE": AIRLINE, "RETAIL": RETAIL, **dict(re.findall(r"^@(\w+) (.*)$", names, re.MULTILINE))}
    for block in told:
        head, *lines = re.sub(r"@([A-Z_]+)\b", lambda found: known[found[1]], block).strip().splitlines()
        its, expected, title = re.match(r"(\w+) (\w+): (.*)", head).groups()  # type: ignore[union-attr]
        if its == kind:
            yield expected, title, _conversation(lines, known)


def _conversation(lines: Sequence[str], known: Mapping[str, str]) -> dict[str, Any]:
    said = [_line(one) for one in lines if re.match(r"[UA]: |(user)?> ", one)]
    fields = [one.partition(" ") for one in lines if re.match(r"(scenario|reference|policy|with)( |$)", one)]
    assert len(said) + len(fields) == len(lines), lines
    told = {name: text for name, _, text in fields}
    actions = [text for name, _, text in fields if name == "reference" and text != "none"]
    if "reference" not in told:
        actions = [known["CANCEL"]]
    return spoken(
        said,
        [json.loads(text) for text in actions],
        told.get("scenario", known["WANTS"]),
        told.get("policy", ""),
        **json.loads(told.get("with", "{}")),
    )


def _line(text: str) -> Line:
    if (call := _CALL.fullmatch(text)) is None:
        return text
    by, tool, arguments, result = call.groups()
    return (tool, json.loads(arguments), result, by or "assistant")


def fault_of(folder: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """The row of the attribution of the only failed simulation of a results file."""
    (row,) = records(attribution(LogAnalyzer(write(folder / "spoken.json", data)).recorded))
    return row
