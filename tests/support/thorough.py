"""How much a test tries: a little by default, so that `make test` takes minutes, or a lot with THOROUGH=1, as `make test-thorough` sets."""

from __future__ import annotations

import os
from typing import TypeVar

THOROUGH = bool(os.environ.get("THOROUGH"))
T = TypeVar("T")


def scaled(quick: T, thorough: T) -> T:
    """The amount for this run of the tests: of repetitions, tasks, cases. The property is the same."""
    return thorough if THOROUGH else quick
