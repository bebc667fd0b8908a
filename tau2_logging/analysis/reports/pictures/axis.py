"""Round positions on the axis of a picture, and their texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tau2_logging.units import significant

_UNITS = ((3_600_000.0, "h"), (60_000.0, "min"), (1000.0, "s"), (1.0, "ms"), (0.001, "µs"))


def on_axis(high: float) -> Callable[[float], str]:
    """Return a text for each tick of an axis that ends at `high` ms: all in one unit."""
    unit, name = next((pair for pair in _UNITS if high >= pair[0] * (2 if pair[1] in ("min", "h") else 1)), _UNITS[-1])
    return lambda ms: f"{significant(ms / unit, 6)} {name}" if ms else "0"


def time_steps(low: float, high: float, about: int = 8) -> list[float]:
    """Round moments between two, in ms, about so many: steps of 1, 2, 5, then 10, 15, 30 s and min."""
    span = max(high - low, 1e-6)
    wanted = span / max(about, 1)
    step = next((s for s in _steps() if s >= wanted), 10 ** math.ceil(math.log10(wanted)))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def count_steps(high: float, about: int = 5) -> list[float]:
    """Return whole round numbers from 0 to `high`, about so many."""
    wanted = max(1.0, high / about)
    power = 10.0 ** math.floor(math.log10(wanted))
    step = max(1.0, next(m * power for m in (1, 2, 5, 10) if m * power >= wanted * 0.999))
    return [n * step for n in range(math.floor(high / step + 1e-9) + 1)]


def _steps() -> Sequence[float]:
    small = [m * 10.0**e for e in range(-4, 4) for m in (1, 2, 5)]
    return [s for s in small if s < 10_000] + [
        s * 1000.0 for s in (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
    ]


def decades(low: float, high: float) -> list[float]:
    """Return 1, 10, 100, ... around two positive numbers; with 2 and 5 in between where there would be fewer than three."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    whole = [10.0**e for e in exponents]
    if sum(low <= w <= high for w in whole) >= 3:
        return whole
    return sorted(m * 10.0**e for e in exponents for m in (1, 2, 5))
