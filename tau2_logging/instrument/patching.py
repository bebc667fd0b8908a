"""Wrap functions of other packages wherever they are bound, and take off only our own layer.

What is bound is a shell around the wrapper. If somebody has wrapped the shell when our layer comes off, their wrapper stays, and the shell
passes calls on to the original function. A shell that is bound again because their wrapper came off is removed with our next layer.

To go through the modules of a process takes 20 to 30 ms. A run has five layers that have to know where functions are bound, so inside
`walked_once` their places are kept, and looked up again only in modules that were imported or that got more names meanwhile.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import is_not
from types import FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

Function = Callable[..., Any]
MakeWrapper = Callable[[Function], Function]
"""Returns the wrapper of a function."""

Place = tuple[ModuleType, str]
"""A module, and a name in it."""

_ABSENT: Any = object()
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

_LOCK = threading.RLock()


class Patches:
    """The wrappers and values that one instrumentor has put in place. `restore` takes them off; then it can be used again."""

    def __init__(self) -> None:
        self._layer = _Layer()

    def method(self, owner: Any, name: str, make: MakeWrapper) -> None:
        """Wrap a method on the class itself, so that subclasses keep their type and their overrides; or on an object, for it alone. A
        property's getter and the function of a class method or static method are wrapped as what they are."""
        _tidy_up()
        found = inspect.getattr_static(owner, name) if isinstance(owner, type) else getattr(owner, name)
        self._layer.bind(owner, name, _rebuilt(found, lambda function: self._layer.shell(function, make)))

    def value(self, owner: Any, name: str, value: Any) -> None:
        """Give a setting of somebody's module, class or object another value. `restore` puts his back unless he has set it since."""
        self._layer.set(owner, name, value)

    def functions(self, makers: Iterable[tuple[Function, MakeWrapper]]) -> None:
        """Wrap functions in every module that holds them, under whatever name. Modules imported later get them from their homes. All
        modules are gone through, which takes longer than everything else here: see `walked_once`."""
        wanted = [(_unwrapped(function), make) for function, make in makers]
        _tidy_up()
        _walk_modules(self._layer, [(original, self._layer.shell(original, make)) for original, make in wanted])

    def restore(self) -> None:
        """Take our layer off, and only that."""
        layer, self._layer = self._layer, _Layer()
        layer.switch_off()
        with _LOCK:
            _LEFT_BEHIND.append(layer)
            layer.leave_places()
        _tidy_up()
        if layer.functions:  # somebody holds a shell: a module that was imported meanwhile, or a wrapper of theirs
            _walk_modules()


@dataclass(frozen=True)
class _Binding:
    """Where something of ours is bound, and what the owner held there before."""

    owner: Any
    name: str
    before: Any
    ours: Any

    @classmethod
    def bind(cls, owner: Any, name: str, ours: Any) -> _Binding:
        binding = cls(owner, name, vars(owner).get(name, _ABSENT), ours)
        setattr(owner, name, ours)
        return binding

    def undo(self) -> bool:
        """Put back what was there before. Return False if what is there now is not ours."""
        if vars(self.owner).get(self.name, _ABSENT) is not self.ours:
            return False
        if self.before is _ABSENT:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.before)
        return True


