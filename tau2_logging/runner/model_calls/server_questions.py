"""What a run asks of the servers that its settings name, before it starts: which models they have, and which program they are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.instrument.wire import call_type_of_host
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.api import ServerApi, ServerSilent
from tau2_logging.models.servers.endpoints import Endpoint
from tau2_logging.models.servers.programs import LITELLM_PROXY, program_at
from tau2_logging.models.servers.server_settings import KEY_VARIABLE, PROVIDER, ModelServerSettings
from tau2_logging.runner.settings.config import ModelChoice


def with_served_model(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a new run, with the model that its servers serve as the agent's if none is named. Raises UserError."""
    settings = ModelServerSettings.of(given)
    return given if settings is None or not given.keys().isdisjoint(("agent_llm", "model")) else {**given, "agent_llm": agent_llm(settings)}


def agent_llm(settings: ModelServerSettings) -> str:
    """Return the model of an agent that was given none, by litellm's name: the one we start, or the one that the endpoints serve.

    Asks the endpoints. Raises UserError when they serve none, or several.
    """
    if settings.served_name is not None:
        return f"{PROVIDER}/{settings.served_name}"
    names = sorted({name for endpoint in ask_all(settings) for name in endpoint.models})
    if len(names) != 1:
        raise UserError(f"the endpoints serve {'no model' if not names else ', '.join(names)}; choose one with --agent-llm {PROVIDER}/NAME")
    return f"{PROVIDER}/{names[0]}"


def ask_all(settings: ModelServerSettings, vouched: bool = False) -> list[Endpoint]:
    """Return the endpoints that run already. Raises UserError when none answers, unless they are known to have answered (`vouched`)."""
    found = [ask(Endpoint(address)) for address in dict.fromkeys(map(Address.of, settings.endpoints))]
    for endpoint in found:
        endpoint.answered |= vouched
    if not vouched and found and all(endpoint.down is not None for endpoint in found):
        silent = "; ".join(f"{endpoint.address.base_url}: {endpoint.down}" for endpoint in found)
        raise UserError(f"no --endpoint answers ({silent}); start the server, or correct the address")
    return found


def ask_addressed(models: Iterable[ModelChoice]) -> list[Endpoint]:
    """Return the servers that models name with an `api_base` of their own, providers that everybody knows left out. One that answers, but
    gives no list of models, may serve them all the same."""
    found: dict[Address, Endpoint] = {}
    for model in models:
        address = _own_address(model)
        if address is not None and address not in found:
            key = model.args.get("api_key")
            found[address] = ask(Endpoint(address, key=key if isinstance(key, str) else None))
            if found[address].answered:
                found[address].unlisted, found[address].down = found[address].down, None
    return list(found.values())


def _own_address(model: ModelChoice) -> Address | None:
    url = model.args.get("api_base") or model.args.get("base_url")
    try:
        address = Address.of(url) if isinstance(url, str) else None
    except UserError:  # whether it is any good, its client says
        return None
    return address if address is not None and call_type_of_host(address.host) is None else None


def ask(endpoint: Endpoint) -> Endpoint:
    """Ask a server for the first time. One that gives no list of models is `down`."""
    endpoint.down = learn(endpoint)
    return endpoint


def learn(endpoint: Endpoint) -> str | None:
    """Ask a server for its models and its name; returns why there is no list of them, None if there is."""
    api = ServerApi(endpoint.address, key=endpoint.key)
    try:
        listing, problem = api.listing(), None
        endpoint.models = listing.models
    except ServerSilent as silent:
        if silent.status is None:
            return str(silent)
        listing, problem = None, str(silent)
    endpoint.answered = True
    endpoint.program = program_at(api, listing)
    if problem is not None and endpoint.program == LITELLM_PROXY and not os.environ.get(KEY_VARIABLE):
        problem += f"; it is a LiteLLM proxy, which wants a key: set {KEY_VARIABLE}"
    return problem
