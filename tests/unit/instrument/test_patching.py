"""A wrapper is put wherever a function is bound, and taken off without a trace."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tau2_logging.instrument import Instrumentor, distribution_version
from tau2_logging.instrument.patching import Patches, walked_once


def original(number: int) -> int:
    """Twice the number."""
    return 2 * number


def counting(calls: list[int]) -> Callable[[Any], Any]:
    """A wrapper that notes its calls."""

    def make(wrapped: Any) -> Any:
        def wrapper(*args: Any) -> Any:
            calls.append(1)
            return wrapped(*args)

        return wrapper

    return make


@pytest.fixture
def modules() -> Iterator[tuple[ModuleType, ModuleType]]:
    """The home of a function, and a module that imported it under another name."""
    home, user = ModuleType("home_of_it"), ModuleType("user_of_it")
    home.function = original  # type: ignore[attr-defined]
    user.renamed = original  # type: ignore[attr-defined]
    for module in (home, user):
        sys.modules[module.__name__] = module
    yield home, user
    for name in ("home_of_it", "user_of_it", "late_user_of_it"):
        sys.modules.pop(name, None)


def test_a_function_is_wrapped_under_every_name_and_restored(modules: tuple[Any, Any]) -> None:
    """Also in a module that is imported, with the wrapper, later."""
    home, user = modules
    patches, calls, function = Patches(), [], original
    patches.functions([(function, counting(calls))])
    late: Any = ModuleType("late_user_of_it")
    late.function = home.function
    sys.modules["late_user_of_it"] = late
    assert [home.function(1), user.renamed(2), late.function(3)] == [2, 4, 6]
    assert len(calls) == 3
    assert (home.function.__name__, home.function.__doc__, home.function.__wrapped__) == ("original", "Twice the number.", function)
    patches.restore()
    assert home.function is user.renamed is late.function is original is function
    assert function.__dict__ == {}


def test_somebody_elses_later_wrapper_stays(modules: tuple[Any, Any]) -> None:
    """Only our own layer is taken off: theirs is kept where it lies over ours."""
    home, user = modules
    patches, calls = Patches(), []
    patches.functions([(original, counting(calls))])
    inner = home.function
    home.function = theirs = lambda number: inner(number) + 1
    patches.restore()
    assert home.function is theirs
    assert user.renamed is original
    assert home.function(1) == 3


class Watched(ModuleType):
    """A module that counts how often it is looked through."""

    looks = 0

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        type(self).looks += 1
        return {}


class Names(dict[str, Any]):
    """Counts how often what they stand for is looked through."""

    looks = 0

    def copy(self) -> dict[str, Any]:
        type(self).looks += 1
        return super().copy()


class Named(ModuleType):
    """A module with such names."""

    __dict__ = Names()  # type: ignore[assignment]


def test_layers_put_on_together_go_through_the_modules_once(modules: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """And are bound in modules that were imported, or given the function, between one layer and the next; each comes off alone."""
    home, user = modules
    (first, second), calls, function = (Patches(), Patches()), [], original
    monkeypatch.setitem(sys.modules, "named", Named("named"))
    looks = Names.looks
    with walked_once():
        first.functions([(function, counting(calls))])
        assert Names.looks == looks + 1
        late: Any = ModuleType("late_user_of_it")
        late.function = user.again = home.function
        sys.modules["late_user_of_it"] = late
        second.functions([(home.function, counting(calls))])
        assert Names.looks == looks + 1
    for bound in (home.function, user.renamed, user.again, late.function):
        calls.clear()
        assert (bound(2), len(calls)) == (4, 2)
    second.restore()
    assert (home.function(2), len(calls)) == (4, 3)
    first.restore()
    assert home.function is user.renamed is user.again is late.function is function


@pytest.mark.parametrize("is_held", [False, True])
def test_layers_that_somebody_holds_make_nothing_slower(is_held: bool, modules: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer goes through the modules once on its way on, and on its way off only if somebody still holds a function of it, and one of
    methods alone does not, however many before it are kept by a wrapper or a traceback of somebody else's."""
    monkeypatch.setitem(sys.modules, "watched", Watched("watched"))
    patches, held, looks = Patches(), [], []
    for _ in range(5):
        before = Watched.looks
        patches.functions([(original, counting([]))])
        if is_held:
            held.append(modules[0].function)
        patches.restore()
        assert modules[0].function is modules[1].renamed is original
        looks.append(Watched.looks - before)
    assert looks == [2 if is_held else 1] * 5
    before = Watched.looks
    patches.method(Parent, "method", counting([]))
    patches.restore()
    assert Watched.looks == before


