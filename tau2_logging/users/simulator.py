"""tau2's user simulator with a manner."""

from __future__ import annotations

from typing import Any

from tau2.user.user_simulator import UserSimulator

from tau2_logging.users.variant import Variant


def user_class(variant: Variant) -> type[Any]:
    """Return a child of tau2's UserSimulator whose system prompt holds the variant's text before the scenario, and is otherwise tau2's
    own.

    The control's is the child with nothing changed, so that the same class path is taken in every arm.
    """
    name = f"UserSimulator_{variant.name.replace('-', '_')}"
    return type(name, (UserSimulator,), {"__doc__": variant.about or variant.name, "variant": variant, "system_prompt": _PROMPT})


def _system_prompt(self: Any) -> str:
    own = str(UserSimulator.system_prompt.fget(self))
    return inserted(own, self.instructions, self.variant)


_PROMPT = property(_system_prompt, doc="tau2's prompt with the variant's text before the scenario.")


def inserted(own: str, instructions: object, variant: Variant) -> str:
    """Return a prompt of tau2's with the variant's text in it.

    Raises ValueError if the prompt does not end with the scenario: this release of tau2 then writes it in a way not known here, and a
    simulation without its variant is worse than none.
    """
    if not variant.block:
        return own
    scenario = f"<scenario>\n{instructions}\n</scenario>"
    if not own.endswith(scenario):
        raise ValueError("tau2's user prompt does not end with its scenario; the variant's text has no place in it")
    return own[: len(own) - len(scenario)] + variant.block + scenario
