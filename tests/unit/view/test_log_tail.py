"""Reading what has been appended to a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.view import log_tail
from tau2_logging.view.log_tail import LogTail


def look(tail: LogTail) -> list[bytes]:
    tail.replaced()
    return tail.lines()


def test_a_line_is_given_once_and_whole(tmp_path: Path) -> None:
    """A line that is being written waits for its end."""
    path = tmp_path / "tau2_a.log"
    path.write_bytes(b"one\ntw")
    tail = LogTail(path)
    assert look(tail) == [b"one"]
    assert look(tail) == []
    with path.open("ab") as file:
        file.write(b"o\n\nthree\n")
    assert look(tail) == [b"two", b"", b"three"]


def test_never_more_than_a_piece_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines arrive in their order, a piece at a time; a line that is longer than a piece is left out, the ones around it are not."""
    monkeypatch.setattr(log_tail, "PIECE_BYTES", 10)
    path = tmp_path / "tau2_a.log"
    path.write_bytes(b"aaaa\nbbbb\ncccc\n" + b"x" * 35 + b"\ndddd\n")
    tail, pieces = LogTail(path), []
    while tail.position < path.stat().st_size:
        before = tail.position
        pieces += look(tail)
        assert tail.position - before <= 10
    assert pieces == [b"aaaa", b"bbbb", b"cccc", b"dddd"]


def test_another_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    """Cut short, or moved away and begun again (logrotate); a file that only grows, or is gone, is no other."""
    path = tmp_path / "tau2_a.log"
    path.write_bytes(b"one\ntwo\n")
    tail = LogTail(path)
    assert not tail.replaced()
    assert tail.lines()
    assert not tail.replaced()
    path.write_bytes(b"1\n")
    assert tail.replaced()
    tail = LogTail(path)
    tail.replaced()
    path.rename(tmp_path / "old")
    assert not tail.replaced()
    assert tail.lines() == []
    path.write_bytes(b"longer than before\n")
    assert tail.replaced()
