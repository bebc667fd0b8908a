"""Arguments of a recorded model (`--agent-llm-args` and its siblings), checked at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.errors import UserError

STRICT, LOOSE = "strict", "loose"
MODES = (STRICT, LOOSE)
NO_LATENCY, RECORDED_LATENCY = "none", "recorded"
LATENCIES = (NO_LATENCY, RECORDED_LATENCY)
NAMES = frozenset(("mode", "latency", "fallback", "fallback_args"))
"""Those that are not sent to a fallback model."""


@dataclass(frozen=True)
class RecordedSettings:
    """`mode`: `strict` ends a simulation at its first prompt that is not the recorded one, `loose` goes on with the recorded answers.
    `fallback`: a live model that answers from the first such prompt on, with the arguments `fallback_args`. `latency`: answer at once
    (`none`), or after the time that the recorded call took (`recorded`).
    """

    mode: str = STRICT
    latency: str = NO_LATENCY
    fallback: str | None = None
    fallback_args: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> RecordedSettings:
        """From model arguments; those of real models (temperature, ...) are ignored. Raises UserError with the name and the value."""
        mode = _one_of("mode", arguments.get("mode"), MODES)
        latency = _one_of("latency", arguments.get("latency"), LATENCIES)
        fallback, more = arguments.get("fallback"), arguments.get("fallback_args")
        if fallback is not None and not isinstance(fallback, str):
            raise UserError(f'recorded model: fallback is {fallback!r}; name a model, as in {{"fallback": "gpt-4.1"}}')
        if more is not None and not isinstance(more, Mapping):
            raise UserError(f'recorded model: fallback_args is {more!r}; give an object, as in {{"fallback_args": {{"temperature": 0}}}}')
        if more is not None and fallback is None:
            raise UserError("recorded model: fallback_args is given without fallback; name the model that takes over")
        if fallback is not None and arguments.get("mode") == LOOSE:
            raise UserError("recorded model: mode loose never leaves the recording, so that a fallback has nothing to do; leave one out")
        return cls(mode, latency, fallback, more or {})


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value is None:
        return known[0]
    if value not in known:
        raise UserError(f"recorded model: {name} is {value!r}; give {' or '.join(known)}")
    return str(value)
