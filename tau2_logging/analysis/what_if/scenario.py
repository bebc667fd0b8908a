"""What `--what-if` may change, read from `name=value` words."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tau2_logging.analysis.measures.costs.prices import PriceTable, default_prices
from tau2_logging.errors import UserError

ORDERS = ("recorded", "longest", "shortest")
CACHE = ("on", "off")
_MOST_AT_ONCE = 10_000
_SPEEDS = (0.01, 100.0)
_MOST_MODELS = 8


@dataclass(frozen=True)
class Scenario:
    """One question: what is different from the recorded run. None means as recorded.

    `concurrency`: simulations at a time. `order`: of the simulations. `model_speed`: factor of every model's speed (0.5: calls take twice
    as long). `retries`: 0 leaves out failed calls that were repeated, and the waits before that. `price`: the model whose prices apply.
    `cache`: whether a prompt's starting that the same simulation sent before is read from the provider's cache. `server_slots`: requests
    that each model server runs at a time; also what is known of a server whose limit the log does not show. `evaluations`: at a time,
    beside the simulations.
    """

    text: str = ""
    concurrency: int | None = None
    order: str = "recorded"
    model_speed: float = 1.0
    retries: int | None = None
    price: str | None = None
    cache: str | None = None
    server_slots: int | None = None
    evaluations: int | None = None

    @property
    def changes_time(self) -> bool:
        """Whether the wall time can differ from the recorded one."""
        return Scenario(self.text, price=self.price, cache=self.cache) != self

    @property
    def changes_money(self) -> bool:
        """Whether the cost can differ from the recorded one."""
        return self.price is not None or self.cache is not None or self.retries is not None


def parse_scenario(words: Sequence[str], prices: PriceTable | None = None) -> Scenario:
    """Return the scenario that `concurrency=16 order=longest` describes. Raises UserError with what is allowed."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in _READ:
            raise UserError(f"--what-if {word!r} is not understood; give {ALLOWED}")
        if name.replace("-", "_") in found:
            raise UserError(f"--what-if gives {name} twice; ask two questions with --what-if {word} --what-if {name}=...")
        found[name.replace("-", "_")] = _READ[name](name, value, prices or default_prices())
    return Scenario(" ".join(words), **found)


def _wrong(name: str, value: str, allowed: str) -> UserError:
    return UserError(f"--what-if {name}={value}: {allowed}")


def _whole(name: str, value: str, _: PriceTable) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= _MOST_AT_ONCE:
        raise _wrong(name, value, f"give a whole number from 1 to {_MOST_AT_ONCE:,}")
    return int(value)


def _speed(name: str, value: str, _: PriceTable) -> float:
    least, most = _SPEEDS
    try:
        speed = float(value)
    except ValueError:
        speed = float("nan")
    if not least <= speed <= most:
        raise _wrong(name, value, f"give a factor from {least:g} to {most:g}; 0.5 is half the speed, so calls take twice as long")
    return speed


def _one_of(*allowed: str) -> Callable[[str, str, PriceTable], str]:
    def read(name: str, value: str, _: PriceTable) -> str:
        if value not in allowed:
            raise _wrong(name, value, f"give one of {', '.join(allowed)}")
        return value

    return read


def _none_only(name: str, value: str, _: PriceTable) -> int:
    if value != "0":
        raise _wrong(name, value, "give 0: the run as if every call had succeeded the first time")
    return 0


def _model(name: str, value: str, prices: PriceTable) -> str:
    if prices.find(value) is None:
        close = difflib.get_close_matches(value, prices.models, n=_MOST_MODELS, cutoff=0.3) or sorted(prices.models)[:_MOST_MODELS]
        known = f"no price is known; of {len(prices.models)} models the closest are {', '.join(close)}"
        raise _wrong(name, value, f"{known}. Add your own with --prices FILE")
    return value


_READ: dict[str, Callable[[str, str, PriceTable], Any]] = {
    "concurrency": _whole,
    "order": _one_of(*ORDERS),
    "model-speed": _speed,
    "retries": _none_only,
    "price": _model,
    "cache": _one_of(*CACHE),
    "server-slots": _whole,
    "evaluations": _whole,
}
ALLOWED = (
    "concurrency=N, order=longest, order=shortest, model-speed=FACTOR, retries=0, price=MODEL, cache=on, cache=off, server-slots=N "
    "or evaluations=N"
)
