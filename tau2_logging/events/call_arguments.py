"""What of the arguments of a model's calls is shown: those that are known to be harmless. Anything else may be a credential.

A list of what is secret is never complete; a list of what is harmless only has to be long enough to tell runs apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

MASK = "***"

_HARMLESS = frozenset(
    (
        "model", "custom_llm_provider", "temperature", "top_p", "top_k", "min_p", "n", "best_of", "seed", "stop", "stop_token_ids",
        "max_tokens", "max_completion_tokens", "max_output_tokens", "min_tokens", "presence_penalty", "frequency_penalty",
        "repetition_penalty", "logit_bias", "logprobs", "top_logprobs", "timeout", "request_timeout", "stream", "stream_timeout",
        "num_retries", "max_retries", "tool_choice", "parallel_tool_calls", "reasoning_effort", "reasoning", "thinking", "verbosity",
        "service_tier", "modalities", "api_version", "api_type", "region_name", "aws_region_name", "vertex_location", "cache", "caching",
        "drop_params", "allowed_openai_params", "additional_drop_params", "input_cost_per_token", "output_cost_per_token", "rpm", "tpm",
        "mode", "latency", "fallback", "fallback_args",
    )
)  # fmt: skip
"""The last ones are those of the recorded models."""
_OF_SCRIPTED = frozenset(
    (
        "ttft_ms", "tpot_ms", "spread", "faults", "bad_writes", "bad_when_told", "context_limit", "lapse", "gives_up", "gives_up_when",
        "hangs_up", "wrong_fact", "withholds", "changes_mind", "empty_verdict", "contradicts", "miscounts", "fails", "invents",
    )
)  # fmt: skip
"""Settings of the scripted models."""
_OTHER = frozenset(("user", "metadata", "response_format", "scripted_task", "litellm_metadata", "mock_response", "organization"))
_INNER = frozenset(("type", "effort", "summary", "budget_tokens", "max_tokens", "enabled", "exclude"))
"""Within `reasoning` and `thinking`."""
_FREE_NAMES = frozenset(("logit_bias", "faults", "gives_up_when"))
"""Numbers under names of the user's choice."""
_ADDRESSES = frozenset(("api_base", "base_url", "azure_endpoint"))
_OPAQUE = frozenset(("extra_headers", "default_headers", "headers", "extra_query", "default_query", "extra_body"))
_LARGEST_NUMBER = 100_000

_SECRET_NAME = re.compile(
    r"(?:^|[_\-.])(?:api[_\-]?keys?|secrets?(?:[_\-]?key)?|pass(?:word|wd|phrase|code)s?|pwd|tokens?|authorization|auth|credentials?|"
    r"cookies?|private[_\-]?key|(?:subscription|account|signing|encryption)[_\-]?key|access[_\-]?key(?:[_\-]?id)?)$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HARMLESS_TOKENS = frozenset(f"{word}_token" for word in ("bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop", "end_of_text"))


def is_of_real_models(name: str) -> bool:
    """Return whether calls of real models take an argument of this name: one whose value is shown, an address, a header, or a secret."""
    return name in _HARMLESS | _ADDRESSES | _OPAQUE | _OTHER or is_secret_name(name)


def shown_arguments(arguments: Mapping[str, Any], text: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the arguments with `***` for every text that is not known to be harmless, and every large number; names are kept. What is
    shown of texts, stop words and addresses, goes through `text`, which masks what looks like a credential."""
    return {str(name): _shown(str(name), value, text) for name, value in arguments.items()}


def _shown(name: str, value: Any, text: Callable[[str], str]) -> Any:
    if is_secret_name(name) and value is not None:
        return MASK
    if name in _ADDRESSES and isinstance(value, str):
        return text(shown_address(value))
    return _harmless(value, text, name in _FREE_NAMES) if name in _HARMLESS or name in _OF_SCRIPTED else masked_leaves(value)


def _harmless(value: Any, text: Callable[[str], str], free: bool) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _harmless(item, text, free) if name in _INNER or free else masked_leaves(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_harmless(item, text, free) for item in value]
    if isinstance(value, str):
        return text(value)
    return value if value is None or isinstance(value, bool | int | float) else MASK


def masked_leaves(value: object) -> object:
    """Return the same value with `***` for each text, and for numbers that are larger than those of parameters. Names are kept."""
    if isinstance(value, Mapping):
        return {key: MASK if is_secret_name(str(key)) and item is not None else masked_leaves(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_leaves(item) for item in value]
    plain = value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER)
    return value if plain else MASK


def shown_address(address: str) -> str:
    """Return an address without user and password, its parameters with their names alone."""
    place, question, query = address.partition("?")
    place = re.sub(r"^(\w[\w+.\-]*://)?.*@", rf"\g<1>{MASK}@", place.partition("#")[0], flags=re.DOTALL)
    parameters = [f"{name}={MASK}" if equals else MASK for name, equals, _ in (part.partition("=") for part in query.split("&"))]
    return f"{place}?{'&'.join(parameters)}" if question else place


def is_opaque_name(name: str) -> bool:
    """Return whether everything under a setting of this name may be a credential: `extra_headers`, `extra_body`, `default-query`."""
    return name.lower().replace("-", "_") in _OPAQUE


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a setting of this name holds a secret: `api_key`, `OPENAI_API_KEY`, `secretKey`, but not `max_tokens`, nor a price."""
    plain = name.lower()
    if plain in _HARMLESS_TOKENS or plain.endswith(("_per_token", "_tokens")):
        return False
    return bool(_SECRET_NAME.search(_CAMEL.sub("_", name)))
