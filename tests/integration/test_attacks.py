"""Runs under attack: disks that are full, files that are taken away, terminals that are lost, two runs of one folder, damaged records."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.run_owner import NAME as LOCK
from tau2_logging.runner.harness.tau2_harness import Tau2Harness, trial_seeds
from tau2_logging.runner.settings.saved_run import saved_config
from tau2_logging.runner.work.checkpoint import PLAYED, Checkpoint, Row, read_rows
from tau2_logging.runner.work.run_lock import RunLock
from tau2_logging.sinks import domain_files
from tests.support.command import ROOT, environment, start_local
from tests.support.in_process import run_quietly, scripted
from tests.support.patience import LONG_S, until
from tests.support.run_files import RunFiles, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
PREPARED = f"{sys.executable} -S -m tests.support.forked {ROOT}/run_local.py --no-progress"
HOSTILE = ["--load", "tests.support.hostile", "--agent", "hostile", "--num-trials", "2", "--max-steps", "24"]


def shell(command: str, where: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """What a person types, in a folder; `$RUN` is run_local.py."""
    words = environment(RUN=PREPARED, PYTHONPATH=str(ROOT), **extra)
    return subprocess.run(["bash", "-c", command], cwd=where, env=words, capture_output=True, text=True, timeout=LONG_S, check=False)


def rows_of(log_dir: Path) -> list[dict[str, Any]]:
    """The rows of the only run."""
    return list(read_rows(RunFiles(log_dir).only_run() / "simulations_mock.jsonl"))


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_agents_from_hell_on_a_terminal_that_is_full(executor: str, tmp_path: Path) -> None:
    """With agents that change the folder, take stdout away, fork and raise what nobody expects, and nothing that can be printed, all 18
    simulations end once, in rows and events; the log says what became of the terminal; --resume finishes, its output cut off."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    more = "--executor processes --workers 2" if executor == "processes" else ""
    done = shell(f"$RUN --domains mock {' '.join(HOSTILE)} --log-dir L --run-name r {more} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    log_dir = tmp_path / "L"
    rows = rows_of(log_dir)
    ends = of(RunFiles(log_dir).events("mock"), "task_end")
    assert len(rows) == len({(row["task"], row["trial"]) for row in rows}) == len(ends) == 18
    said = (log_dir / "eval_mock.log").read_text()
    assert "cannot be shown any more ([Errno 28] No space left on device); the run goes on" in said
    assert "simulations finished" in said
    resumed = shell("$RUN --resume L/runs/r | true; exit ${PIPESTATUS[0]}", tmp_path, HARMLESS="1")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert len(RunFiles(log_dir).results("mock")) == 18
    assert "Broken pipe" in (log_dir / "eval_mock.log").read_text()


def test_a_file_size_limit_is_one_line_and_resume_finishes(tmp_path: Path) -> None:
    """When the system takes no more (`ulimit -f`), the table is shown, one line says what to do, exit code 1; with room, --resume ends with
    every simulation."""
    done = shell("ulimit -f 16; $RUN --domains mock --log-dir L --run-name r", tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "simulations finished" in done.stdout
    errors = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert errors
    assert all("File too large" in line and "make room" in line for line in errors)
    config = saved_config(tmp_path / "L" / "runs" / "r")
    assert run_quietly(config, resume=tmp_path / "L" / "runs" / "r")[0] == 0
    assert len(RunFiles(tmp_path / "L").results("mock")) == 9


def test_a_full_disk_is_one_line_and_resume_finishes(tmp_path: Path) -> None:
    """The same on a disk of 300 kB, if one can be mounted here."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    try:
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("no file system can be mounted here")
    except OSError:
        pytest.skip("no file system can be mounted here")
    try:
        code, printed = run_quietly(scripted(disk, run_name="r", num_trials=4))
        assert code == 1
        assert "simulations finished" in printed
        assert "No space left on device" in printed
        assert "make room and --resume" in printed
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        assert run_quietly(scripted(disk, run_name="r", num_trials=4), resume=disk / "runs" / "r")[0] == 0
        assert len(RunFiles(disk).results("mock")) == 36
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def in_mid_run(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], after: int = 5) -> None:
    """Do something when so many simulations have ended and been kept."""
    append, kept, one_at_a_time = Checkpoint.append, [], threading.Lock()

    def appended(self: Checkpoint, row: Row) -> None:
        with one_at_a_time:  # no other simulation is kept before it is done
            append(self, row)
            kept.extend([row] * (row.status != PLAYED))
            if len(kept) == after and row.status != PLAYED:
                act()

    monkeypatch.setattr(Checkpoint, "append", appended)


def test_a_checkpoint_that_is_removed_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that were taken away are counted at the end, exit code 1; what came after is kept, and --resume runs what was lost."""
    path = tmp_path / "runs" / "r" / "simulations_mock.jsonl"
    in_mid_run(monkeypatch, path.unlink)
    code, printed = run_quietly(scripted(tmp_path, run_name="r"))
    assert code == 1
    assert f"5 simulations that finished are not in {path}" in printed
    assert "5 of 9 simulations are not finished" in printed
    assert len(RunFiles(tmp_path).results("mock")) == 4
    monkeypatch.undo()
    assert run_quietly(scripted(tmp_path, run_name="r"), resume=path.parent)[0] == 0
    assert len(RunFiles(tmp_path).results("mock")) == 9


def test_logs_that_are_rotated_are_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the log is moved away in mid-run, what follows is written under the same names, and said."""
    monkeypatch.setattr("tau2_logging.sinks.appender.LOOK_NS", 0)
    log, moved = tmp_path / "tau2_mock.log", tmp_path / "tau2_mock.log.1"
    in_mid_run(monkeypatch, lambda: log.rename(moved))
    code, printed = run_quietly(scripted(tmp_path, run_name="r", max_concurrency=1))
    assert code == 0
    assert f"{log} was moved away or removed while the run went on" in printed
    before, after = (len(of(RunFiles(folder).events("mock"), "task_end")) for folder in (_as_log(moved), tmp_path))
    assert (before, after) == (5, 4)


def _as_log(moved: Path) -> Path:
    folder = moved.with_suffix(".folder")
    folder.mkdir()
    (folder / "tau2_mock.log").write_bytes(moved.read_bytes())
    return folder


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that are whole do not make up for a log that is not: it is said, exit code 1."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    monkeypatch.setattr(domain_files, "events_path", lambda directory, domain: Path("/dev/full"))
    code, printed = run_quietly(scripted(tmp_path, num_tasks=2))
    assert code == 1
    assert "log lines could not be written ([Errno 28] No space left on device)" in printed
    assert len(RunFiles(tmp_path).results("mock")) == 2


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of nine simulations that came to its end."""
    log_dir = tmp_path_factory.mktemp("finished")
    assert run_quietly(scripted(log_dir, run_name="r"))[0] == 0
    return log_dir


@pytest.fixture
def copied(finished_run: Path, tmp_path: Path) -> Path:
    """The folder of a copy of that run."""
    directory = tmp_path / "runs" / "r"
    directory.mkdir(parents=True)
    for path in (finished_run / "runs" / "r").iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    return directory


def edit_rows(directory: Path, edit: Callable[[dict[str, Any]], None], number: int = 3) -> None:
    """Change the first results of the checkpoint."""
    path = directory / "simulations_mock.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in [row for row in rows if row["status"] != PLAYED][:number]:
        edit(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


ROWS = [
    ("simulation", None), ("simulation", 5), ("task", {}), ("task", None), ("trial", "0"), ("trial", []), ("trial", True), ("trial", 7),
    ("reward", "x"), ("reward", float("nan")), ("status", 3), ("status", None), ("domain", "retail"), ("domain", []), ("seed", "x"),
    ("task", "no such task"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ROWS, ids=[f"{name}={value}" for name, value in ROWS])
def test_a_damaged_row_is_run_again(name: str, value: Any, copied: Path) -> None:
    """A row that cannot be one is said in one line, and its simulation is run again: no more and no fewer. Its conversation is kept, and is
    only evaluated."""
    edit_rows(copied, lambda row: row.update({name: value}))
    code, printed = run_quietly(saved_config(copied), resume=copied)
    assert code == 0
    assert "6 of 9 simulations are done" in printed
    assert "3 are played and are only evaluated" in printed
    assert "run r: 3 simulations" in printed
    assert sum("edited or damaged" in line for line in printed.splitlines()) == 1
    assert len(RunFiles(copied.parents[1]).results("mock")) == 9


def edited(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """An edit of run.json."""

    def edit(data: dict[str, Any]) -> None:
        *parents, name = path.split(".")
        for parent in parents:
            data = data[parent]
        data[name] = value

    return edit


EDITS = [
    ("config", None), ("config", []), ("config", {}), ("config.max_concurrency", "x"), ("config.agent_model", None),
    ("config.agent_model", {"llm": 5}), ("config.agent_model", {"named": True}), ("config.log_dir", None), ("config.log_level", "X"),
    ("config.max_steps", "a"), ("config.max_steps", True), ("config.arms", [5]), ("config.experts", [{}]), ("config.domains", "mock"),
    ("config.masking", "some"), ("config.heartbeat", None), ("started_wall", "x"), ("started_wall", None), ("started_wall", 1e300),
    ("run_id", None), ("run_id", "../x"), ("trial_seeds", None), ("trial_seeds", ["x"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), EDITS, ids=[f"{path}={value}" for path, value in EDITS])
def test_a_damaged_record_is_refused_in_one_line(path: str, value: Any, copied: Path) -> None:
    """Whatever was done to run.json is one line that names the value, before anything is run."""
    file = copied / "run.json"
    data = json.loads(file.read_text())
    edited(path, value)(data)
    file.write_text(json.dumps(data))
    with pytest.raises(UserError, match=r"edited or damaged|does not describe a run") as refused:
        saved_config(copied)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("consistent", [False, True])
def test_a_changed_seed_is_refused(consistent: bool, copied: Path) -> None:
    """Two seeds in one run cannot be told apart afterwards: neither an edited seed nor one edited everywhere is taken."""
    file = copied / "run.json"
    data = json.loads(file.read_text())
    data["config"]["seed"] = 301
    if consistent:
        data["trial_seeds"] = trial_seeds(301, 1)
    file.write_text(json.dumps(data))
    with pytest.raises(UserError, match="cannot go on with another seed"):
        run_quietly(saved_config(copied), resume=copied)


def test_a_run_that_goes_on_is_not_resumed(copied: Path) -> None:
    """While another process works on a run, --resume and a run of the same name are refused, and nothing is touched."""
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    lock = RunLock(copied)
    with pytest.raises(UserError, match=rf"run r is still running \(process {os.getpid()}\)"):
        run_quietly(saved_config(copied), resume=copied)
    (copied / "run.json").unlink()
    with pytest.raises(UserError, match="is still running"):
        run_quietly(scripted(copied.parents[1], run_name="r"))
    lock.release()
    left = {path.name: path.read_bytes() for path in copied.iterdir()}
    assert left == {name: data for name, data in before.items() if name != "run.json"}


def test_a_hangup_does_not_end_a_run_and_a_second_is_refused(tmp_path: Path) -> None:
    """SIGHUP, as when ssh is lost, is noted in the log, and the run ends with all its simulations; a --resume meanwhile is refused."""
    slow = json.dumps({"ttft_ms": 250})
    process = start_local("--domains", "mock", "--user-llm-args", slow, "--log-dir", str(tmp_path), "--run-name", "r", "--no-progress")
    lock, log = tmp_path / "runs" / "r" / LOCK, tmp_path / "tau2_mock.log"
    until(lambda: log.exists() and "type=task_start" in log.read_text())
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGSTOP)  # so that it does not come to its end first
    with pytest.raises(UserError, match=rf"still running \(process {process.pid}\)"):
        run_quietly(saved_config(tmp_path / "runs" / "r"), resume=tmp_path / "runs" / "r")
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=LONG_S)
    assert (process.returncode, err) == (0, ""), out
    assert "the terminal hung up (SIGHUP); the run goes on" in (tmp_path / "eval_mock.log").read_text()
    assert len(RunFiles(tmp_path).results("mock")) == 9
    assert not lock.exists()


def _raises() -> Any:
    raise OSError("the database is on another machine")


DOMAINS: dict[str, tuple[Callable[[], Any], Callable[..., Any], str]] = {
    "D@at": (lambda: None, lambda *_: [], "its name holds '@'"),
    "D/slash": (lambda: None, lambda *_: [], "its name holds '/'"),
    "D\nline": (lambda: None, lambda *_: [], r"its name holds '\n'"),
    "..": (lambda: None, lambda *_: [], "files cannot be named after it"),
    "loader": (lambda: None, _raises, "cannot make the tasks of loader (OSError: the database is on another machine)"),
    "nothing": (lambda: None, lambda *_: None, "cannot make the tasks of nothing"),
    "no tasks": (lambda: None, lambda *_: [{}], "cannot make the tasks of no tasks"),
    "nobody": (
        lambda: None,
        lambda *_: MOCK()[:2],
        "environment of nobody (TypeError: it is NoneType, not an Environment)",
    ),
    "twice": (lambda: None, lambda *_: [*MOCK()[:2], *MOCK()[:1]], "domain twice has 2 tasks of the id 'create_task_1'"),
}


def MOCK() -> list[Any]:
    """The tasks of mock."""
    return list(Tau2Harness.load().registry.get_tasks_loader("mock")())


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", list(DOMAINS))
def test_a_domain_that_cannot_be_run_is_one_line(name: str, fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain of somebody's own that raises, gives nothing, or whose names cannot be used is refused before anything is paid."""
    registry = Tau2Harness.load().registry
    environment, tasks, said = DOMAINS[name]
    for table, value in (("_domains", environment), ("_tasks", tasks)):
        monkeypatch.setitem(getattr(registry, table), name, value)
    with pytest.raises(UserError) as refused:
        run_quietly(scripted(tmp_path, domains=(name,), fast_env=fast))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("*.log"))
