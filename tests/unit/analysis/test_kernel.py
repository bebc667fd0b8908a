"""The compiled kernel: when there is one, what it reads, and that nothing depends on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import load_log
from tau2_logging.analysis.reader.column_store import Store
from tau2_logging.analysis.reader.compiled import CompiledReader
from tau2_logging.analysis.reader.kernel import SWITCH, WORTH_COMPILING, kernel
from tau2_logging.analysis.reader.sources import blocks

needs_compiler = pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")), reason="no C compiler")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own; no switch, no compiler named."""
    for name in (SWITCH, "CC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tau2-logging"


@needs_compiler
def test_it_is_compiled_once_and_only_for_much_to_read(cache: Path) -> None:
    assert kernel(WORTH_COMPILING - 1) is None
    assert not cache.exists()
    assert kernel(WORTH_COMPILING) is not None
    [library] = cache.iterdir()
    made = library.stat().st_mtime_ns
    assert kernel(1, {"XDG_CACHE_HOME": str(cache.parent), "HOME": "elsewhere"}) is None or library.stat().st_mtime_ns == made
    assert library.stat().st_mode & 0o077 == 0


@needs_compiler
def test_most_lines_of_a_log_are_read_by_it(tmp_path: Path) -> None:
    """Else it would be of no use: what it leaves is met by numpy first."""
    path = tmp_path / "tau2_retail.log"
    write_log(path, Plan(faults=0.02), 2_000_000)
    library = kernel(None)
    assert library is not None
    reader = CompiledReader(library, Store())
    for size in (200_000, 2_000_000):
        [block] = list(blocks(str(path), [], size))[-1:]
        parsed = reader.parse(block)
        assert sum(len(chunk["row"]) for _, chunk in parsed.chunks) + sum(map(len, parsed.slow)) == parsed.lines
    left = reader._known(block, parsed, np.arange(parsed.lines), reader._plan)
    assert len(left) < 0.01 * parsed.lines


def _no_compiler(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("PATH", "")


def _failing_compiler(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("CC", "false")


def _absent_compiler(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc")


def _switched_off(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv(SWITCH, "off")


def _folder_of_everybody(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)


def _file_in_the_way(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    cache.parent.write_text("")


HINDRANCES = [_no_compiler, _failing_compiler, _absent_compiler, _switched_off, _folder_of_everybody, _file_in_the_way]


@pytest.mark.parametrize("hinder", HINDRANCES)
def test_without_it_the_log_is_read_all_the_same(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, hinder: Callable[[pytest.MonkeyPatch, Path], None]
) -> None:
    path = tmp_path / "tau2_retail.log"
    write_log(path, Plan(), 100_000)
    monkeypatch.setenv(SWITCH, "on")
    expected = load_log(path).events
    shutil.rmtree(cache.parent, ignore_errors=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    hinder(monkeypatch, tmp_path / "other" / "tau2-logging")
    assert kernel(None) is None
    assert load_log(path).events.equals(expected)


@needs_compiler
def test_a_damaged_library_is_not_loaded_and_no_error(cache: Path) -> None:
    assert kernel(None) is not None
    [library] = cache.iterdir()
    other = cache.parent.parent / "other" / cache.name
    other.mkdir(parents=True, mode=0o700)
    (other / library.name).write_bytes(b"no library")
    (other / library.name).chmod(0o700)
    assert kernel(None, {"XDG_CACHE_HOME": str(other.parent)}) is None
