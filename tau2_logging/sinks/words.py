"""Numbers as people read them."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """`0:07`, `12:34`, `1:02:03`; a dash for None."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def seconds(ms: float) -> str:
    """Milliseconds as seconds: `0.04 s`, `3.2 s`, `125 s`."""
    value = ms / 1000
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def count(number: float) -> str:
    """`987`, `12.3k`, `4.56M`."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{suffix}"
    return f"{number:.0f}"


def money(usd: float | None) -> str:
    """`$0.0012`, `$12.34`; `unknown` for None."""
    if usd is None:
        return "unknown"
    return f"${usd:.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def reward(value: float | None) -> str:
    """Three decimals; a dash for None."""
    return "-" if value is None else f"{value:.3f}"


def clip(text: str, width: int) -> str:
    """At most `width` characters, the middle left out: telecom's task ids run to 215."""
    return text if len(text) <= width else f"{text[: width // 2 - 1]}..{text[-(width - width // 2 - 1) :]}"
