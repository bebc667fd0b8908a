"""What a call is named after: the program or provider that serves it, not the client or the name of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tau2_logging.instrument.wire import call_type_of_host

ProgramAt = Callable[[str], "str | None"]
"""What is known to answer at host:port; None if nothing is."""

_NEUTRAL = {"openai": "openai_compatible", "claude": "anthropic_compatible"}
"""Whoever speaks a provider's protocol at a host that is not the provider's."""


def nothing_known(endpoint: str) -> str | None:
    """Return None: this process has asked no server."""
    return None


def served_by(url: Any, program_at: ProgramAt, client: str) -> str:
    """Return the `call_type` of a request: a host that is known, else what the run has learned of the address, else the protocol that is
    spoken (`openai_compatible`). `client` is the provider by the client's account; one of litellm's others keeps its name.
    """
    endpoint = f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"
    return call_type_of_host(url.host) or program_at(endpoint) or _NEUTRAL.get(client, client)


def named_by(headers: Mapping[str, str]) -> str | None:
    """Return the program, if an answer's headers tell."""
    if headers.get("server", "").startswith("llama.cpp"):
        return "llamacpp"
    return "litellm_proxy" if "x-litellm-version" in headers or "x-litellm-model-id" in headers else None
