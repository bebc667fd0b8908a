"""Modules that are imported when something of them is first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def deferred(name: str) -> Any:
    """Return what has the names of a module, and imports it when one is asked for: what few questions need is not paid for by all."""
    return _Deferred(name)


class _Deferred:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
