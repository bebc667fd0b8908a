"""The clock everything reads, injected so that watchdog, retries and timelines are tested with exact numbers and no sleep."""

from __future__ import annotations

import time


class Clock:
    """The machine's clock. `now_ns` is monotonic and measures; `wall_ns` is the time of day and only labels."""

    def now_ns(self) -> int:
        """Monotonic time in nanoseconds, from an arbitrary origin."""
        return time.perf_counter_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        time.sleep(seconds)


class FakeClock(Clock):
    """A clock that moves only when it is told to."""

    def __init__(self, now_ns: int = 0, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now = now_ns
        self._wall = wall_ns

    def now_ns(self) -> int:
        return self._now

    def wall_ns(self) -> int:
        return self._wall

    def sleep(self, seconds: float) -> None:
        self.advance(seconds * 1000)

    def advance(self, ms: float) -> None:
        """Move both times on by `ms` milliseconds."""
        self._now += int(ms * 1_000_000)
        self._wall += int(ms * 1_000_000)


class WallText:
    """Local wall time as the log writes it, `YYYY-MM-DD HH:MM:SS.mmm`. The text of a second is made once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = (-1, "")

    def __call__(self) -> str:
        seconds, rest = divmod(self._clock.wall_ns(), 1_000_000_000)
        known, text = self._second
        if known != seconds:
            text = time.strftime("%Y-%m-%d %H:%M:%S.", time.localtime(seconds))
            self._second = (seconds, text)
        return f"{text}{rest // 1_000_000:03d}"


def utc_offset(clock: Clock) -> str:
    """Offset of local time from UTC now, as `+HH:MM`."""
    offset = time.strftime("%z", time.localtime(clock.wall_ns() // 1_000_000_000))
    return f"{offset[:3]}:{offset[3:5]}"
