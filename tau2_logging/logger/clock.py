"""The clock everything reads, injected so that watchdog, retries and timelines are tested with exact numbers and no sleep."""

from __future__ import annotations

import asyncio
import threading
import time


class Clock:
    """The machine's clock. `now_ns` is monotonic and measures; `wall_ns` is the time of day and only labels."""

    def now_ns(self) -> int:
        """Return monotonic time in nanoseconds, from an arbitrary origin."""
        return time.perf_counter_ns()

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970-01-01 UTC."""
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
        """Return the monotonic time that was set, in nanoseconds."""
        return self._now

    def wall_ns(self) -> int:
        """Return the time of day that was set, in nanoseconds since 1970-01-01 UTC."""
        return self._wall

    def sleep(self, seconds: float) -> None:
        """Move both times on by `seconds`, and return at once."""
        self.advance(seconds * 1000)

    def advance(self, ms: float) -> None:
        """Move both times on by `ms` milliseconds."""
        self._now += int(ms * 1_000_000)
        self._wall += int(ms * 1_000_000)


class WallText:
    """Local wall time as the log writes it, `YYYY-MM-DD HH:MM:SS.mmm`. The texts of a second and of a millisecond are made once."""

    def __init__(self, clock: Clock) -> None:
        self._wall_ns = clock.wall_ns
        self._second = (-1, "")
        self._millisecond = (-1, "")

    def __call__(self) -> str:
        """Return the time of day now, to the millisecond."""
        ms = self._wall_ns() // 1_000_000
        known, text = self._millisecond
        if known != ms:
            text = f"{self._second_text(ms // 1000)}.{ms % 1000:03d}"
            self._millisecond = (ms, text)
        return text

    def _second_text(self, second: int) -> str:
        known, text = self._second
        if known != second:
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = (second, text)
        return text


def utc_offset(clock: Clock) -> str:
    """Return the offset of local time from UTC now, as `+HH:MM`."""
    offset = time.strftime("%z", time.localtime(clock.wall_ns() // 1_000_000_000))
    return f"{offset[:3]}:{offset[3:5]}"


class CpuTime:
    """CPU time of the current thread since this was made: what a call takes of its thread, without the wait for a server's answer."""

    def __init__(self) -> None:
        self._thread = None if _in_event_loop() else threading.get_ident()
        self._since_ns = time.thread_time_ns()

    def ms(self) -> float | None:
        """Return the time in ms; None in another thread, and in an event loop, whose thread works for other calls in the meantime."""
        if threading.get_ident() != self._thread:
            return None
        return (time.thread_time_ns() - self._since_ns) / 1e6


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
