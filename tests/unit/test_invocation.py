"""What is printed as the next command works where it was printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tau2_logging import invocation
from tau2_logging.extras import missing_package

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("script", [invocation.RUN, invocation.ANALYZE])
@pytest.mark.parametrize("started", ["run_local.py", "elsewhere/pytest", "/usr/local/bin/tau2-run-local"])
def test_the_next_command_can_be_pasted(script: str, started: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the folder of the scripts and from another one, by the interpreter that runs now."""
    for folder, argument in ((ROOT, started), (tmp_path, str(ROOT / started))):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [argument])
        words = invocation.command(script)
        path = {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
        done = subprocess.run(f"{words} --help", shell=True, cwd=folder, capture_output=True, text=True, check=False, env=path)
        assert done.returncode == 0, words + done.stderr
        assert "usage:" in done.stdout


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
