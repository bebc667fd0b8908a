"""Conversations of a log at DEBUG: what each model was sent and replied, what each tool was given and returned."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.conversations.conversation import Key, Told
from tau2_logging.analysis.conversations.prompts_sent import prompts_of
from tau2_logging.analysis.conversations.turn_times import key_of
from tau2_logging.events.sent_prompts import PAYLOAD, Prompts

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

_ROLES = {"llm_call": "assistant", "user_sim": "user"}
_TYPES = (PAYLOAD, "tool_payload")


def told_by_payloads(log: LogData, wanted: set[Key]) -> Iterator[Told]:
    """Yield the conversation of each wanted simulation of which the log has payloads."""
    columns = ["type", "run", "domain", "task", "trial", "span", "step", "function", "arguments", "reply", "result", "line"]
    table = log.select(columns, types=_TYPES)
    if table.empty:
        return
    callers = {(row["run"], row["span"]): row for row in log.calls.to_dict("records")}
    begins = {key_of(row): row["start_ms"] for row in log.simulations.to_dict("records")}
    found: defaultdict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in table.to_dict("records"):
        caller = callers.get((row["run"], row["span"]))
        if caller is not None and (key := key_of(row)) in wanted and not caller["start_ms"] < begins.get(key, float("inf")):
            found[key].append({**row, "caller": caller})
    prompts = prompts_of(log)
    for key, rows in found.items():
        if any(row["type"] == PAYLOAD for row in rows):  # eval_<domain>.log has what tools returned alone
            yield _told(key, rows, prompts)


def _told(key: Key, rows: list[dict[str, Any]], prompts: Prompts) -> Told:
    messages, policy = _beginning(rows, prompts)
    waiting: list[str] = []
    begun = bool(messages)
    for at, row in enumerate(rows):
        role = _ROLES.get(row["caller"]["type"])
        if row["type"] == "tool_payload":
            messages.append(_result(row, waiting.pop(0) if waiting else ""))
        elif role is not None and not _asked_again(rows, at):
            begun_with = begun and role == "user" and not any(_is_agents(before) for before in rows[:at])
            if not begun_with and (message := _reply(row, role)) is not None:
                messages.append(message)
                waiting = [str(call.get("id")) for call in message.get("tool_calls") or ()]
    return Told(key, messages, "DEBUG log", policy=policy)


def _is_agents(row: Mapping[str, Any]) -> bool:
    return bool(row["caller"]["type"] == "llm_call")


def _asked_again(rows: list[dict[str, Any]], at: int) -> bool:
    """Return whether the same role replied again in the same step: the last reply is the one that counted."""
    mine = (rows[at]["caller"]["type"], rows[at]["step"])
    return not pd.isna(rows[at]["step"]) and any((row["caller"]["type"], row["step"]) == mine for row in rows[at + 1 :])


def _beginning(rows: list[dict[str, Any]], prompts: Prompts) -> tuple[list[Any], str | None]:
    """Return (what the agent's first prompt holds of the conversation, its system prompt)."""
    first = next((row for row in rows if row["type"] == PAYLOAD and _is_agents(row)), None)
    prompt = _json(prompts.messages(first["run"], first["span"])) if first is not None else None
    prompt = [message for message in prompt if isinstance(message, dict)] if isinstance(prompt, list) else []
    policy = "\n".join(str(message.get("content")) for message in prompt if message.get("role") == "system") or None
    return [message for message in prompt if message.get("role") != "system"], policy


def _reply(row: Mapping[str, Any], role: str) -> dict[str, Any] | None:
    reply = _json(row["reply"])
    return {**reply, "role": role} if isinstance(reply, dict) else None


def _result(row: Mapping[str, Any], call_id: str) -> dict[str, Any]:
    error = row["caller"].get("error")
    return {"role": "tool", "id": call_id, "content": row["result"], "error": None if pd.isna(error) else bool(error)}


def _json(text: object) -> Any:
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return None
