"""Lines are appended whole, whoever else writes, and survive the process."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.events import decode
from tau2_logging.sinks.appender import PATIENCE_NS, Appender, append_to_all

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def appender(tmp_path: Path) -> Iterator[Appender]:
    appender = Appender(tmp_path / "a.log")
    yield appender
    appender.close()


@pytest.mark.parametrize("held", [True, False], ids=["lock held", "lock released"])
def test_lines_of_many_threads_never_mix(appender: Appender, held: bool) -> None:
    """Each line is there once and whole, and those of a thread stand in their order."""
    if not held:
        appender.held = None
    threads = [threading.Thread(target=write_numbers, args=(appender, name, 200)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = appender.path.read_text().splitlines()
    assert len(lines) == 16 * 200
    for name in range(16):
        assert [line for line in lines if line.startswith(f"{name} ")] == [number_line(name, n) for n in range(200)]


def write_numbers(appender: Appender, name: int, count: int) -> None:
    """Lines of very different lengths."""
    for number in range(count):
        appender.append(number_line(name, number).encode() + b"\n")


def number_line(name: int, number: int) -> str:
    """A line that shows when something is missing from it."""
    return f"{name} {number} {'x' * (number * 7 % 300)} end"


def test_lines_of_two_processes_never_mix(appender: Appender) -> None:
    """Both opened the file for appending: no line overwrites another."""
    code = f"""if True:
        from pathlib import Path
        from tau2_logging.sinks.appender import Appender
        appender = Appender(Path({str(appender.path)!r}))
        for number in range(2000):
            appender.append(b"other " + b"y" * (number % 200) + b" end\\n")
    """
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while other.poll() is None:
        write_numbers(appender, 1, 50)
    lines = appender.path.read_text().splitlines()
    assert other.returncode == 0
    assert sum(line.startswith("other ") for line in lines) == 2000
    assert all(line.endswith(" end") for line in lines)


def test_a_last_line_that_was_cut_is_ended_before_anything_is_added(tmp_path: Path) -> None:
    """A killed process left half a line: the next one starts on a line of its own."""
    path = tmp_path / "a.log"
    for content, expected in ((b"half", b"half\nnew\n"), (b"whole\n", b"whole\nnew\n"), (b"", b"new\n")):
        path.write_bytes(content)
        appender = Appender(path)
        appender.append(b"new\n")
        appender.close()
        assert path.read_bytes() == expected


@pytest.mark.parametrize("rest", [b"rest\n", b"rest\nanother half"])
def test_a_line_that_is_being_written_is_not_ended(rest: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file to which somebody else appends is met in the middle of a line; its rest comes a moment later, and maybe more."""
    path = tmp_path / "a.log"
    path.write_bytes(b"whole\na half")
    monkeypatch.setattr("time.sleep", lambda seconds: path.write_bytes(b"whole\na half" + rest))
    Appender(path).close()
    assert path.read_bytes() == b"whole\na half" + rest


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_loses_lines_but_says_so() -> None:
    """Nothing is raised; the lines that were refused are counted, with the reason."""
    appender = Appender(Path("/dev/full"))
    for _ in range(3):
        appender.append(b"line\n")
    appender.append(b"two\nlines\n")
    appender.close()
    assert appender.lost == 5
    assert appender.error is not None
    assert appender.error.errno == errno.ENOSPC


def test_lines_after_closing_are_counted_as_lost(appender: Appender) -> None:
    """A thread that outlives the run harms nobody."""
    appender.append(b"one\n")
    appender.close()
    appender.close()
    appender.append(b"two\n")
    assert appender.path.read_bytes() == b"one\n"
    assert appender.lost == 1


@pytest.mark.parametrize("where", ["", "file/a.log"])
def test_a_file_that_cannot_be_written_is_the_persons_to_fix(tmp_path: Path, where: str) -> None:
    """One sentence with the path and what to do; a folder, a file where a folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*choose another folder"):
        Appender(tmp_path / where)


def test_folders_that_are_not_there_are_made(tmp_path: Path) -> None:
    """A script that logs need not make them."""
    appender = Appender(tmp_path / "no/such/folder/a.log")
    appender.append(b"line\n")
    appender.close()
    assert (tmp_path / "no/such/folder/a.log").read_bytes() == b"line\n"


def test_a_write_that_takes_only_a_part_is_completed(tmp_path: Path) -> None:
    """What the system left is written after it, and nothing twice."""
    appender = Appender(tmp_path / "a.log")
    whole = appender.held
    assert whole is not None
    appender.held = lambda fd, line, size: whole(fd, line, 3)
    appender.append(b"a whole line\n")
    appender.close()
    assert appender.path.read_bytes() == b"a whole line\n"


def test_a_disk_that_blocks_no_longer_holds_the_other_threads_up(tmp_path: Path) -> None:
    """After its patience is used up the file lets go of the interpreter's lock, and goes on writing."""
    files = [Appender(tmp_path / name) for name in ("a.log", "b.log")]
    for file in files:
        file.was_slow(PATIENCE_NS // 2)
    assert all(file.held is not None for file in files)
    for file in files:
        file.was_slow(PATIENCE_NS * 2)
    append_to_all(files, b"line\n")
    for file in files:
        assert file.held is None
        file.close()
        assert file.path.read_bytes() == b"line\n"


KILLED = """
import sys
from pathlib import Path
from tau2_logging.events import PROFILE
from tau2_logging.logger import EventLogger, Simulation
from tau2_logging.sinks import DomainFiles

simulation = Simulation(EventLogger("run", [DomainFiles(Path(sys.argv[1]), ["retail"], PROFILE)]), "retail", "7", 0)
for step in range(10**9):
    simulation.emit("tool_call", {"step": step, "function": "get order"}, span="a", parent="b")
    sys.stdout.write(f"{step}\\n")
    sys.stdout.flush()
"""


def test_what_was_written_survives_sigkill(tmp_path: Path) -> None:
    """Every event whose call has returned is in both files when the process is killed; no line but the last may be cut."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(500)]
    os.kill(process.pid, signal.SIGKILL)
    said += process.stdout.read().split("\n")[:-1]
    process.stdout.close()
    process.wait()
    last = int(said[-1])
    for name in ("tau2_retail.log", "eval_retail.log"):
        whole = (tmp_path / name).read_text().split("\n")[:-1]
        steps = [decode(line).get("step") for line in whole]
        assert steps == list(range(len(steps)))
        assert len(steps) > last
