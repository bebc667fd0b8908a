"""Anthropic's messages."""

from __future__ import annotations

import json
from typing import Any

from tau2_logging.instrument.wire.protocol import Assembler, Protocol, ProviderError, read_json

_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicMessages(Protocol):
    """POST .../v1/messages."""

    name = "claude"
    path = "/v1/messages"
    stream_fields = b'"stream":true}'

    def assembler(self) -> Assembler:
        return _Message()


class _Message(Assembler):
    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, str] = {}

    def feed(self, data: Any) -> bool:
        event = read_json(data)
        if not isinstance(event, dict):
            return False
        take = getattr(self, f"_{event.get('type')}", None)
        return bool(take(event)) if take is not None else False

    def _error(self, event: dict[str, Any]) -> None:
        kind = (event.get("error") or {}).get("type", "")
        raise ProviderError(_STATUS.get(kind, 500), event)

    def _message_start(self, event: dict[str, Any]) -> None:
        self._message = dict(event.get("message") or {})

    def _content_block_start(self, event: dict[str, Any]) -> bool:
        block = dict(event.get("content_block") or {})
        self._blocks[event["index"]] = block
        return block.get("type") == "tool_use"

    def _content_block_delta(self, event: dict[str, Any]) -> bool:
        index, delta = event["index"], event.get("delta") or {}
        kind = delta.get("type")
        block = self._blocks.setdefault(index, {"type": "text"})
        if kind == "input_json_delta":
            self._inputs[index] = self._inputs.get(index, "") + delta.get("partial_json", "")
            return bool(delta.get("partial_json"))
        if kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
            return False
        name = _GROWING.get(kind or "")
        if name is None:
            return False
        block[name] = (block.get(name) or "") + delta.get(name, "")
        return kind != "signature_delta" and bool(delta.get(name))

    def _message_delta(self, event: dict[str, Any]) -> None:
        self._message.update(event.get("delta") or {})
        self._message.update({name: value for name, value in event.items() if name not in ("type", "delta", "usage")})
        counted = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        self._message["usage"] = {**(self._message.get("usage") or {}), **counted}
        self.complete = bool(self._message.get("stop_reason"))

    def _message_stop(self, event: dict[str, Any]) -> None:
        self.over = True

    def body(self) -> dict[str, Any] | None:
        if not self._message:
            return None
        blocks = [self._block(index, block) for index, block in sorted(self._blocks.items())]
        return {**self._message, "content": blocks}

    def _block(self, index: int, block: dict[str, Any]) -> dict[str, Any]:
        text = self._inputs.get(index)
        if not text:
            return block
        try:
            return {**block, "input": json.loads(text)}
        except ValueError:
            return {**block, "input": text}  # not an object: whoever reads it sees that the model's JSON is broken

    @property
    def has_usage(self) -> bool:
        return bool((self._message.get("usage") or {}).get("output_tokens"))
