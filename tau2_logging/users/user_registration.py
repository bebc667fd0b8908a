"""Making variants known to tau2, and forgetting them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.users.variant import Variant

BASE = "user_simulator"


def user_name(variant: Variant | None) -> str:
    """Under which name tau2 knows the user simulator with this variant."""
    return BASE if variant is None else f"{BASE}@{variant.name}"


@contextmanager
def registered_users(registry: Any, variants: Iterable[Variant]) -> Iterator[list[str]]:
    """Have `registry` (tau2's) know these variants inside the block; yields their names.

    tau2 cannot forget a user, so the rows are taken out of its table. Raises UserError if a name is there already, or if this release's
    prompt has no place for the text.
    """
    chosen = list({variant.name: variant for variant in variants}.values())
    names: list[str] = []
    try:
        for variant in chosen:
            names.append(_register(registry, variant))
        yield names
    finally:
        for name in names:
            registry._users.pop(name, None)


def _register(registry: Any, variant: Variant) -> str:
    from tau2_logging.users.simulator import user_class

    name = user_name(variant)
    if name in registry.get_users():
        raise UserError(f"tau2's registry has a user {name!r} already; give the variant another name")
    made = user_class(variant)
    try:
        prompt = made(tools=None, instructions="...", llm="none", llm_args={}).system_prompt
    except ValueError as error:
        raise UserError(f"variant {variant.name} cannot be used with this release of tau2: {error}") from error
    if variant.block not in prompt:
        raise UserError(f"variant {variant.name} does not reach the prompt of this release of tau2")
    registry.register_user(made, name)
    return name