class _Layer:
    """All wrappers that come off together."""

    def __init__(self) -> None:
        self.on = True
        self.functions: WeakKeyDictionary[Function, Function] = WeakKeyDictionary()
        """Shell -> what it was put over, for functions of modules: as long as somebody holds the shell."""
        self._places: list[tuple[ModuleType, str]] = []
        self._bindings: list[_Binding] = []
        self._settings: list[_Binding] = []

    def switch_off(self) -> None:
        """Calls pass through from now on, and settings are put back."""
        self.on = False
        while self._settings:
            self._settings.pop().undo()

    def shell(self, original: Function, make: MakeWrapper) -> Function:
        shell = (_async_shell if inspect.iscoroutinefunction(original) else _shell)(self, original, make(original))
        _remember(shell, original)
        return shell

    def bind_function(self, module: ModuleType, name: str, shell: Function, original: Function) -> None:
        self.functions[shell] = original
        self._places.append((module, name))
        _bind(module, name, shell)

    def leave_places(self) -> None:
        """Put back what was there before wherever something of ours that came off is bound, of the places that this layer was put in."""
        places, self._places = self._places, []
        held = _left_behind()
        left = {id(shell): original for shell, original in held}
        for module, name in places:
            value = vars(module).get(name)
            if id(value) in left:
                _bind(module, name, _beneath(value, left))

    def bind(self, owner: Any, name: str, ours: Any) -> None:
        self._bindings.append(_Binding.bind(owner, name, ours))

    def set(self, owner: Any, name: str, value: Any) -> None:
        self._settings.append(_Binding.bind(owner, name, value))

    def undo_all(self) -> bool:
        """Take off what is ours in classes and objects now, last first. True if there was any."""
        left = [binding for binding in reversed(self._bindings) if not binding.undo()][::-1]
        cleared, self._bindings = len(left) < len(self._bindings), left
        return cleared

    @property
    def is_held(self) -> bool:
        """Whether somebody may still bind something of ours again: he wrapped it."""
        return bool(self._bindings or self.functions)


_LEFT_BEHIND: list[_Layer] = []
"""Layers that have come off, but for what somebody else had wrapped."""


def _tidy_up() -> None:
    """Take off what was left behind and is bound again in classes and objects."""
    with _LOCK:
        while any(layer.undo_all() for layer in reversed(_LEFT_BEHIND)):
            pass  # one that was cleared may have uncovered another
        _LEFT_BEHIND[:] = [layer for layer in _LEFT_BEHIND if layer.is_held]


def _walk_modules(layer: _Layer | None = None, shells: Collection[tuple[Function, Function]] = ()) -> None:
    """Bind the shells of a layer, each given after what it wraps, and take off what was left behind: both at once, for it takes long."""
    with _LOCK:
        held = _left_behind()
        left = {id(shell): original for shell, original in held}
        over = {id(original): shell for original, shell in shells}
        for module, name in _find_bound([found for found, _ in (*held, *shells)]):
            value = _beneath(vars(module)[name], left)
            shell = over.get(id(value))
            if layer is not None and shell is not None:
                layer.bind_function(module, name, shell, value)
            else:
                _bind(module, name, value)
        del held
        _LEFT_BEHIND[:] = [behind for behind in _LEFT_BEHIND if behind.is_held]


def _left_behind() -> list[tuple[Function, Function]]:
    """Return the shells of layers that came off, each with what it was put over. Hold them: else an id could become that of something
    new."""
    return [pair for behind in _LEFT_BEHIND for pair in behind.functions.items()]


def _beneath(value: Any, left: Mapping[int, Function]) -> Any:
    while id(value) in left:
        value = left[id(value)]
    return value


def _unwrapped(function: Function) -> Function:
    """Return what a shell that only passes calls on was put over; any other function as it is."""
    with _LOCK:
        for layer in reversed(_LEFT_BEHIND):
            function = layer.functions.get(function, function)
    return function


def _shell(layer: _Layer, original: Function, wrapper: Function) -> Function:
    def shell(*args: Any, **kwargs: Any) -> Any:
        return wrapper(*args, **kwargs) if layer.on else original(*args, **kwargs)

    return shell


def _async_shell(layer: _Layer, original: Function, wrapper: Function) -> Function:
    async def shell(*args: Any, **kwargs: Any) -> Any:
        return await (wrapper if layer.on else original)(*args, **kwargs)

    return shell


