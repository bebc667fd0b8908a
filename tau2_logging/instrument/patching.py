"""Put a wrapper in the place of a function, everywhere it is bound, and take off only our own layer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Function = Callable[..., Any]

_ABSENT: Any = object()


@dataclass(frozen=True)
class _Patch:
    owner: Any
    name: str
    original: Any
    wrapper: Function


class Patches:
    """The wrappers one instrumentor has put in place."""

    def __init__(self) -> None:
        self._patches: list[_Patch] = []

    def method(self, owner: type, name: str, make: Callable[[Function], Function]) -> None:
        """Wrap a method on the class itself, so that subclasses keep their type and their overrides."""
        original = owner.__dict__.get(name, _ABSENT)
        wrapper = make(getattr(owner, name))
        _remember(wrapper, getattr(owner, name))
        setattr(owner, name, wrapper)
        self._patches.append(_Patch(owner, name, original, wrapper))

    def functions(self, makers: Iterable[tuple[Function, Callable[[Function], Function]]]) -> None:
        """Wrap functions in every module that holds them, under whatever name. Modules imported later get them from their homes. All
        modules are gone through once, which takes longer than everything else here."""
        wrappers: dict[int, tuple[Function, Function]] = {}
        for original, make in makers:
            wrapper = make(original)
            _remember(wrapper, original)
            wrappers[id(original)] = original, wrapper
        for module, name, value in _bound(wrappers):
            original, wrapper = wrappers[id(value)]
            setattr(module, name, wrapper)
            self._patches.append(_Patch(module, name, original, wrapper))

    def restore(self) -> None:
        """Take our wrappers off. Where somebody has wrapped ours since, theirs stays (ours then only passes calls through)."""
        for patch in reversed(self._patches):
            if patch.owner.__dict__.get(patch.name) is patch.wrapper:
                if patch.original is _ABSENT:
                    delattr(patch.owner, patch.name)
                else:
                    setattr(patch.owner, patch.name, patch.original)
        self._restore_late_imports()
        self._patches.clear()

    def _restore_late_imports(self) -> None:
        originals = {id(patch.wrapper): patch.original for patch in self._patches if isinstance(patch.owner, ModuleType)}
        for module, name, value in _bound(originals):
            setattr(module, name, originals[id(value)])


def _bound(wanted: Collection[int]) -> list[tuple[ModuleType, str, Any]]:
    """Where objects are bound in modules, by their ids."""
    if not wanted:
        return []
    wanted = frozenset(wanted)
    found = []
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and not wanted.isdisjoint(map(id, list(vars(module).values()))):
            found += [(module, name, value) for name, value in list(vars(module).items()) if id(value) in wanted]
    return found


def _remember(wrapper: Function, original: Function) -> None:
    wrapper.__wrapped__ = original  # type: ignore[attr-defined]
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        try:
            setattr(wrapper, name, getattr(original, name))
        except AttributeError:
            continue
