"""What a model server's span says of a request: vLLM's `llm_request`, by the names of its attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_SECONDS = {
    "gen_ai.latency.time_in_queue": "server_queue_ms",
    "gen_ai.latency.time_to_first_token": "server_ttft_ms",
    "gen_ai.latency.time_in_model_prefill": "server_prefill_ms",
    "gen_ai.latency.time_in_model_decode": "server_decode_ms",
    "gen_ai.latency.e2e": "server_e2e_ms",
}
_COUNTS = {"gen_ai.usage.prompt_tokens": "input_tokens", "gen_ai.usage.completion_tokens": "output_tokens"}


@dataclass(frozen=True)
class ServerSpan:
    """A span as it came. Ids are whole numbers; `parent_id` is None for a span without a parent."""

    span_id: int
    parent_id: int | None
    attributes: Mapping[str, object]

    def figures(self) -> dict[str, object]:
        """As fields of `server_call`; empty for a span that is not of a model request. Values that cannot be are left out."""
        times = {field: 1000 * value for name, field in _SECONDS.items() if (value := self._number(name)) is not None}
        counts = {field: int(value) for name, field in _COUNTS.items() if (value := self._number(name)) is not None}
        return {**times, **counts} if times else {}

    def _number(self, name: str) -> float | None:
        value = self.attributes.get(name)
        valid = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        return value if valid else None  # type: ignore[return-value]
