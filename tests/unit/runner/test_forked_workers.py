"""Workers are forks of a process that has only imported; where there can be none, they are new programs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.runner.executors import forked_workers, processes
from tau2_logging.runner.executors.forked_workers import ForkedProcess, ForkedWorkers, can_fork
from tests.support.forked import SUBPROCESS
from tests.support.patience import LONG_S

pytestmark = pytest.mark.skipif(not can_fork(), reason="workers are forked on Linux alone")


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkedWorkers]:
    monkeypatch.setattr(forked_workers, "subprocess", SUBPROCESS)
    found = ForkedWorkers(os.environ)
    yield found
    found.close()


def fork(forks: ForkedWorkers, log: Path) -> tuple[ForkedProcess | None, socket.socket]:
    """A worker, and the run's end of its socket."""
    ours, theirs = socket.socketpair()
    with theirs, open(log, "wb") as output:
        return forks.fork(theirs.fileno(), output.fileno()), ours


def test_a_worker_ends_with_its_run_and_by_a_signal(forks: ForkedWorkers, tmp_path: Path) -> None:
    """Its status is what `subprocess` would tell; it is a process of its own session, whose parent is not the run."""
    (one, ours), (two, others) = (fork(forks, tmp_path / name) for name in "ab")
    assert one is not None
    assert two is not None
    assert one.poll() is None
    assert os.getsid(one.pid) == one.pid != two.pid
    ours.close()
    assert one.wait(LONG_S) == 0
    two.kill()
    assert two.wait(LONG_S) == two.poll() == -signal.SIGKILL
    two.kill()
    others.close()


def test_a_status_that_nobody_tells_is_that_of_a_kill(forks: ForkedWorkers, tmp_path: Path) -> None:
    """What forked the worker was killed; there are no more forks of it."""
    worker, ours = fork(forks, tmp_path / "a")
    assert worker is not None
    os.kill(forks._process.pid, signal.SIGKILL)
    assert worker.wait(LONG_S) == -signal.SIGKILL
    assert fork(forks, tmp_path / "b")[0] is None
    ours.close()


def test_nothing_is_forked_from_a_process_with_threads(tmp_path: Path) -> None:
    """A module that starts one when it is imported: the process ends, and the worker is started as a new program."""
    fake = tmp_path / "fake" / "tau2"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("")
    (fake / "run.py").write_text("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n")
    forks = ForkedWorkers({**os.environ, "PYTHONPATH": os.pathsep.join([str(fake.parent), *sys.path])})
    assert fork(forks, tmp_path / "log")[0] is None
    forks.close()


def test_it_can_be_ended_in_the_middle_of_its_imports(tmp_path: Path) -> None:
    """A run that is stopped in its first seconds waits for nothing."""
    fake = tmp_path / "tau2"
    fake.mkdir()
    (fake / "__init__.py").write_text("import time\ntime.sleep(60)\n")
    forks = ForkedWorkers({**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])})
    forks.close()
    assert forks.closed
    assert fork(forks, tmp_path / "log")[0] is None


def test_without_forks_a_worker_is_a_new_program(forks: ForkedWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same descriptors."""
    started: list[Any] = []

    def popen(words: list[str], **how: Any) -> Any:
        started.append((words, how["pass_fds"]))
        return subprocess.Popen([sys.executable, "-c", "pass"])

    monkeypatch.setattr(processes, "subprocess", type("Programs", (), {**vars(subprocess), "Popen": staticmethod(popen)}))
    forks.close()
    worker = object.__new__(processes.ProcessWorker)
    worker._forks = None
    with open(tmp_path / "log", "wb") as output:
        process = worker._started(7, output)
    assert process is not None
    assert process.wait(LONG_S) == 0
    assert started == [([sys.executable, "-m", "tau2_logging.runner.executors.worker_main", "7"], [7])]
