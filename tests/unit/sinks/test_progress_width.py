"""The progress display keeps its numbers; the bar has what room is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tau2_logging.sinks.progress_display import ProgressDisplay
from tau2_logging.sinks.totals import LiveTotals


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_counts_rewards_and_times_are_whole_at_any_width_from_60(width: int) -> None:
    """And no line is wider than the terminal."""
    totals = LiveTotals({"retail": 114, "telecom": 114})
    totals.domains["retail"].errors = 12
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    console.print(ProgressDisplay(totals, console).render([]))
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in screen.getvalue()
    for number, line in zip((12, 0), lines, strict=False):
        assert f"{number}/114" in line
        assert line.rstrip().endswith("to go")
