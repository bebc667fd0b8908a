"""Which program answers at an address, by its own words: the one table. Nothing that is asked here costs a token.

A name counts only if the program gives it to itself. `owned_by: vllm` alone does not: many servers copy it. LiteLLM's proxy answers
`/health` by a completion of every model that it is configured with, and newer SGLang generates a token there, so each program's page
that says how it is, and costs nothing, is part of the table.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tau2_logging.models.servers.api import Listing, ServerApi, ServerSilent

LITELLM_PROXY, LLAMACPP, VLLM = "litellm_proxy", "llamacpp", "vllm"


@dataclass(frozen=True)
class Program:
    """`name` is the `call_type` of calls there. `health`: a free page that says how it is; None leaves `/v1/models`. `owner`: its
    `owned_by`. `metrics`: how the names at `/metrics` start.
    """

    name: str
    health: str | None = None
    owner: str | None = None
    metrics: str | None = None


PROGRAMS = (
    Program(VLLM, "/health", metrics="vllm:"),
    Program(LLAMACPP, "/health", "llamacpp", "llamacpp:"),  # /v1/models answers while it still loads, /health does not
    Program("sglang", None, "sglang", "sglang:"),
    Program(LITELLM_PROXY, "/health/liveliness", metrics="litellm_"),
    Program("ollama"),
    Program("tgi", metrics="tgi_"),
    Program("tensorrt_llm", metrics="trtllm_"),
    Program("lmdeploy", owner="lmdeploy", metrics="lmdeploy:"),
    Program("lm_studio", owner="organization_owner"),
    Program("koboldcpp", owner="koboldcpp"),
    Program("tabbyapi", owner="tabbyapi"),
)
_HEALTH = {program.name: program.health for program in PROGRAMS}
_OWNERS = {program.owner: program.name for program in PROGRAMS if program.owner is not None}


def health_page(program: str | None) -> str | None:
    """Return the page to ask for a program's health; None if only `/v1/models` is known to be free."""
    return _HEALTH.get(program or "")


def program_at(api: ServerApi, listing: Listing | None) -> str | None:
    """Return the name of the program, None if its words do not tell. `listing` is its /v1/models, None if it gave none."""
    asked: tuple[Callable[[], str | None], ...] = (
        lambda: _by_listing(listing),
        lambda: _named(api, "/health/liveliness", "alive", LITELLM_PROXY),
        lambda: _by_metrics(api),
        lambda: VLLM if listing is not None and VLLM in listing.owners and _has_version(api) else None,
        lambda: _named(api, "/", "Ollama is running", "ollama"),
    )
    return next((name for ask in asked if (name := ask()) is not None), None)


def _by_listing(listing: Listing | None) -> str | None:
    if listing is None:
        return None
    if listing.headers.get("server", "").startswith("llama.cpp"):
        return LLAMACPP
    if any(name.startswith("x-litellm-") for name in listing.headers):
        return LITELLM_PROXY
    names = {_OWNERS.get(owner) for owner in listing.owners}
    return names.pop() if len(names) == 1 else None  # a gateway lists what many own


def _by_metrics(api: ServerApi) -> str | None:
    text = _page(api, "/metrics")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return next((program.name for program in PROGRAMS if program.metrics and any(line.startswith(program.metrics) for line in lines)), None)


def _has_version(api: ServerApi) -> bool:
    try:
        said = json.loads(_page(api, "/version"))
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(said.get("version"), str)


def _named(api: ServerApi, path: str, word: str, name: str) -> str | None:
    return name if word in _page(api, path)[:200] else None


def _page(api: ServerApi, path: str) -> str:
    try:
        return api.page(path)
    except ServerSilent:
        return ""
