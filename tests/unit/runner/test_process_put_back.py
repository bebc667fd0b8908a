"""What an agent does to the process is undone when its run is over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tau2_logging.runner.run_console import process_put_back


def misbehave() -> None:
    os.chdir("elsewhere")
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    raise RuntimeError


def test_directory_and_streams_are_what_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the block ends in an exception."""
    monkeypatch.chdir(tmp_path)
    before = (Path.cwd(), sys.stdout, sys.stderr)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(RuntimeError), process_put_back():
        misbehave()
    assert (Path.cwd(), sys.stdout, sys.stderr) == before


def test_a_directory_that_is_gone_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the block, and after it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with process_put_back():
        os.chdir(tmp_path)
    gone.mkdir()
    os.chdir(gone)
    with process_put_back():
        os.chdir(tmp_path)
        gone.rmdir()
    assert Path.cwd() == tmp_path
