"""Where functions are bound: in which modules, under which names.

To go through the modules of a process takes 20 to 30 ms. A run has five layers that have to know, so inside `walked_once` their places are
kept, and looked up again only in modules that were imported or that got more names meanwhile.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from operator import is_not
from types import ModuleType
from typing import Any

Place = tuple[ModuleType, str]

LOCK = threading.RLock()
"""For who goes through modules and binds something in them."""

_NEVER_CALLING = sys.stdlib_module_names | {
    "anthropic", "matplotlib", "numpy", "openai", "pandas", "polars", "pydantic", "scipy", "statsmodels",
}  # fmt: skip
"""Packages that call no function wrapped by us. They have most of the modules of a process."""

_USUALLY_WRAPPED = (
    ("litellm", "completion"), ("litellm", "acompletion"), ("litellm.main", "completion"), ("litellm.main", "acompletion"),
    ("tau2.evaluator.evaluator", "evaluate_simulation"),
    ("tau2.run", "run_task"), ("tau2.runner.batch", "run_single_task"),
)  # fmt: skip
"""Found in one walk. Another function takes a walk of its own."""


class _Places:
    """The places of some objects, by id. An entry may be outdated: it is compared with what is bound when it is used."""

    def __init__(self) -> None:
        self._places: dict[int, list[Place]] = {id(function): [] for function in _usually_wrapped()}
        self._modules: list[Any] = []
        self._candidates: list[ModuleType] = []
        self._sizes: dict[int, int] = {}

    def find(self, wanted: Collection[int]) -> Iterator[Place]:
        if not self._places.keys() >= set(wanted):
            self._places.update({key: [] for key in wanted if key not in self._places})
            self._sizes.clear()  # look at all modules
        self._look_at_new_names()
        for key in wanted:
            yield from [(module, name) for module, name in self._places[key] if id(vars(module).get(name)) == key]

    def note(self, module: ModuleType, name: str) -> None:
        self._places.setdefault(id(vars(module)[name]), []).append((module, name))

    def _look_at_new_names(self) -> None:
        modules = list(sys.modules.values())
        if len(modules) != len(self._modules) or any(map(is_not, modules, self._modules)):
            self._modules, self._candidates = modules, _candidates()
        known = frozenset(self._places)
        for module in self._candidates:
            size = len(vars(module))
            if self._sizes.get(id(module)) != size:
                self._sizes[id(module)] = size
                for name, value in _bound_in(module, known):
                    self._places[id(value)].append((module, name))


def _usually_wrapped() -> Iterator[Any]:
    for dotted, name in _USUALLY_WRAPPED:
        if (function := getattr(sys.modules.get(dotted), name, None)) is not None:
            yield function


_KEPT: list[_Places] = []
"""One inside `walked_once`, none outside."""


@contextmanager
def walked_once() -> Iterator[None]:
    """Inside the block modules are gone through once for all layers. What somebody else binds meanwhile in place of something that was
    there before may be missed: it is for installing several layers at a time, not for a whole run.
    """
    with LOCK:
        mine = [] if _KEPT else [_Places()]
        _KEPT.extend(mine)
    try:
        yield
    finally:
        with LOCK:
            _KEPT[:] = [places for places in _KEPT if places not in mine]


def find_bound(wanted: Collection[int]) -> Iterator[Place]:
    """Yield where objects are bound in modules, by their ids. Hold them meanwhile, and LOCK."""
    if not wanted:
        return
    for places in _KEPT:
        yield from places.find(wanted)
        return
    wanted = frozenset(wanted)
    for module in _candidates():
        yield from [(module, name) for name, _ in _bound_in(module, wanted)]


def note_place(module: ModuleType, name: str) -> None:
    """Keep that something else is bound there now."""
    for places in _KEPT:
        places.note(module, name)


def _bound_in(module: ModuleType, wanted: frozenset[int]) -> list[tuple[str, Any]]:
    names = vars(module)
    if wanted.isdisjoint(map(id, list(names.values()))):
        return []
    return [(name, value) for name, value in list(names.items()) if id(value) in wanted]


def _candidates() -> list[ModuleType]:
    return [
        module
        for dotted, module in list(sys.modules.items())
        if dotted.partition(".")[0] not in _NEVER_CALLING and isinstance(module, ModuleType)
    ]
