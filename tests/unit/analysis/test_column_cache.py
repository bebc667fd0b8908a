"""Columns that were kept are those that reading gives, and are used for the very bytes and the very code that they were made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.reader.file_reader import FileReader
from tau2_logging.analysis.store import column_cache

GOLDEN = Path(__file__).parents[2] / "golden"
LOGS = ("current/tau2_mock.log", "current/eval_mock.log", "legacy_1/tau2_retail.log", "legacy_2/eval_airline.log")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for entries, of logs of any size."""
    monkeypatch.setenv(column_cache.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(column_cache, "LEAST_BYTES", 0)
    return tmp_path / "kept"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is parsed, and not taken from an entry."""
    blocks: list[bytes] = []
    take = FileReader.take
    monkeypatch.setattr(FileReader, "take", lambda self, block: (blocks.append(block), take(self, block)))
    return blocks


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "tau2_retail.log"
    write_log(path, Plan(faults=0.05, tasks=5, workers=2), 60_000)
    with path.open("a") as file:
        file.write("[PROFILE] damaged type=llm_call\n")
    return path


def assert_same(found: RunLog, expected: RunLog) -> None:
    assert found.events.equals(expected.events)
    assert list(found.events.dtypes) == list(expected.events.dtypes)
    assert found.simulations.equals(expected.simulations)
    assert found.latency().equals(expected.latency())
    assert found.costs().equals(expected.costs())
    assert (found.files, found.readings, found.rejected, found.runs) == (
        expected.files,
        expected.readings,
        expected.rejected,
        expected.runs,
    )


@pytest.mark.parametrize("name", LOGS)
def test_a_second_reading_gives_every_table_of_the_first_and_parses_nothing(name: str, kept: Path, parsed: list[bytes]) -> None:
    paths = [GOLDEN / name, GOLDEN / "current" / "tau2_mock.log"]
    first = load_log(paths, "all")
    assert parsed
    parsed.clear()
    assert_same(load_log(paths, "all"), first)
    assert not parsed


def test_what_could_not_be_read_is_told_again(log: Path, kept: Path, parsed: list[bytes]) -> None:
    first = load_log(log)
    assert len(first.rejected) == 1
    moved = log.rename(log.parent / "elsewhere.log").rename(log)
    assert load_log(moved).rejected == first.rejected
    assert sum(map(len, parsed)) == log.stat().st_size


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-2])


def _same_size_and_time(path: Path) -> None:
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"error=false", b"error=true ", 1).replace(b"true  ", b"true ", 1))
    path.write_bytes(path.read_bytes().ljust(status.st_size, b"\n"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert path.stat().st_mtime_ns == status.st_mtime_ns


@pytest.mark.parametrize("change", [_append, _same_size_and_time])
def test_a_log_that_has_changed_is_read(change: Callable[[Path], None], log: Path, kept: Path, parsed: list[bytes]) -> None:
    before = load_log(log)
    change(log)
    parsed.clear()
    after = load_log(log)
    assert b"".join(parsed) == log.read_bytes()
    assert not after.events.equals(before.events)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-7], lambda _: b"", lambda data: data[:900] + b"\0" + data[901:], lambda _: b"x" * 99]
)
def test_a_damaged_entry_is_not_used(damage: Callable[[bytes], bytes], log: Path, kept: Path, parsed: list[bytes]) -> None:
    first = load_log(log)
    [entry] = kept.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    parsed.clear()
    assert_same(load_log(log), first)
    assert parsed


def test_another_version_of_this_code_reads_for_itself(log: Path, kept: Path, parsed: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    load_log(log)
    monkeypatch.setattr(column_cache, "code_digest", lambda: "another")
    parsed.clear()
    load_log(log)
    assert parsed


def test_a_name_that_means_another_domain_has_an_entry_of_its_own(log: Path, kept: Path, parsed: list[bytes]) -> None:
    load_log(log)
    other = log.rename(log.parent / "tau2_airline.log")
    parsed.clear()
    load_log(other)
    assert parsed


def test_a_folder_that_cannot_be_written_is_no_error(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(column_cache, "LEAST_BYTES", 0)
    monkeypatch.setenv(column_cache.VARIABLE, str(tmp_path / "file" / "kept"))
    assert len(load_log(log).events)


def test_readers_at_one_time_leave_one_whole_entry_and_few_are_kept(log: Path, kept: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        logs = list(pool.map(lambda _: load_log(log), range(8)))
    assert len(list(kept.iterdir())) == 1
    for one in logs:
        assert one.events.equals(logs[0].events)
    for _ in range(column_cache.MOST_ENTRIES + 2):
        _append(log)
        load_log(log)
    assert len(list(kept.iterdir())) == column_cache.MOST_ENTRIES
    assert (kept.stat().st_mode & 0o077, next(kept.iterdir()).stat().st_mode & 0o077) == (0, 0)


def test_small_logs_and_off_keep_nothing(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(column_cache.VARIABLE, str(tmp_path / "kept"))
    load_log(log)
    monkeypatch.setattr(column_cache, "LEAST_BYTES", 0)
    monkeypatch.setenv(column_cache.VARIABLE, "off")
    load_log(log)
    assert not (tmp_path / "kept").exists()
