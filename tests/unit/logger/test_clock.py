"""Times in the log are the clock's."""

from __future__ import annotations

import time

import pytest

from tau2_logging.logger import Clock, FakeClock
from tau2_logging.logger.clock import WallText, utc_offset


@pytest.mark.parametrize("ms", [0, 1, 7, 99, 100, 999, 1000, 1001, 59_999, 60_000, 86_399_999])
def test_the_wall_time_is_the_local_time_to_the_millisecond(ms: int) -> None:
    """Cut, not rounded; the texts that are kept between calls never go stale."""
    clock = FakeClock()
    text = WallText(clock)
    text()
    clock.advance(ms)
    seconds, rest = divmod(clock.wall_ns() // 1_000_000, 1000)
    expected = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) + f".{rest:03d}"
    assert text() == text() == expected


def test_a_clock_that_is_set_back_is_followed() -> None:
    """The wall time only labels: when it steps back, so does the label."""
    clock = FakeClock()
    text = WallText(clock)
    first = text()
    clock.advance(5000)
    assert text() > first
    clock.advance(-5000)
    assert text() == first


def test_a_fake_clock_moves_only_when_told() -> None:
    """Both times move together; a sleep is an advance."""
    clock = FakeClock()
    before = (clock.now_ns(), clock.wall_ns())
    assert (clock.now_ns(), clock.wall_ns()) == before
    clock.sleep(1.5)
    assert (clock.now_ns() - before[0], clock.wall_ns() - before[1]) == (1_500_000_000, 1_500_000_000)


def test_the_machines_clock_never_runs_backwards() -> None:
    """Durations are taken from the monotonic one."""
    clock = Clock()
    times = [clock.now_ns() for _ in range(100)]
    assert times == sorted(times)
    assert abs(clock.wall_ns() / 1e9 - time.time()) < 60


def test_the_offset_is_written_as_hours_and_minutes() -> None:
    """`+HH:MM`, from which a reader makes the time in UTC."""
    offset = utc_offset(FakeClock())
    assert offset[0] in "+-"
    assert offset[3] == ":"
    assert int(offset[1:3]) <= 14
