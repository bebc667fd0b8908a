"""A run belongs to one process at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.run_owner import NAME, STALE_S, started_at
from tau2_logging.runner.work.run_lock import RunLock


def owner(tmp_path: Path, **changed: Any) -> None:
    """A lock as this process would write it, but for what is changed."""
    lock = RunLock(tmp_path)
    data = json.loads((tmp_path / NAME).read_text())
    lock.release()
    (tmp_path / NAME).write_text(json.dumps({**data, **changed}))


def test_a_second_owner_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    """While a process holds a run, another attempt names it and what to do; afterwards the run is free, and no file is left."""
    first = RunLock(tmp_path)
    with pytest.raises(UserError, match=rf"run {tmp_path.name} is still running \(process {os.getpid()}\).*wait for its end"):
        RunLock(tmp_path)
    first.release()
    RunLock(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    """A stale lock that sixteen threads find at the same moment is taken over by one of them."""
    owner(tmp_path, started="long ago")
    taken: list[RunLock] = []
    refused: list[UserError] = []

    def attempt() -> None:
        try:
            taken.append(RunLock(tmp_path))
        except UserError as error:
            refused.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 15)


@pytest.mark.parametrize("content", ["", "null", "[]", "{", '{"pid": "x"}', '{"pid": -1}', '{"pid": true}'])
def test_a_damaged_lock_holds_nobody_up(content: str, tmp_path: Path) -> None:
    """What cannot be read names no process."""
    (tmp_path / NAME).write_text(content)
    RunLock(tmp_path).release()


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    """Killed processes leave their lock; so does one whose id has been given to another process since."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = started_at(process.pid)
    owner(tmp_path, pid=process.pid, started=began)
    with pytest.raises(UserError, match=f"process {process.pid}"):
        RunLock(tmp_path)
    owner_again = {"pid": process.pid, "started": f"{began}0"}
    (tmp_path / NAME).unlink()
    owner(tmp_path, **owner_again)
    RunLock(tmp_path).release()
    process.kill()
    process.communicate()
    owner(tmp_path, pid=process.pid, started=began)
    RunLock(tmp_path).release()


def test_a_lock_of_another_machine_goes_by_its_age(tmp_path: Path) -> None:
    """Nobody here can ask about a process there: its lock is respected as long as it is kept fresh."""
    owner(tmp_path, machine="elsewhere")
    with pytest.raises(UserError, match="on elsewhere"):
        RunLock(tmp_path)
    old = time.time() - STALE_S - 1
    os.utime(tmp_path / NAME, (old, old))
    RunLock(tmp_path).release()


def test_only_the_owner_gives_it_free(tmp_path: Path) -> None:
    """A process whose lock was taken over leaves the new owner's alone."""
    first = RunLock(tmp_path)
    (tmp_path / NAME).unlink()
    second = RunLock(tmp_path)
    first.release()
    assert (tmp_path / NAME).exists()
    second.release()
    assert not (tmp_path / NAME).exists()