def _rebuilt(found: Any, wrapped: MakeWrapper) -> Any:
    """Return a function, or what holds one, with the wrapped function in its place."""
    if isinstance(found, property) and found.fget is not None:
        return property(wrapped(found.fget), found.fset, found.fdel, found.__doc__)
    if isinstance(found, (classmethod, staticmethod)):
        return type(found)(wrapped(found.__func__))
    return wrapped(found)


def _bind(module: ModuleType, name: str, value: Any) -> None:
    setattr(module, name, value)
    _note_place(module, name)


def _remember(shell: Function, original: Function) -> None:
    shell.__wrapped__ = original  # type: ignore[attr-defined]
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        try:
            setattr(shell, name, getattr(original, name))
        except AttributeError:
            continue


class _Sought:
    """Objects that are looked for in modules, by identity. A function's hash is its identity; to ask for the `id` of each name of each
    module would call the audit hooks of the process, such as filelock's."""

    def __init__(self, objects: Iterable[Any]) -> None:
        objects = list(objects)
        self._functions = frozenset(one for one in objects if type(one) is FunctionType)
        self._others = [one for one in objects if type(one) is not FunctionType]

    def bound_in(self, module: ModuleType) -> list[tuple[str, Any]]:
        names = vars(module).copy()  # a copy: other threads import meanwhile
        found = [(name, value) for name, value in names.items() if type(value) is FunctionType and value in self._functions]
        return found + [(name, value) for other in self._others for name, value in names.items() if value is other]


class _Places:
    """The places of some objects. An entry may be outdated: it is compared with what is bound when it is used."""

    def __init__(self) -> None:
        self._sought = {id(one): one for one in _usually_wrapped()}
        self._places: dict[int, list[Place]] = {key: [] for key in self._sought}
        self._modules: list[Any] = []
        self._candidates: list[ModuleType] = []
        self._sizes: dict[int, int] = {}

    def find(self, wanted: Collection[Any]) -> Iterator[Place]:
        if new := {id(one): one for one in wanted if id(one) not in self._sought}:
            self._sought.update(new)
            self._places = {key: [] for key in self._sought}
            self._sizes.clear()  # look at all modules
        self._look_at_new_names()
        for one in wanted:
            yield from [(module, name) for module, name in self._places[id(one)] if vars(module).get(name) is one]

    def note(self, module: ModuleType, name: str) -> None:
        bound = vars(module)[name]
        self._sought[id(bound)] = bound
        self._places.setdefault(id(bound), []).append((module, name))

    def _look_at_new_names(self) -> None:
        modules = list(sys.modules.copy().values())
        if len(modules) != len(self._modules) or any(map(is_not, modules, self._modules)):
            self._modules, self._candidates = modules, _candidates()
        sought = _Sought(self._sought.values())
        for module in self._candidates:
            size = len(vars(module))
            if self._sizes.get(id(module)) != size:
                self._sizes[id(module)] = size
                for name, value in sought.bound_in(module):
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
    with _LOCK:
        mine = [] if _KEPT else [_Places()]
        _KEPT.extend(mine)
    try:
        yield
    finally:
        with _LOCK:
            _KEPT[:] = [places for places in _KEPT if places not in mine]


def _find_bound(wanted: Collection[Any]) -> Iterator[Place]:
    """Yield where these objects are bound in modules. Hold _LOCK meanwhile."""
    if not wanted:
        return
    for places in _KEPT:
        yield from places.find(wanted)
        return
    sought = _Sought(wanted)
    for module in _candidates():
        yield from [(module, name) for name, _ in sought.bound_in(module)]


def _note_place(module: ModuleType, name: str) -> None:
    """Keep that something else is bound there now."""
    for places in _KEPT:
        places.note(module, name)


def _candidates() -> list[ModuleType]:
    return [
        module
        for dotted, module in sys.modules.copy().items()  # a copy: other threads import meanwhile
        if dotted.partition(".")[0] not in _NEVER_CALLING and isinstance(module, ModuleType)
    ]
