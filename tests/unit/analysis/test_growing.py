"""A log that grows: each reading gives what reading the whole file gives, and costs what is new."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.generate_log import Plan, write_log
from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.follow import GrowingLog, follow
from tau2_logging.analysis.reader.file_reader import FileReader
from tau2_logging.errors import UserError

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "tau2_retail.log"
    write_log(path, Plan(faults=0.05, tasks=20, workers=6), 400_000)
    lines = path.read_bytes().split(b"\n")
    lines[500] = b"[PROFILE] damaged type=llm_call"
    return b"\n".join(lines)


def assert_same(found: RunLog, path: Path) -> None:
    """Every table of the reports comes from these."""
    whole = load_log(path)
    assert found.events.equals(whole.events)
    assert found.simulations.equals(whole.simulations)
    assert found.latency().equals(whole.latency())
    assert (found.readings, found.rejected, found.runs) == (whole.readings, whole.rejected, whole.runs)


def test_each_reading_of_a_growing_log_gives_what_reading_it_whole_gives(content: bytes, tmp_path: Path) -> None:
    """Cut in the middle of a line too: such a line is not read before it has its end."""
    path, growing, size = tmp_path / "tau2_retail.log", GrowingLog("latest"), len(content)
    for end in (3_000, 5_000, 70_000, 70_050, 140_001, size // 2, size // 2, size - 100, size):
        path.write_bytes(b"")  # the same file, not a new one
        path.write_bytes(content[:end])
        found = growing.read([path])
        path.write_bytes(content[: content.rfind(b"\n", 0, end) + 1])
        assert_same(found, path)


def test_a_reading_takes_no_line_that_was_read_before(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    take = FileReader.take
    monkeypatch.setattr(FileReader, "take", lambda self, block: (taken.append(block), take(self, block)))
    path, growing = tmp_path / "tau2_retail.log", GrowingLog("latest")
    with path.open("wb", buffering=0) as file:
        for low in range(0, len(content), 50_000):
            file.write(content[low : low + 50_000])
            growing.read([path])
    assert b"".join(taken) == content
    assert max(map(len, taken)) < 60_000


@pytest.mark.parametrize(
    "change", ["other text of the same size", "shorter", "longer, and other text before", "another file", "other runs"]
)
def test_a_file_that_is_not_what_was_read_is_read_anew(change: str, content: bytes, tmp_path: Path) -> None:
    path, growing, middle = tmp_path / "tau2_retail.log", GrowingLog("latest"), content[: content.rfind(b"\n", 0, 200_000) + 1]
    path.write_bytes(middle)
    growing.read([path])
    if change == "shorter":
        path.write_bytes(content[: content.rfind(b"\n", 0, 100_000) + 1])
    elif change == "another file":
        path.unlink()
        path.write_bytes(middle.replace(b"task=3 ", b"task=4 "))
    elif change == "other runs":
        path.write_bytes(middle.replace(b"run=20261120-174501-a1b2c3", b"run=20261121-174501-a1b2c3"))
    else:
        path.write_bytes(middle.replace(b"2026-11-20", b"2026-11-21") + (content[len(middle) :] if change.startswith("longer") else b""))
    found = growing.read([path])
    path.write_bytes((whole := path.read_bytes())[: whole.rfind(b"\n") + 1])
    assert_same(found, path)


def test_a_file_of_the_older_runner_and_a_second_file_are_read_as_they_appear(tmp_path: Path) -> None:
    """The older runner's calls have no start: where they are placed depends on the first of all."""
    old = (GOLDEN / "legacy_1" / "tau2_retail.log").read_bytes().splitlines(keepends=True)
    path, other, growing = tmp_path / "tau2_retail.log", tmp_path / "tau2_telecom.log", GrowingLog("all")
    for count in (len(old) // 3, len(old)):
        path.write_bytes(b"".join(old[:count]))
        assert growing.read([path]).events.equals(load_log(path, "all").events)
    other.write_bytes((GOLDEN / "current" / "tau2_mock.log").read_bytes())
    assert growing.read([path, other]).events.equals(load_log([path, other], "all").events)


def test_following_a_run_ends_with_what_reading_it_whole_gives(content: bytes, tmp_path: Path) -> None:
    path, written = tmp_path / "tau2_retail.log", iter(range(0, len(content), 150_000))
    with path.open("wb", buffering=0) as file:

        def write_more(_: float) -> None:
            low = next(written)
            file.write(content[low : low + 150_000])

        *before, last = follow(lambda: [str(path)], "latest", 0.1, write_more)
    assert len(before) >= 2
    assert_same(last, path)


def test_a_log_without_an_event_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tau2_retail.log"
    path.write_bytes(b"hello\n")
    with pytest.raises(UserError, match="no event in"):
        GrowingLog("latest").read([path])
