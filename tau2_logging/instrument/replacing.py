"""Other values for somebody's settings inside a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tau2_logging.instrument.patching import Patches


@contextmanager
def replaced(owner: Any, **values: Any) -> Iterator[None]:
    """Give attributes of a module, a class or an object these values. What somebody else sets meanwhile stays."""
    patches = Patches()
    try:
        for name, value in values.items():
            patches.value(owner, name, value)
        yield
    finally:
        patches.restore()
