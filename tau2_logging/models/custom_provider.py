"""Models of our own as a provider of litellm: how they are entered, and the pieces of their streams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import litellm
from litellm.types.utils import GenericStreamingChunk


def enter_provider(name: str, handler: Any, models: Iterable[str]) -> None:
    """Make a provider and its models (with its prefix) known to litellm, at no price. One of that name is replaced."""
    others = [item for item in litellm.custom_provider_map if item["provider"] != name]
    litellm.custom_provider_map = [*others, {"provider": name, "custom_handler": handler}]
    kinds = ("cache_creation_input_token_cost", "cache_read_input_token_cost", "input_cost_per_token", "output_cost_per_token")
    free = dict.fromkeys(kinds, 0.0)
    litellm.register_model({model: {**free, "litellm_provider": name, "mode": "chat"} for model in models})


def stream_chunk(**fields: Any) -> GenericStreamingChunk:
    """Return a piece of a stream; what is not given is empty."""
    blank = {"text": "", "tool_use": None, "is_finished": False, "finish_reason": "", "usage": None, "index": 0}
    return {**blank, **fields}  # type: ignore[typeddict-item, no-any-return, return-value, misc, unused-ignore]
