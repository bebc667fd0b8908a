"""OpenAI's responses, whose last event carries the whole answer, or should."""

from __future__ import annotations

from typing import Any

from tau2_logging.instrument.wire.protocol import Assembler, Protocol, read_json
from tau2_logging.instrument.wire.stream_errors import ProviderError, status_of

_ENDS = ("response.completed", "response.incomplete", "response.cancelled")


class OpenAIResponses(Protocol):
    """POST .../responses."""

    name = "openai"
    path = "/responses"
    stream_fields = b'"stream":true}'

    def assembler(self) -> Assembler:
        """Make the assembler of one stream, whose last event holds the whole response."""
        return _Response()


class _Response(Assembler):
    def __init__(self) -> None:
        self._response: dict[str, Any] | None = None
        self._items: dict[int, Any] = {}

    def feed(self, data: Any) -> bool:
        event = read_json(data)
        if not isinstance(event, dict):
            return False
        kind = str(event.get("type"))
        _check(kind, event)
        self.begun = True
        if kind == "response.output_item.done":
            self._items[int(event.get("output_index") or len(self._items))] = event.get("item")
        if isinstance(event.get("response"), dict):
            self._response = event["response"]
            self.complete = self.over = kind in _ENDS
        return kind.endswith(".delta")

    def body(self) -> dict[str, Any] | None:
        """Some gateways leave the output of the last event empty: it is then that of the items that were streamed."""
        response = self._response
        if response is None or response.get("output") or not self._items:
            return response
        return {**response, "output": [item for _, item in sorted(self._items.items())]}

    @property
    def has_usage(self) -> bool:
        return bool(((self._response or {}).get("usage") or {}).get("input_tokens"))


def _check(kind: str, event: dict[str, Any]) -> None:
    """Raise ProviderError for an error event, and for a response that says it has failed."""
    error = event.get("error")
    if kind == "response.failed":
        error = (event.get("response") or {}).get("error")
    elif kind == "error" and not error:
        error = {name: value for name, value in event.items() if name not in ("type", "sequence_number")}
    if kind in ("error", "response.failed") or error:
        raise ProviderError(status_of(error), {"error": error})
