"""How many tokens a prompt has, by the model's own tokenizer if it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import litellm

from tau2_logging.models.scripted.token_count import prompt_tokens as scripted_tokens

_DEFAULT_LIMIT = 128_000


def prompt_tokens(model: str, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None) -> int:
    """Return the tokens of a call's messages and tool schemas. litellm has the tokenizers of OpenAI's, Anthropic's, Llama's and others'
    models; for a model whose tokenizer it does not have it counts with OpenAI's."""
    if model.startswith("scripted/"):
        return scripted_tokens(messages, tools)
    return int(litellm.token_counter(model=model, messages=list(messages), tools=list(tools) if tools else None))


def prompt_limit(model: str) -> int:
    """Return the most prompt tokens a model takes, as litellm knows it; 128,000 if it does not."""
    try:
        return int(litellm.get_model_info(model).get("max_input_tokens") or _DEFAULT_LIMIT)
    except Exception:
        return _DEFAULT_LIMIT
