"""How the server behaves, checked at the edge."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.models.simulated_server.protocols.completion import FAULTS

METRIC_NAMES = ("new", "old")
_AT_LEAST_ZERO = ("ttft_ms", "itl_ms", "retry_after_s", "startup_s", "traces_every_s")
_COUNTS = ("batch_size", "max_context", "turns", "reply_tokens")


@dataclass(frozen=True)
class ServerSettings:
    """Raises UserError with the name and the value of what is wrong.

    `ttft_ms` is the prefill of each request, `itl_ms` the time from one piece to the next; at most `batch_size` requests run at once, the
    others wait. `faults` gives the rate of each of FAULTS per request (together at most 1); `seed` makes them repeatable. Prompts of more
    than `max_context` tokens are refused. As a user simulator the server speaks `turns` times and then ends the conversation; as an agent
    it says texts of `reply_tokens` tokens (None: as they come). `retry_after_s` is sent with a 429. With an `api_key`, any other key is
    refused. `stream_usage` False leaves usage out of OpenAI's streams. `metric_names` are those of a new or an old vLLM. For `startup_s`
    seconds everything is answered with 503. The journal in memory keeps the last `journal_limit` exchanges (None: all). Spans of the
    requests go to `traces_endpoint`, an OTLP/HTTP address with its path, every `traces_every_s` seconds.
    """

    models: tuple[str, ...] = ("sim",)
    ttft_ms: float = 0.0
    itl_ms: float = 0.0
    batch_size: int | None = None
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    can_stream: bool = True
    stream_usage: bool = True
    max_context: int | None = None
    turns: int = 2
    reply_tokens: int | None = None
    retry_after_s: float = 0.0
    api_key: str | None = None
    metric_names: str = "new"
    startup_s: float = 0.0
    journal_limit: int | None = None
    traces_endpoint: str | None = None
    traces_every_s: float = 5.0

    def __post_init__(self) -> None:
        if not self.models:
            raise UserError("simulated server: no model; name at least one")
        for name in _AT_LEAST_ZERO:
            if not _is_number(getattr(self, name)):
                raise UserError(f"simulated server: {name} is {getattr(self, name)!r}; give a number of at least 0")
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise UserError(f"simulated server: {name} is {value!r}; give a whole number of at least 1")
        if self.traces_endpoint is not None and not self.traces_endpoint.startswith(("http://", "https://")):
            raise UserError(
                f"simulated server: traces_endpoint is {self.traces_endpoint!r}; give one such as http://127.0.0.1:4318/v1/traces"
            )
        if self.metric_names not in METRIC_NAMES:
            raise UserError(f"simulated server: metric_names is {self.metric_names!r}; give one of {', '.join(METRIC_NAMES)}")
        _check_rates(self.faults)

    def draw_fault(self, number: int) -> str | None:
        """Return the fault of request `number`, if any: the same for the same seed."""
        at = random.Random(f"{self.seed}|fault|{number}").random()
        for name, rate in self.faults.items():
            at -= rate
            if at < 0:
                return name
        return None


def _check_rates(faults: Any) -> None:
    if not isinstance(faults, Mapping):
        raise UserError(f'simulated server: faults is {faults!r}; give rates by name, as in {{"rate_limit": 0.1}}')
    for name, rate in faults.items():
        if name not in FAULTS:
            raise UserError(f"simulated server: no fault {name!r}; there are {', '.join(FAULTS)}")
        if not _is_number(rate) or rate > 1:
            raise UserError(f"simulated server: the rate of {name} is {rate!r}; give a number from 0 to 1")
    if sum(faults.values()) > 1 + 1e-9:
        raise UserError(f"simulated server: the fault rates add up to {sum(faults.values()):g}; at most 1 is possible")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
