"""OpenAI's responses, whose last event carries the whole answer."""

from __future__ import annotations

from typing import Any

from tau2_logging.instrument.wire.protocol import Assembler, Protocol, ProviderError, read_json

_ENDS = ("response.completed", "response.incomplete", "response.failed")


class OpenAIResponses(Protocol):
    """POST .../responses."""

    name = "openai"
    path = "/responses"
    stream_fields = b'"stream":true}'

    def assembler(self) -> Assembler:
        return _Response()


class _Response(Assembler):
    def __init__(self) -> None:
        self._response: dict[str, Any] | None = None

    def feed(self, data: Any) -> bool:
        event = read_json(data)
        if not isinstance(event, dict):
            return False
        kind = str(event.get("type"))
        if kind == "error":
            raise ProviderError(500, {"error": {name: value for name, value in event.items() if name != "type"}})
        if isinstance(event.get("response"), dict):
            self._response = event["response"]
            self.complete = kind in _ENDS
        return kind.endswith(".delta")

    def body(self) -> dict[str, Any] | None:
        return self._response

    @property
    def has_usage(self) -> bool:
        return bool((self._response or {}).get("usage"))
