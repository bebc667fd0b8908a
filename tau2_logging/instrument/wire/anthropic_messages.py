"""Anthropic messages, read from what a client sends and receives (the file of that name in the simulated server is the answering side)."""

from __future__ import annotations

import json
from typing import Any

from tau2_logging.instrument.wire.merging import merge
from tau2_logging.instrument.wire.protocol import Assembler, Protocol, read_json
from tau2_logging.instrument.wire.stream_errors import ProviderError, status_of

_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_STATUS = {  # https://docs.anthropic.com/en/api/errors
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
        """Make the assembler of one stream: content blocks by index, ended by message_stop."""
        return _Message()


class _Message(Assembler):
    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, str] = {}
        self._last = 0

    def feed(self, data: Any) -> bool:
        event = read_json(data)
        if not isinstance(event, dict):
            return False
        if event.get("error"):
            raise ProviderError(_status_of(event["error"]), {"type": "error", **event})
        take = _TAKES.get(str(event.get("type")))
        return bool(take(self, event)) if take is not None else False

    def _message_start(self, event: dict[str, Any]) -> None:
        self._message = dict(event.get("message") or {})
        self.begun = True

    def _content_block_start(self, event: dict[str, Any]) -> bool:
        index = event.get("index")
        block = dict(event.get("content_block") or {})
        self._last = len(self._blocks) if index is None else int(index)
        self._blocks[self._last] = block
        return block.get("type") == "tool_use"

    def _content_block_delta(self, event: dict[str, Any]) -> bool:
        index, delta = event.get("index"), event.get("delta") or {}
        index, kind = self._last if index is None else int(index), delta.get("type")
        block = self._blocks.setdefault(index, {"type": "text"})
        if kind == "input_json_delta":
            self._inputs[index] = self._inputs.get(index, "") + (delta.get("partial_json") or "")
            return bool(delta.get("partial_json"))
        if kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
            return False
        name = _GROWING.get(kind or "")
        if name is None:
            return False
        block[name] = (block.get(name) or "") + (delta.get(name) or "")
        return kind != "signature_delta" and bool(delta.get(name))

    def _message_delta(self, event: dict[str, Any]) -> None:
        self._message.update(event.get("delta") or {})
        self._message.update({name: value for name, value in event.items() if name not in ("type", "delta", "usage")})
        usage = dict(self._message.get("usage") or {})
        merge(usage, event.get("usage") or {})  # some gateways repeat the counts of the start as 0
        self._message["usage"] = usage
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


_TAKES = {
    "message_start": _Message._message_start,
    "content_block_start": _Message._content_block_start,
    "content_block_delta": _Message._content_block_delta,
    "message_delta": _Message._message_delta,
    "message_stop": _Message._message_stop,
}


def _status_of(error: Any) -> int | None:
    known = _STATUS.get(str(error.get("type"))) if isinstance(error, dict) else None
    return status_of(error) if known is None else known
