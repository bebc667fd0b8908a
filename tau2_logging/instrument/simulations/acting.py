"""Whose turn it was when something happened in a simulation, read from the Python frames: it needs nothing to be wrapped."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from types import FrameType
from typing import Any

from tau2_logging.logger.simulation import AGENT

_TURNS = ("step", "initialize")
_MODULE = "tau2.orchestrator.orchestrator"


def orchestrator_of(error: BaseException) -> Any:
    """Return the tau2 orchestrator whose turn raised the exception, None if it was not raised in a turn."""
    found = _turn(frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return found[0] if found is not None else None


def acting_in(error: BaseException) -> str | None:
    """Whose turn raised the exception: agent, user or env. None if it was not raised in a turn."""
    return _role(_turn(frame for frame, _ in traceback.walk_tb(error.__traceback__)))


def acting_now() -> str | None:
    """Whose turn the calling thread works for."""
    return _role(_turn(frame for frame, _ in traceback.walk_stack(sys._getframe())))


def _turn(frames: Iterable[FrameType]) -> tuple[Any, str] | None:
    kind = getattr(sys.modules.get(_MODULE), "Orchestrator", None)
    for frame in frames:
        if kind is not None and frame.f_code.co_name in _TURNS and isinstance(owner := frame.f_locals.get("self"), kind):
            return owner, frame.f_code.co_name
    return None


def _role(turn: tuple[Any, str] | None) -> str | None:
    if turn is None:
        return None
    if turn[1] == "initialize":
        return AGENT  # only an agent without a user acts before the first step
    role = turn[0].to_role
    return str(getattr(role, "value", role))
