"""What a call costs that did not go through litellm, by litellm's price map."""

from __future__ import annotations

import sys
from typing import Any

from tau2_logging.instrument.model_calls.reply import ModelReply

_PROVIDERS = {"claude": "anthropic", "vllm": "hosted_vllm", "openai_compatible": "hosted_vllm"}


def _written(reply: ModelReply) -> dict[str, Any]:
    """Writes to the cache by how long they are kept, if the provider says it: an hour costs more than five minutes."""
    if not reply.written_1h_tokens:
        return {}
    parts = {"ephemeral_1h_input_tokens": reply.written_1h_tokens}
    parts["ephemeral_5m_input_tokens"] = (reply.written_tokens or 0) - reply.written_1h_tokens
    return {"cache_creation_tokens": reply.written_tokens, "cache_creation_token_details": parts}


def price_of(model: str, provider: str, reply: ModelReply) -> float | None:
    """Return US dollars, with the prices of cached and reasoning tokens; None if the model, or what it used, is unknown."""
    litellm: Any = sys.modules.get("litellm")  # importing it takes seconds, and nobody here has asked for it
    if litellm is None or reply.input_tokens is None or reply.output_tokens is None:
        return None
    usage = litellm.Usage(
        prompt_tokens=reply.input_tokens,
        completion_tokens=reply.output_tokens,
        total_tokens=reply.input_tokens + reply.output_tokens,
        prompt_tokens_details={"cached_tokens": reply.cached_tokens or 0, **_written(reply)},
        completion_tokens_details={"reasoning_tokens": reply.reasoning_tokens or 0},
        cache_creation_input_tokens=reply.written_tokens or 0,
        cache_read_input_tokens=reply.cached_tokens or 0,
    )
    try:
        parts = litellm.cost_per_token(model=model, custom_llm_provider=_PROVIDERS.get(provider, provider), usage_object=usage)
    except Exception:
        return None
    return float(sum(parts))
