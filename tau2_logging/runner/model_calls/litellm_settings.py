"""Settings of litellm that a run needs: keys that are there, connections enough."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import litellm

from tau2_logging.errors import UserError
from tau2_logging.events.roles import CHAT_ROLES
from tau2_logging.instrument.replacing import replaced
from tau2_logging.models.recorded import RecordedSettings
from tau2_logging.models.scripted.llm_args import ScriptedSettings, check_knobs
from tau2_logging.models.scripted.provider import PROVIDER
from tau2_logging.runner.settings.config import ModelChoice

CONNECTIONS_PER_SIMULATION = 4
_HTTPX_DEFAULT = 100
_OTHER_VARIABLES = {"bedrock": ("AWS_",), "vertex_ai": ("GOOGLE_", "VERTEX"), "gemini": ("GOOGLE_",)}


def check_models(models: Iterable[ModelChoice]) -> None:
    """Raise UserError for a model nobody serves, or one whose key is missing."""
    for model in models:
        if model.scripted:
            _check_scripted(model)
        elif model.recorded:
            check_models(_fallback(model))
        else:
            _check_real(model)


def _fallback(model: ModelChoice) -> list[ModelChoice]:
    """Return the live model that a recorded one may hand over to. Raises UserError for arguments that cannot be."""
    settings = RecordedSettings.of(model.args)
    return [] if settings.fallback is None else [ModelChoice(settings.fallback, settings.fallback_args)]


def _check_scripted(model: ModelChoice) -> None:
    role = model.llm.partition("/")[2]
    if role not in CHAT_ROLES:
        raise UserError(f"no model {model.llm!r}; the scripted ones are {', '.join(f'{PROVIDER}/{role}' for role in CHAT_ROLES)}")
    check_knobs(role, model.args)
    ScriptedSettings.of(model.args)


def _check_real(model: ModelChoice) -> None:
    with quiet_litellm():
        try:
            litellm.get_llm_provider(model=model.llm, api_base=model.args.get("api_base"))
        except Exception as error:
            raise UserError(
                f"litellm knows no provider for model {model.llm!r}; write it as provider/model, as in openai/gpt-4.1, "
                "anthropic/claude-sonnet-4-5 or hosted_vllm/<model>"
            ) from error
    if model.args.get("api_key"):
        return
    missing = litellm.validate_environment(model=model.llm).get("missing_keys") or []
    if missing:
        raise UserError(
            f"model {model.llm!r} needs {' and '.join(missing)} in the environment; set it, or run without naming a model "
            "(scripted models need no key)"
        )


def credentials(models: Iterable[ModelChoice]) -> dict[str, str]:
    """Return the variables of our environment that calls of these models may need: all that start with the provider's name."""
    prefixes: set[str] = set()
    found: dict[str, str] = {}
    for model in models:
        if model.recorded:
            for live in _fallback(model):
                found |= credentials([live])
        elif not model.scripted:
            provider = str(litellm.get_llm_provider(model=model.llm, api_base=model.args.get("api_base"))[1])
            prefixes |= {f"{provider.upper()}_", *_OTHER_VARIABLES.get(provider, ())}
    return found | {name: value for name, value in os.environ.items() if name.startswith(tuple(prefixes))}


def check_prices(models: Iterable[ModelChoice]) -> None:
    """Raise UserError for a model whose price is not known: a limit of money cannot be kept with it."""
    for model in models:
        if model.recorded:
            check_prices(_fallback(model))
        if model.free or model.args.get("input_cost_per_token") is not None:
            continue
        try:
            known = litellm.get_model_info(model=model.llm)
        except Exception:
            known = {}
        if not known.get("input_cost_per_token") and not known.get("output_cost_per_token"):
            raise UserError(
                f"--max-cost needs the price of {model.llm!r}, which litellm does not know; give it among the model's arguments, as in "
                '{"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6} (an expert: ,input_cost_per_token=1e-6,...), '
                "or use --max-tokens-total"
            )


def warm_up() -> None:
    """Make one call with a tool before anything is measured: litellm imports much of itself at its first call, a second or two."""
    tool = {"type": "function", "function": {"name": "noop", "description": "", "parameters": {"type": "object", "properties": {}}}}
    litellm.completion(model=f"{PROVIDER}/user", messages=[{"role": "user", "content": "hello"}], tools=[tool], max_retries=0)


def quiet_litellm() -> AbstractContextManager[None]:
    """Keep litellm from printing advice on the terminal with every failed call."""
    return replaced(litellm, suppress_debug_info=True)


@contextmanager
def http_connections(simulations: int) -> Iterator[None]:
    """Let as many requests be under way as the simulations can make.

    tau2 v1.0.1 gives litellm one client with 10 connections, httpx itself allows 100: beyond that, calls wait for each other inside
    this process. A client is replaced only if it would be too small.
    """
    wanted = simulations * CONNECTIONS_PER_SIMULATION
    if litellm.client_session is None and litellm.aclient_session is None and wanted <= _HTTPX_DEFAULT:
        yield
        return
    limits = httpx.Limits(max_connections=max(wanted, _HTTPX_DEFAULT), max_keepalive_connections=max(wanted, _HTTPX_DEFAULT))
    timeout = httpx.Timeout(600.0, connect=30.0)
    with httpx.Client(limits=limits, timeout=timeout, follow_redirects=True) as client:
        by_await = httpx.AsyncClient(limits=limits, timeout=timeout, follow_redirects=True)
        with replaced(litellm, client_session=client, aclient_session=by_await):
            yield