@pytest.mark.parametrize("value", [None, 3, []])
def test_what_somebody_has_bound_in_its_place_since_stays(value: Any, modules: tuple[Any, Any]) -> None:
    """Whatever it is, and though everything else is put back."""
    home, user = modules
    patches = Patches()
    patches.functions([(original, counting([]))])
    home.function = value
    patches.restore()
    assert home.function is value
    assert user.renamed is original


class Parent:
    def method(self) -> str:
        return "parent"


class Child(Parent):
    pass


class Overriding(Parent):
    def method(self) -> str:
        return "child of " + super().method()


@pytest.mark.parametrize("owner", [Parent, Child])
def test_a_method_is_wrapped_on_its_class_and_restored(owner: type) -> None:
    """An inherited method is taken off again, not copied into the child; overrides and types stay."""
    patches, calls = Patches(), []
    before = dict(owner.__dict__)
    patches.method(owner, "method", counting(calls))
    assert owner().method() == "parent"
    assert type(owner()) is owner
    assert len(calls) == 1
    assert Overriding().method() == "child of parent"
    patches.restore()
    assert dict(owner.__dict__) == before


def test_two_layers_come_off_in_the_right_order() -> None:
    """What was wrapped twice by the same instrumentor is as it was at first."""
    patches, calls = Patches(), []
    before = Parent.__dict__["method"]
    for _ in range(2):
        patches.method(Parent, "method", counting(calls))
    Parent().method()
    assert len(calls) == 2
    patches.restore()
    assert Parent.__dict__["method"] is before


class Recording(Instrumentor):
    """An instrumentor that wraps Parent.method, or fails after it has."""

    def __init__(self, supported: bool = True, fails: bool = False) -> None:
        super().__init__()
        self.calls: list[int] = []
        self._supported = supported
        self._fails = fails

    def supported(self) -> bool:
        return self._supported

    def wrap(self, patches: Patches) -> None:
        patches.method(Parent, "method", counting(self.calls))
        if self._fails:
            raise AttributeError("another version")


def test_installing_twice_wraps_once_and_uninstalling_twice_is_no_error() -> None:
    """Idempotent both ways, and usable again afterwards."""
    before = Parent.__dict__["method"]
    instrumentor = Recording()
    for _ in range(2):
        assert instrumentor.install()
        assert instrumentor.install()
        Parent().method()
        instrumentor.uninstall()
        instrumentor.uninstall()
    assert len(instrumentor.calls) == 2
    assert Parent.__dict__["method"] is before


def test_one_that_is_installed_again_under_somebody_elses_wrapper_sees_each_call_once() -> None:
    """What it had put under theirs at first does not come back to life with it."""
    before, instrumentor = Parent.__dict__["method"], Recording()
    instrumentor.install()
    inner = Parent.method
    Parent.method = lambda self: f"{inner(self)}"  # type: ignore[method-assign]
    for _ in range(3):
        instrumentor.uninstall()
        instrumentor.install()
        instrumentor.calls.clear()
        assert Parent().method() == "parent"
        assert len(instrumentor.calls) == 1
    instrumentor.uninstall()
    Parent.method = before  # type: ignore[method-assign]


def test_a_package_that_is_not_there_is_left_alone() -> None:
    """install says so and does nothing."""
    before = Parent.__dict__["method"]
    assert not Recording(supported=False).install()
    assert Parent.__dict__["method"] is before


def test_an_installation_that_fails_halfway_leaves_no_trace() -> None:
    """What had been wrapped is taken off before the error goes on."""
    before = Parent.__dict__["method"]
    instrumentor = Recording(fails=True)
    with pytest.raises(AttributeError, match="another version"):
        instrumentor.install()
    assert Parent.__dict__["method"] is before
    assert not instrumentor.installed


def test_the_version_of_the_first_distribution_that_is_there() -> None:
    """None where none of them is."""
    assert str(distribution_version("no-such-thing", "pytest")).startswith("pytest ")
    assert distribution_version("no-such-thing") is None


def test_modules_that_are_imported_meanwhile_do_no_harm(modules: tuple[ModuleType, ModuleType]) -> None:
    """A wrapper is put on and taken off while imports go on, here at each garbage collection, which may let another thread run."""
    home, user = modules
    made = [f"made_before_{number}" for number in range(3000)]
    sys.modules.update({name: ModuleType(name) for name in made})

    def importing(phase: str, info: dict[str, int]) -> None:
        made.append(f"made_meanwhile_{len(made)}")
        sys.modules[made[-1]] = ModuleType(made[-1])

    before, patches = gc.get_threshold(), Patches()
    gc.callbacks.append(importing)
    gc.set_threshold(50)
    try:
        patches.functions([(original, counting([]))])
        patches.restore()
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(importing)
        for name in made:
            del sys.modules[name]
    assert len(made) > 3000
    assert (vars(home)["function"], vars(user)["renamed"]) == (original, original)
