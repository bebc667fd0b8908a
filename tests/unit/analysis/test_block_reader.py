"""What is read many lines at a time, and what is left to be read line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import load_log
from tau2_logging.analysis.reader.block_reader import FEW, Parsed, parse
from tau2_logging.analysis.store.column_types import row_number

LINE = "[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=1 type=my_event step=3 function=f error=false domain=d run=r\n"
MANY = 2 * FEW


def parsed(text: str) -> Parsed:
    return parse(text.encode(), first_row=row_number(0, 1))


def left(text: str) -> list[int]:
    return [index for index, _ in parsed(text).left]


def test_nearly_all_lines_of_a_log_are_read_many_at_a_time(tmp_path: Path) -> None:
    """Else it would be of no use: a line alone takes twenty times as long."""
    write_log(tmp_path / "tau2_retail.log", Plan(faults=0.02), 2_000_000)
    found = parsed((tmp_path / "tau2_retail.log").read_text())
    assert sum(len(table) for _, table in found.tables) + len(found.left) == found.lines
    assert len(found.left) < 0.05 * found.lines


def test_few_lines_are_left() -> None:
    assert left(LINE * (FEW - 1)) == list(range(FEW - 1))
    assert left(LINE * FEW) == []


def test_nothing_is_nothing() -> None:
    assert parsed("") == Parsed()
    assert parsed("\n" * MANY).left == [(index, b"") for index in range(MANY)]


def test_lines_of_other_names_or_quotes_are_a_shape_of_their_own() -> None:
    others = [LINE.replace("function=f", "model=m"), LINE.replace("function=f", 'function="f f"')]
    found = parsed("".join(LINE + other for other in others for _ in range(MANY)))
    assert found.left == []
    tables = [table for type_, table in found.tables if type_ == "my_event"]
    assert sorted(len(table) for table in tables) == [MANY, MANY, 2 * MANY]
    assert sorted(str(table["function"][0]) for table in tables if "function" in table.columns) == ["f", "f f"]


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("2026-11-20", "2026-02-30"), ("2026-11-20", "1969-11-20"), ("17:45:01.123", "24:00:00.000"), ("17:45:01.123", "17:45:60.000"),
        ("[PROFILE]", "[PROFIL]"), ("task=7", 'task="7"'), ("thread=1", "thread=01"), ("type=my_event", 'type="my_event"'),
        ("step=3", "step=+3"), ("step=3", "step=1e3"), ("step=3", "step=9999999999999999"), ("error=false", "error=maybe"),
        ("function=f", "function=a=b"), ("function=f", 'function="a\\"b"'), ("function=f", "function=f\x1ff"), ("function=f", "function"),
        ("function=f", 'function="f\x1ff"'), ("function=f", "function=f\x00"), ("function=f", "function=f\u2028"), ("domain=d", "step=4"),
        (" run=r", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("every_line", [False, True])
def test_what_is_not_as_the_writer_writes_it_is_left(said: str, instead: str, every_line: bool) -> None:
    """In one line among others, and if all lines have it."""
    other = LINE.replace(said, instead)
    text = other * MANY if every_line else LINE * MANY + other + LINE * MANY
    assert [line for _, line in parsed(text).left] == [other.removesuffix("\n").encode()] * (MANY if every_line else 1)


def test_rows_are_those_of_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "tau2_d.log"
    path.write_text("other text\n" + LINE * MANY + "\n" + LINE.replace("step=3", "step=-3") + LINE * MANY)
    events = load_log(path).events
    assert events["line"].tolist() == [*range(2, MANY + 2), *range(MANY + 3, 2 * MANY + 4)]
    assert events["step"].isna().sum() == 1
