"""What is printed as the next command works where it was printed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tau2_logging import invocation
from tau2_logging.extras import missing_package

ROOT = Path(__file__).resolve().parents[2]
SCRIPT, MODULE, OTHER = "run_local.py", "tau2_logging/__main__.py", "elsewhere/pytest"


def started(monkeypatch: pytest.MonkeyPatch, folder: Path, argument: object) -> None:
    """This process looks as if it had been started so."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(argument)])
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(ROOT))])


@pytest.mark.parametrize("name", [invocation.RUN, invocation.VIEW])
@pytest.mark.parametrize("argument", [SCRIPT, MODULE, OTHER])
def test_the_next_command_can_be_pasted(name: str, argument: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the folder of the scripts and from another one, by the interpreter that runs now, into a shell that knows nothing."""
    for folder, path in ((ROOT, argument), (tmp_path, str(ROOT / argument))):
        started(monkeypatch, folder, path)
        words = invocation.command(name)
        done = subprocess.run(
            f"{words} --help", shell=True, cwd=folder, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
        )
        assert done.returncode == 0, words + done.stderr
        assert "usage:" in done.stdout


@pytest.mark.parametrize("console", ["tau2-logging", "tau2-run-local"])
def test_a_console_command_recommends_the_one_door_beside_it(console: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its name if the shell finds it, else by its path."""
    bin_folder = tmp_path / "b in"
    bin_folder.mkdir()
    (bin_folder / "tau2-logging").write_text("#!/bin/sh\necho $1\n")
    (bin_folder / "tau2-logging").chmod(0o755)
    started(monkeypatch, tmp_path, bin_folder / console)
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin")
    assert invocation.command("analyze") == "tau2-logging analyze"
    monkeypatch.setenv("PATH", "/usr/bin")
    assert invocation.command("analyze") == "'b in/tau2-logging' analyze"
    assert subprocess.run(shlex.split(invocation.command("view")), capture_output=True, text=True, check=True).stdout == "view\n"


@pytest.mark.parametrize(
    ("argument", "run", "view", "door"),
    [
        (SCRIPT, "run_local.py", "python -m tau2_logging view", "python -m tau2_logging"),
        (MODULE, "python -m tau2_logging run", "python -m tau2_logging view", "python -m tau2_logging"),
        ("/bin/tau2-logging", "tau2-logging run", "tau2-logging view", "tau2-logging"),
        ("/bin/tau2-run-local", "tau2-run-local", "python -m tau2_logging view", "python -m tau2_logging"),
        ("C:/Scripts/tau2-logging.exe", "tau2-logging run", "tau2-logging view", "tau2-logging"),
    ],
)
def test_usage_calls_a_command_as_it_was_started(argument: str, run: str, view: str, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, ROOT, argument)
    assert (invocation.program("run"), invocation.program("view"), invocation.door()) == (run, view, door)


def test_an_interpreter_without_the_packages_names_the_one_that_has_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is none, it says what to install; a package of nobody's extra is not explained."""
    monkeypatch.setattr(invocation, "ROOT", tmp_path)
    missing = ModuleNotFoundError("no", name="pandas.core")
    assert "pip install 'tau2-logging'" in str(missing_package(missing))
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    assert f"does not have the package pandas; {tmp_path}/.venv/bin/python does" in str(missing_package(missing))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert invocation.ready_interpreter() is None
    assert missing_package(ModuleNotFoundError("no", name="os_of_nobody")) is None


def test_what_a_report_was_made_with_can_be_pasted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The name of a command is two words or more, and no argument of the shell."""
    started(monkeypatch, tmp_path, tmp_path / "tau2-logging")
    shown = invocation.as_given("analyze", ["my logs/tau2_mock.log", "--deep"])
    assert shlex.split(shown) == ["tau2-logging", "analyze", "my logs/tau2_mock.log", "--deep"]
    started(monkeypatch, ROOT, SCRIPT)
    assert shlex.split(invocation.as_given("experiments", ["analyze", "plan"]))[:4] == ["python", "-m", "tau2_logging", "experiments"]
