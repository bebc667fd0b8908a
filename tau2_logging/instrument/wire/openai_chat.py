"""OpenAI chat completions, which vLLM and most other servers speak too, read from what a client sends and receives."""

from __future__ import annotations

from typing import Any

from tau2_logging.instrument.wire.merging import merge
from tau2_logging.instrument.wire.protocol import Assembler, Protocol, read_json
from tau2_logging.instrument.wire.stream_errors import ProviderError, status_of

_TOKEN_FIELDS = ("content", "reasoning_content", "reasoning", "reasoning_details", "refusal", "tool_calls", "function_call", "audio")
_OF_STREAMS_ALONE = ("object", "obfuscation")


class OpenAIChat(Protocol):
    """POST .../chat/completions."""

    name = "openai"
    path = "/chat/completions"
    stream_fields = b'"stream":true,"stream_options":{"include_usage":true}}'

    def assembler(self) -> Assembler:
        """Make the assembler of one stream: choices by index, ended by a line [DONE]."""
        return _Chat()


class _Chat(Assembler):
    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def feed(self, data: Any) -> bool:
        if data.strip() == b"[DONE]":
            self.over = True
            return False
        chunk = read_json(data)
        if not isinstance(chunk, dict):
            return False
        _check(chunk)
        choices = chunk.pop("choices", None) or ()
        merge(self._head, {name: value for name, value in chunk.items() if name not in _OF_STREAMS_ALONE})
        self.begun = self.begun or bool(choices)
        return sum(self._take(choice) for choice in choices) > 0

    def _take(self, piece: dict[str, Any]) -> bool:
        choice = self._choices.setdefault(int(piece.get("index") or 0), {"delta": {}})
        delta = piece.get("delta") or {}
        merge(choice["delta"], delta)
        merge(choice, {name: value for name, value in piece.items() if name not in ("index", "delta", "finish_reason")})
        choice["finish_reason"] = piece.get("finish_reason") or choice.get("finish_reason")
        self.complete = all(item.get("finish_reason") for item in self._choices.values())
        return any(delta.get(name) for name in _TOKEN_FIELDS)

    def body(self) -> dict[str, Any] | None:
        if not self._choices:
            return None
        choices = [
            {"index": index, "message": _message(choice["delta"]), **{name: value for name, value in choice.items() if name != "delta"}}
            for index, choice in sorted(self._choices.items())
        ]
        return {**self._head, "object": "chat.completion", "choices": choices}

    @property
    def has_usage(self) -> bool:
        return bool((self._head.get("usage") or {}).get("prompt_tokens"))


def _check(chunk: dict[str, Any]) -> None:
    """Raise ProviderError for the forms in which servers put an error where a chunk should be."""
    error = chunk.get("error")
    if error not in (None, "", False):
        raise ProviderError(status_of(error), chunk)
    if "error_code" in chunk or chunk.get("object") == "error":  # FastChat, older vLLM
        message, code = chunk.get("message") or chunk.get("text"), chunk.get("code") or chunk.get("error_code")
        said = {"object": "error", "message": message, "code": code}
        raise ProviderError(status_of(said), said)


def _message(delta: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, **delta}
    calls = message.get("tool_calls")
    if calls:
        message["tool_calls"] = [{name: value for name, value in call.items() if name != "index"} for call in _in_order(calls)]
        message["content"] = message["content"] or None  # a stream may open with an empty text that the whole answer does not have
    return message


def _in_order(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By their indexes if each has one of its own, else as they came."""
    indexes = [call.get("index") for call in calls]
    told = all(isinstance(index, int) for index in indexes) and len(set(indexes)) == len(indexes)
    return sorted(calls, key=lambda call: int(call["index"])) if told else calls
