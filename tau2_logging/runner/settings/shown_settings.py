"""A run's settings as run.json and plans keep them: of models' arguments and servers' words what is known to be harmless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tau2_logging.events.call_arguments import shown_address, shown_arguments
from tau2_logging.events.secrets.command_line import masked_words
from tau2_logging.events.secrets.masking import mask, mask_text

_ROLES = ("agent_model", "user_model", "judge_model")


def shown_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a RunConfig's fields, as plain values, in which nothing may be a credential."""
    shown: dict[str, Any] = mask(settings)  # type: ignore[assignment]
    for before, after in zip(_models(settings), _models(shown), strict=True):
        after["args"] = shown_arguments(before["args"], mask_text)
    servers = settings["servers"]
    if servers is not None:
        shown["servers"] |= {name: masked_words(servers[name]) for name in ("serve_args", "serve_command")}
        shown["servers"]["endpoints"] = [mask_text(shown_address(url)) for url in servers["endpoints"]]
    return shown


def _models(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield everything with arguments: the roles' models, experts, the arms' models."""
    for owner in (settings, *settings["arms"]):
        yield from (owner[role] for role in _ROLES if owner.get(role) is not None)
    yield from settings["experts"]
