"""What a branch changes: `agent=MODEL`, `user=MODEL`, `user-variant=NAME`, `judge=MODEL`, or several of them after commas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tau2_logging.analysis.deep.attribution.branch_files import AS_IT_WAS
from tau2_logging.errors import UserError
from tau2_logging.events.roles import CONFIGURED_ROLES
from tau2_logging.runner.settings.config import Arm, ModelChoice, RunConfig
from tau2_logging.runner.settings.user_variants import Variant, chosen_variants

_PARTS = (*CONFIGURED_ROLES, "user-variant")


@dataclass(frozen=True)
class Swap:
    """One way to play on. Nothing is changed by the one whose text is `as-it-was`. `args`: arguments of the models that are put in."""

    text: str = AS_IT_WAS
    agent: str | None = None
    user: str | None = None
    variant: Variant | None = None
    judge: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the arm, which can be part of a file's name."""
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", self.text).strip("-")


def parse_swap(text: str, args: Mapping[str, Any]) -> Swap:
    """Return what `--swap` says. Raises UserError."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if name not in _PARTS or not equals or not value:
            raise UserError(f"--swap {text!r}: {part!r} is none of {', '.join(f'{name}=...' for name in _PARTS)}")
        if name in found:
            raise UserError(f"--swap {text!r} gives {name} twice; give each once, or two words after --swap for two branches")
        found[name] = value
    variant = chosen_variants(found["user-variant"])[0] if "user-variant" in found else None
    return Swap(text, found.get("agent"), found.get("user"), variant, found.get("judge"), args)


def swaps_of(texts: Sequence[str], args: Mapping[str, Any]) -> tuple[Swap, ...]:
    """Return the branches to play: the unswapped one, then each that is asked for. Raises UserError."""
    swaps = (Swap(), *(parse_swap(text, args) for text in texts))
    names = [swap.name for swap in swaps]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"--swap gives {twice} twice; give each once")
    return swaps


def swap_of_scan(swaps: Sequence[Swap]) -> Swap:
    """Return the one way in which a scan plays on. Raises UserError for several, and for a judge: how the conversation ended, which is the
    end of the curve, another judge may say otherwise."""
    _, *asked = swaps
    if len(asked) > 1:
        raise UserError(f"--scan plays on in one way, and --swap gives {len(asked)}; give one (commas join what one way changes)")
    if asked and asked[0].judge is not None:
        raise UserError("--scan cannot swap the judge, who decides how the conversation itself ended; use --at TURN --swap judge=MODEL")
    return asked[0] if asked else swaps[0]


def branch_config(config: RunConfig, swaps: Sequence[Swap]) -> RunConfig:
    """Return a configuration with an arm for each of these, which are judged by one judge."""
    variant = config.arms[0].variant if config.arms else None
    judge = swaps[0].judge
    if judge is not None:
        config = replace(config, judge_model=ModelChoice(judge, swaps[0].args, named=True))
    if any(swap.variant is not None for swap in swaps):
        _check_user(config)
        config = replace(config, user=None)
    return replace(config, arms=tuple(_arm(swap, variant) for swap in swaps))


def by_judge(swaps: Sequence[Swap]) -> list[list[Swap]]:
    """Return them in groups of one judge each: a run has one."""
    judges = list(dict.fromkeys(swap.judge for swap in swaps))
    return [[swap for swap in swaps if swap.judge == judge] for judge in judges]


def _check_user(config: RunConfig) -> None:
    """Raise UserError for a user that a variant cannot take the place of."""
    if config.user not in (None, "user_simulator"):
        raise UserError(f"--swap user-variant=...: the run was played with user {config.user}, and variants are of tau2's own simulator")


def _arm(swap: Swap, variant: Variant | None) -> Arm:
    agent = None if swap.agent is None else ModelChoice(swap.agent, swap.args, named=True)
    user = None if swap.user is None else ModelChoice(swap.user, swap.args, named=True)
    return Arm(swap.name, swap.variant or variant, agent_model=agent, user_model=user)
