"""A checkpoint gives back what was put in, also after a kill in the middle of a line."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.runner.work.checkpoint import Row, finished, read_rows
from tests.property.strategies import TEXT
from tests.support.thorough import scaled

ROWS = st.builds(
    Row,
    domain=st.just("retail"),
    task=TEXT,
    trial=st.integers(0, 3),
    seed=st.integers(0, 10**6),
    status=st.sampled_from(("ok", "error", "timeout")),
    reward=st.none() | st.floats(0, 1),
    termination=st.none() | TEXT,
    duration_ms=st.floats(0, 1e6),
    error=st.none() | TEXT,
    simulation=st.none() | st.dictionaries(TEXT, TEXT, max_size=2).map(json.dumps),
    messages=st.none() | st.just("[]"),
)


def readable(text: str) -> str:
    """Text as UTF-8 can hold it."""
    return text.encode("utf-8", "replace").decode()


@given(st.lists(ROWS, max_size=4), st.data())
def test_every_row_written_whole_is_read_back(rows: list[Row], data: st.DataObject) -> None:
    """The file is cut anywhere: the rows before the cut are read as written, the cut one is passed over, nothing raises."""
    lines = [row.line() for row in rows]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    kept = sum(len(b"".join(lines[: number + 1])) <= cut for number in range(len(lines)))
    path = write(whole[:cut])
    read = list(read_rows(path))
    os.unlink(path)
    assert len(read) in (kept, kept + 1)  # a row that lacks only its newline is whole
    for row, back in zip(rows, read, strict=False):
        assert back["task"] == readable(row.task)
        assert (back["trial"], back["status"], back["reward"]) == (row.trial, row.status, row.reward)
        assert (back["simulation"] is None) == (row.simulation is None)


@settings(max_examples=scaled(30, 500))
@given(st.lists(ROWS, max_size=6))
def test_only_simulations_that_finished_are_not_run_again(rows: list[Row]) -> None:
    """`finished` holds exactly the keys that have a row with status ok and its result."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "simulations_retail.jsonl").write_bytes(b"".join(row.line() for row in rows))
        done = finished(Path(directory), ["retail", "airline"])
    assert done.keys() == {("retail", readable(row.task), row.trial) for row in rows if row.status == "ok" and row.simulation is not None}


@given(st.binary(max_size=200))
def test_a_checkpoint_of_garbage_gives_nothing_and_raises_nothing(data: bytes) -> None:
    """Whatever bytes a broken disk has put there."""
    path = write(data)
    assert list(read_rows(path)) == []
    os.unlink(path)


def write(data: bytes) -> Path:
    """A file of these bytes."""
    descriptor, name = tempfile.mkstemp(suffix=".jsonl")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return Path(name)
