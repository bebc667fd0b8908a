"""What is said while servers load."""

from __future__ import annotations

import io

from rich.console import Console

from tau2_logging.logger.clock import FakeClock
from tau2_logging.runner.model_calls.loading_status import EVERY_S, loading_told


def test_without_a_display_a_line_comes_at_once_and_then_one_now_and_then() -> None:
    """Whether the display was not wanted or there is no terminal for one."""
    for console in (None, Console(file=io.StringIO())):
        said: list[str] = []
        clock = FakeClock()
        with loading_told(console, said.append, clock) as tell:
            for second in range(int(2 * EVERY_S) + 1):
                tell(f"{second} s")
                clock.sleep(1)
        assert said == ["0 s", f"{EVERY_S:.0f} s", f"{2 * EVERY_S:.0f} s"]


def test_on_a_terminal_a_status_line_takes_their_place() -> None:
    """Nothing is printed besides it."""
    said: list[str] = []
    with loading_told(Console(file=io.StringIO(), force_terminal=True), said.append) as tell:
        tell("model servers: 0 of 1 ready")
    assert said == []
