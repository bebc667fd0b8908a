"""Of layers that lie on each other, ours and other people's, each comes off by itself: functions of modules, methods, objects, settings."""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from tau2_logging.instrument.patching import Patches


def doubled(number: int) -> int:
    return 2 * number


@pytest.fixture
def home() -> Iterator[Any]:
    """A module with a function."""
    module: Any = ModuleType("home_of_doubled")
    module.function = doubled
    sys.modules["home_of_doubled"] = module
    yield module
    del sys.modules["home_of_doubled"]


class Counted:
    """What the layers are put on: a function of a module, methods of every kind, an object's own method, a setting."""

    limit = 3

    def method(self, number: int) -> int:
        return 2 * number

    @classmethod
    def of_class(cls, number: int) -> int:
        return 2 * number

    @staticmethod
    def static(number: int) -> int:
        return 2 * number

    @property
    def doubled(self) -> int:
        return 2


class Inheriting(Counted):
    pass


@dataclass
class Target:
    """One thing that can be wrapped: how we do it, where it is bound, and a call of it."""

    put_on: Callable[[Patches, Any], None]
    owner: Any
    name: str
    call: Callable[[], Any]

    @property
    def bound(self) -> Any:
        return vars(self.owner).get(self.name, "nothing of its own")

    def theirs_on(self, calls: list[str]) -> Callable[[], None]:
        """Somebody else's layer, as people write it; gives what takes it off."""
        before, found = self.bound, inspect.getattr_static(self.owner, self.name)
        function = found.fget if isinstance(found, property) else getattr(found, "__func__", found)

        def theirs(*args: Any) -> Any:
            calls.append("theirs")
            return function(*args)

        kind: Any = type(found) if isinstance(found, (property, classmethod, staticmethod)) else lambda function: function
        setattr(self.owner, self.name, kind(theirs))
        return lambda: delattr(self.owner, self.name) if before == "nothing of its own" else setattr(self.owner, self.name, before)


@pytest.fixture(params=["function", "method", "inherited", "of_class", "static", "doubled", "object"])
def target(request: pytest.FixtureRequest, home: Any) -> Target:
    one = Counted()
    if request.param == "function":
        return Target(lambda patches, make: patches.functions([(home.function, make)]), home, "function", lambda: home.function(1))
    if request.param == "object":
        one.__dict__["method"] = lambda number: 2 * number
    owner = {"object": one, "inherited": Inheriting}.get(request.param, Counted)
    name = "method" if request.param in ("object", "inherited") else request.param
    user = owner() if isinstance(owner, type) else owner
    call = (lambda: user.doubled) if name == "doubled" else lambda: getattr(user, name)(1)
    return Target(lambda patches, make: patches.method(owner, name, make), owner, name, call)


def noting(calls: list[str]) -> Callable[[Any], Any]:
    def make(wrapped: Any) -> Any:
        def wrapper(*args: Any) -> Any:
            calls.append("ours")
            return wrapped(*args)

        return wrapper

    return make


def called(target: Target, calls: list[str]) -> list[str]:
    """Who saw a call, which gives what it always gives."""
    calls.clear()
    assert target.call() == 2
    return list(calls)


def test_ours_over_theirs_comes_off_and_theirs_stays(target: Target) -> None:
    """What is bound is theirs again, and after that there is no trace of either."""
    before, patches, calls = target.bound, Patches(), []  # type: ignore[var-annotated]
    take_off = target.theirs_on(calls)
    theirs = target.bound
    target.put_on(patches, noting(calls))
    assert called(target, calls) == ["ours", "theirs"]
    patches.restore()
    assert target.bound is theirs
    assert called(target, calls) == ["theirs"]
    take_off()
    assert target.bound is before


def test_ours_under_theirs_becomes_transparent_and_nothing_of_theirs_is_lost(target: Target) -> None:
    """Theirs stays bound and sees every call, ours none; a later layer of ours sees each call once and comes off as well."""
    patches, calls = Patches(), []  # type: ignore[var-annotated]
    target.put_on(patches, noting(calls))
    target.theirs_on(calls)
    theirs = target.bound
    patches.restore()
    assert target.bound is theirs
    assert called(target, calls) == ["theirs"]
    for _ in range(3):
        target.put_on(patches, noting(calls))
        assert called(target, calls) == ["ours", "theirs"]
        patches.restore()
        assert target.bound is theirs


def test_what_theirs_binds_again_as_it_comes_off_passes_calls_on_and_goes_with_our_next_layer(target: Target) -> None:
    """They put back what they found, which was ours: it does nothing, and whatever we put on or take off next removes it."""
    before, patches, calls = target.bound, Patches(), []  # type: ignore[var-annotated]
    target.put_on(patches, noting(calls))
    take_off = target.theirs_on(calls)
    patches.restore()
    take_off()
    assert called(target, calls) == []
    other = Patches()
    target.put_on(other, noting(calls))
    assert called(target, calls) == ["ours"]
    other.restore()
    assert target.bound is before


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_layers_of_ours_come_off_in_any_order_without_a_trace(target: Target, order: tuple[int, ...]) -> None:
    """Each that is left sees every call, the others none."""
    before, layers, calls = target.bound, [Patches() for _ in order], []  # type: ignore[var-annotated]
    for layer in layers:
        target.put_on(layer, noting(calls))
    for done, number in enumerate(order, 1):
        layers[number].restore()
        assert called(target, calls) == ["ours"] * (len(order) - done)
    assert target.bound is before


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_setting_is_put_back_unless_somebody_has_set_it_since(ours_first: bool) -> None:
    """A value of theirs is not ours to take away."""
    patches = Patches()
    patches.value(Counted, "limit", 300)
    if ours_first:
        Counted.limit = 4
    patches.restore()
    assert Counted.limit == (4 if ours_first else 3)
    Counted.limit = 3


def test_a_wrapped_coroutine_function_is_one_still() -> None:
    """Clients ask functions whether they have to await them."""

    class Client:
        async def ask(self) -> int:
            return 2

    patches = Patches()
    patches.method(Client, "ask", lambda original: original)
    assert inspect.iscoroutinefunction(Client.ask)
    assert asyncio.run(Client().ask()) == 2
    patches.restore()
    assert asyncio.run(Client().ask()) == 2


def test_nothing_is_kept_of_layers_that_came_off(home: Any) -> None:
    """A process that installs and uninstalls for days does not grow."""
    made = []
    for _ in range(20):
        patches = Patches()
        patches.functions([(home.function, noting([]))])
        patches.method(Counted, "method", noting([]))
        made.append(weakref.ref(home.function))
        patches.restore()
    gc.collect()
    assert [one for one in made if one() is not None] == []
