"""The parts of a reward with the reasons that the evaluator gave, and the task as it can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tau2_logging.statistics.score import is_solved

_SCENARIO = ("reason_for_call", "known_info", "unknown_info", "task_instructions")


def parts_of(reward: Any) -> list[dict[str, Any]]:
    """Return the parts that the reward is the product of, each with its value and its reasons; then what was checked and does not count."""
    reward = reward if isinstance(reward, Mapping) else {}
    breakdown = reward.get("reward_breakdown") or {}
    reasons = _reasons(reward)
    counted = [{"part": str(name), "value": value, "reasons": reasons.pop(str(name), [])} for name, value in breakdown.items()]
    others = [{"part": name, "value": None, "reasons": told} for name, told in reasons.items() if told]
    return [{**part, "full": None if part["value"] is None else is_solved(float(part["value"]))} for part in (*counted, *others)]


def _reasons(reward: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = {
        "COMMUNICATE": [_reason(check, check.get("info")) for check in _checks(reward, "communicate_checks")],
        "NL_ASSERTION": [_reason(check, check.get("nl_assertion")) for check in _checks(reward, "nl_assertions")],
        "ENV_ASSERTION": [_reason(check, _assertion(check.get("env_assertion"))) for check in _checks(reward, "env_assertions")],
    }
    database = reward.get("db_check")
    if isinstance(database, Mapping) and database.get("db_match") is not None:
        text = "the database at the end is that of the reference" if database["db_match"] else "the database at the end differs"
        found["DB"] = [{"text": text, "met": bool(database["db_match"]), "why": None}]
    return found


def _checks(reward: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    return (check for check in reward.get(name) or () if isinstance(check, Mapping))


def _reason(check: Mapping[str, Any], text: object) -> dict[str, Any]:
    return {"text": str(text), "met": check.get("met"), "why": check.get("justification")}


def _assertion(assertion: Any) -> str:
    if not isinstance(assertion, Mapping):
        return str(assertion)
    return f"{assertion.get('func_name')}({json.dumps(assertion.get('arguments') or {}, ensure_ascii=False, default=str)})"


def task_of(task: Any) -> dict[str, Any] | None:
    """Return what a task says, as pairs of a heading and a text."""
    if not isinstance(task, Mapping):
        return None
    return {"said": [[name.replace("_", " "), text] for name, text in _said(task) if text]}


def _said(task: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    description, scenario = task.get("description"), task.get("user_scenario")
    if isinstance(description, Mapping):
        yield "purpose", str(description.get("purpose") or "")
    elif description:
        yield "purpose", str(description)
    if task.get("ticket"):
        yield "ticket", str(task["ticket"])
    yield from _scenario(scenario)
    criteria = task.get("evaluation_criteria")
    if isinstance(criteria, Mapping):
        yield "to be told to the user", "\n".join(map(str, criteria.get("communicate_info") or ()))
        yield "assertions on the conversation", "\n".join(map(str, criteria.get("nl_assertions") or ()))


def _scenario(scenario: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(scenario, Mapping):
        yield "user", str(scenario or "")
        return
    yield "persona", str(scenario.get("persona") or "")
    instructions = scenario.get("instructions")
    if not isinstance(instructions, Mapping):
        yield "user", str(instructions or "")
        return
    yield from ((name, str(instructions.get(name) or "")) for name in _SCENARIO)
