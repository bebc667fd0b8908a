"""Conversations of Inspect AI's `.eval` logs: what its events say that models replied and tools returned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tau2_logging.analysis.conversations.conversation import Told
from tau2_logging.analysis.recordings.inspect_eval import read_eval, run_of, scoring_spans
from tau2_logging.analysis.recordings.tau2_results import mapping

_ATTACHED = "attachment://"


def told_by_eval(path: Path) -> Iterator[Told]:
    """Yield every sample of a log that has a conversation. Raises UserError if it is none of a tau2 task."""
    domain, header, samples = read_eval(path)
    for sample in samples:
        key = (str(run_of(header)), domain, str(sample["id"]), str(int(sample["epoch"]) - 1))
        yield Told(key, _messages(sample), path.name, policy=_policy(sample), reward=None)


def _messages(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    scoring = scoring_spans(sample["events"])
    found: list[dict[str, Any]] = []
    for event in sample["events"]:
        if event["event"] == "tool":
            found.append(_result(event, sample))
        elif event["event"] == "model" and event.get("span_id") not in scoring and not event.get("error"):
            choice: Mapping[str, Any] = next(iter(mapping(event.get("output")).get("choices") or ()), {})
            message = mapping(choice.get("message"))
            role = "user" if event.get("role") == "user" else "assistant"
            found.append({"role": role, "content": _whole(message.get("content"), sample), "tool_calls": _calls(message)})
    return found


def _calls(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = message.get("tool_calls") or ()
    return [{"id": call.get("id"), "name": call.get("function"), "arguments": call.get("arguments")} for call in calls]


def _result(event: Mapping[str, Any], sample: Mapping[str, Any]) -> dict[str, Any]:
    error = event.get("error")
    content = mapping(error).get("message") if error else event.get("result")
    return {"role": "tool", "id": event.get("id"), "content": _whole(content, sample), "error": bool(error)}


def _policy(sample: Mapping[str, Any]) -> str | None:
    """Return the agent's system prompt, if the log holds what it was sent."""
    for event in sample["events"]:
        if event["event"] == "model" and event.get("role") != "user":
            sent = [message for message in event.get("input") or () if isinstance(message, Mapping)]
            return next((_whole(message.get("content"), sample) for message in sent if message.get("role") == "system"), None)
    return None


def _whole(content: Any, sample: Mapping[str, Any]) -> Any:
    """Return a content with the long texts that Inspect keeps apart."""
    if isinstance(content, str) and content.startswith(_ATTACHED):
        return mapping(sample.get("attachments")).get(content.removeprefix(_ATTACHED), content)
    if isinstance(content, list):
        return [{**part, "text": _whole(part.get("text"), sample)} for part in content if isinstance(part, Mapping)]
    return content
