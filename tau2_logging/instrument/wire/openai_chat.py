"""OpenAI's chat completions, which vLLM and most other servers speak too."""

from __future__ import annotations

from typing import Any

from tau2_logging.instrument.wire.protocol import Assembler, Protocol, ProviderError, read_json

_TOKEN_FIELDS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio")
_SET_ONCE = ("role", "id", "type", "name")


class OpenAIChat(Protocol):
    """POST .../chat/completions."""

    name = "openai"
    path = "/chat/completions"
    stream_fields = b'"stream":true,"stream_options":{"include_usage":true}}'

    def assembler(self) -> Assembler:
        return _Chat()

    def with_usage(self, content: bytes) -> bytes | None:
        if b'"stream_options"' in content or not content.rstrip().endswith(b"}"):
            return None
        return content.rstrip()[:-1] + b',"stream_options":{"include_usage":true}}'

    def is_usage(self, data: bytes) -> bool:
        chunk = read_json(data) if b'"usage"' in data else None
        return isinstance(chunk, dict) and not chunk.get("choices") and bool(chunk.get("usage"))


class _Chat(Assembler):
    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def feed(self, data: Any) -> bool:
        if data == b"[DONE]":
            self.over = True
            return False
        chunk = read_json(data)
        if not isinstance(chunk, dict):
            return False
        if chunk.get("error"):
            raise ProviderError(_status_of(chunk["error"]), chunk)
        choices = chunk.pop("choices", None) or ()
        self._head.update({name: value for name, value in chunk.items() if value is not None or name not in self._head})
        return sum(self._take(choice) for choice in choices) > 0

    def _take(self, piece: dict[str, Any]) -> bool:
        choice = self._choices.setdefault(int(piece.get("index") or 0), {"delta": {}})
        delta = piece.get("delta") or {}
        _merge(choice["delta"], delta)
        for name, value in piece.items():
            if name == "logprobs" and isinstance(value, dict):
                choice[name] = choice.get(name) or {}
                _merge(choice[name], value)
            elif name not in ("index", "delta") and (value is not None or name not in choice):
                choice[name] = value
        self.complete = all(item.get("finish_reason") for item in self._choices.values())
        return any(delta.get(name) for name in _TOKEN_FIELDS)

    def body(self) -> dict[str, Any] | None:
        if not self._head:
            return None
        choices = [
            {"index": index, "message": _message(choice["delta"]), **{name: value for name, value in choice.items() if name != "delta"}}
            for index, choice in sorted(self._choices.items())
        ]
        return {**self._head, "object": "chat.completion", "choices": choices}

    @property
    def has_usage(self) -> bool:
        return bool(self._head.get("usage"))


def _message(delta: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "refusal": None, **delta}
    calls = message.get("tool_calls")
    if calls:
        in_order = sorted(calls, key=lambda call: call.get("index", len(calls)))
        message["tool_calls"] = [{name: value for name, value in call.items() if name != "index"} for call in in_order]
        message["content"] = message["content"] or None  # a stream may open with an empty text that the whole answer does not have
    return message


def _merge(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    """Add a delta to what is there: texts and lists grow, objects are merged, list items with an index go to their place."""
    for name, value in piece.items():
        before = whole.get(name)
        if before is None or (name in _SET_ONCE and not before):
            whole[name] = _indexed([], value) if isinstance(value, list) else dict(value) if isinstance(value, dict) else value
        elif value is None or (name in _SET_ONCE and isinstance(value, str)):
            continue
        elif isinstance(before, str) and isinstance(value, str):
            whole[name] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            _indexed(before, value)
        else:
            whole[name] = value


def _indexed(items: list[Any], pieces: list[Any]) -> list[Any]:
    for piece in pieces:
        index = piece.get("index") if isinstance(piece, dict) else None
        there = next((item for item in items if isinstance(item, dict) and item.get("index") == index), None) if index is not None else None
        if there is None:
            items.append(_copied(piece))
        else:
            _merge(there, {name: value for name, value in piece.items() if name != "index"})
    return items


def _copied(piece: Any) -> Any:
    if not isinstance(piece, dict):
        return piece
    whole: dict[str, Any] = {}
    _merge(whole, piece)
    return whole


def _status_of(error: Any) -> int:
    for name in ("code", "status", "status_code"):
        value = error.get(name) if isinstance(error, dict) else None
        if isinstance(value, int) and 400 <= value < 600:
            return value
    kind = str(error.get("type") or error.get("code") or "") if isinstance(error, dict) else ""
    return 429 if "rate_limit" in kind else 400 if "invalid_request" in kind or "context_length" in kind else 500
