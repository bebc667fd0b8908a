"""How numbers are written, for the terminal, tables, reports and pictures: milliseconds, counts, money, shares.

One definition each. What is not known (None, NaN, pandas' NA) is a dash, for money the word `unknown`, and never 0. Functions are total: an
infinite or absurdly large number gives a short text too. `analysis/reports/assets/dom.js` follows the same rules.
"""

from __future__ import annotations

import math
from typing import Any

ABSENT, UNKNOWN, FREE = "-", "unknown", "free"

_TIMES = ((3_600_000.0, 2, "h"), (60_000.0, 2, "min"), (1000.0, 1, "s"), (1.0, 1, "ms"), (0.001, 0, "µs"))
"""Size of a unit in ms, how many of it there must be, its name."""

_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_CENT = 0.01
_HUGE, _TINY = 1e15, 1e-9


def is_unknown(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def milliseconds(value: Any) -> str:
    """Return `0.084`, `412.4`: for columns that say ms in their heading, with as many decimals as the size deserves."""
    if is_unknown(value):
        return ABSENT
    size = abs(value)
    if size >= _HUGE:
        return f"{value:.3g}"
    return f"{value:.3f}" if size < 1 else f"{value:.2f}" if size < 100 else f"{value:.1f}" if size < 1e5 else f"{value:.0f}"


def duration(ms: Any, digits: int = 3) -> str:
    """Return `84 µs`, `1.25 s`, `3 min`: `digits` significant digits in the largest unit that leaves at least 1; up to two minutes in
    seconds."""
    if is_unknown(ms) or math.isinf(ms):
        return ABSENT
    if ms == 0:
        return "0"
    if abs(ms) >= _HUGE:
        return f"{ms / _TIMES[0][0]:.3g} {_TIMES[0][2]}"
    rounded = abs(rounded_to(ms, digits))
    unit, _, name = next((row for row in _TIMES if rounded >= row[0] * row[1]), _TIMES[-1])
    return f"{significant(ms / unit, digits)} {name}"


def clock(seconds: float | None) -> str:
    """Return `0:07`, `12:34`, `1:02:03`; a dash for None."""
    if seconds is None:
        return ABSENT
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def count(value: Any) -> str:
    """Return `12,345`: a whole number in full."""
    if is_unknown(value):
        return ABSENT
    return f"{int(value):,}" if abs(value) < _HUGE else f"{value:.3g}"


def plural(n: int, what: str) -> str:
    """Return `1 task`, `1,024 tasks`: how many of what, named in the singular."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def short_count(value: Any) -> str:
    """Return `950`, `12.3k`, `4.5M`: three significant digits, if there is little room."""
    if is_unknown(value):
        return ABSENT
    if value == 0 or abs(value) >= _HUGE:
        return f"{value:.3g}"
    rounded = abs(rounded_to(value, 3))
    size, suffix = next((row for row in _THOUSANDS if rounded >= row[0]), (1.0, ""))
    return significant(value / size, 3) + suffix


def money(usd: Any) -> str:
    """Return `$1,234.50`, `$0.125`, `$0.0042`: cents at least, three significant digits below a dollar, two below a cent. A known 0 is
    `free`."""
    if is_unknown(usd):
        return UNKNOWN
    if usd == 0:
        return FREE
    size, sign = abs(usd), "-" if usd < 0 else ""
    if size >= _HUGE or size < _TINY:
        return f"{sign}${size:.2g}"
    digits = 2 if rounded_to(size, 2) < _CENT else 3
    places = max(2, digits - 1 - _exponent(rounded_to(size, digits)))
    whole, _, decimals = f"{size:,.{places}f}".partition(".")
    return f"{sign}${whole}.{decimals if digits == 2 else decimals[:2] + decimals[2:].rstrip('0')}"


def share(value: Any) -> str:
    """Return `12.3 %`; what is not quite nothing or not quite all says so."""
    if is_unknown(value):
        return ABSENT
    if 1e-9 < abs(value) < 0.0005:
        return "<0.1 %"
    if 0.9995 <= value < 1 - 1e-9:
        return ">99.9 %"
    return f"{100 * value:.1f} %" if abs(value) < _HUGE else f"{value:.3g}"


def number(value: Any) -> str:
    """Return `0.1235`, `12,346`: a number without a unit, four significant digits, and never fewer than its whole part has."""
    if is_unknown(value):
        return ABSENT
    return f"{value:,.0f}" if 1e4 <= abs(value) < _HUGE else f"{value:.4g}"


def reward(value: Any) -> str:
    """Return `0.500`."""
    return ABSENT if is_unknown(value) else f"{value:.3f}"


def significant(value: float, digits: int) -> str:
    """So many significant digits without an exponent (but for what is next to nothing), and without zeros at the end."""
    if abs(value) < _TINY:
        return f"{value:.{digits}g}"
    text = f"{value:.{max(0, digits - 1 - _exponent(value))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded_to(value: float, digits: int) -> float:
    """Return the number rounded to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0
