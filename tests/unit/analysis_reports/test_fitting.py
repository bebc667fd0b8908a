"""Tables that fit a terminal: columns go by priority, no number is cut."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tau2_logging.analysis.reports.console import console, show
from tau2_logging.analysis.reports.text.fitting import LEAST_COLUMNS, fitted
from tau2_logging.analysis.reports.text.sections.section import Section

CELL = st.text("abc0123456789._/-", min_size=1, max_size=14)
COLUMNS = ["type", "n", "std", "p50", "p95", "total", "share", "model or function"]
NUMBERS = frozenset(("n", "std", "p50", "p95", "total", "share"))


@st.composite
def tables(draw: st.DrawFn) -> Section:
    rows = draw(st.lists(st.lists(CELL, min_size=len(COLUMNS), max_size=len(COLUMNS)), min_size=1, max_size=5))
    return Section("Latency", COLUMNS, rows, NUMBERS)


@given(tables(), st.sampled_from([60, 80, 100, 120]))
def test_what_is_shown_is_whole_and_no_line_is_wider_than_the_terminal(table: Section, width: int) -> None:
    """Every cell of a column that is kept stands in the output, letter by letter."""
    kept = fitted(table, width)
    screen = io.StringIO()
    show([table], Console(file=screen, width=width, force_terminal=False))
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    for row in kept.rows:
        assert any(all(cell in line for cell in row if cell) for line in lines), row


def test_a_deviation_goes_before_a_median_and_a_name_stays() -> None:
    rows = [
        ["llm_call", "312", "30.123", "28.56", "79.60", "10753.9", "37.2 %", "scripted/agent"],
        ["tool_call", *["1"] * 6, "get_user_details"],
    ]
    columns = fitted(Section("Latency", COLUMNS, rows, NUMBERS), 64).columns
    assert "std" not in columns
    assert {"type", "p95", "model or function"} <= set(columns)


@pytest.mark.parametrize("width", [20, 30])
def test_a_table_that_no_width_can_hold_becomes_lines_of_names_and_values(width: int) -> None:
    table = Section("Runs", COLUMNS, [["x" * 18, *["1"] * 6, "y" * 18]], NUMBERS)
    blocks = fitted(table, width)
    assert [row[0] for row in blocks.rows][:2] == ["type:", "n:"]
    assert len(blocks.rows) == len(COLUMNS) > LEAST_COLUMNS


def test_columns_in_the_environment_are_obeyed_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert console().width == 72
    monkeypatch.delenv("COLUMNS")
    assert console().width > 110  # a file: nothing is cut to the width of a terminal
