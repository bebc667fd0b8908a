"""Prepared processes, which the tests of commands start, behave as fresh interpreters do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked import Forked, run_forked
from tests.support.patience import LONG_S
from tests.support.processes import gone

SAYS_ALL = """\
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["WORD"], sys.path[0], __name__)
print("on stderr", file=sys.stderr)
"""
PROGRAMS = {
    "one that says all it is given": SAYS_ALL,
    "exit code 3": "import sys; sys.exit(3)",
    "exit with a text": "import sys; sys.exit('a text')",
    "an exception": "raise ValueError('of its own')",
    "Ctrl-C": "raise KeyboardInterrupt",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "left at once": "import os; print('lost'); os._exit(4)",
    "a thread that goes on": "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()",
    "at its end": "import atexit; atexit.register(print, 'the last word')",
    "a full disk": "import sys; sys.stdout = open('/dev/full', 'w'); print('lost')",
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_is_run_as_by_an_interpreter_of_its_own(text: str, tmp_path: Path) -> None:
    """The same output, the same last line of an error, the same exit code."""
    (tmp_path / "program.py").write_text(text)
    words, env = [sys.executable, str(tmp_path / "program.py"), "a", "b c"], {**os.environ, "WORD": "a word"}
    fresh = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    prepared = run_forked(words, cwd=tmp_path, env=env)
    assert (prepared.returncode, prepared.stdout) == (fresh.returncode, fresh.stdout)
    assert prepared.stderr.splitlines()[-1:] == fresh.stderr.splitlines()[-1:]


def test_a_program_is_stopped_by_signals(tmp_path: Path) -> None:
    """SIGINT as Python takes it, SIGTERM as the system does; the process is gone then."""
    (tmp_path / "program.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(600)\n")
    for number in (signal.SIGINT, signal.SIGTERM):
        process = Forked([sys.executable, str(tmp_path / "program.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate(LONG_S)
        assert process.returncode == -number
        assert ("KeyboardInterrupt" in err) == (number == signal.SIGINT)
        assert gone([process.pid])


def test_a_shell_may_redirect_and_limit_it(tmp_path: Path) -> None:
    """By the command that stands for `python`: its streams, its limit of a file's size and its exit code are the program's."""
    (tmp_path / "program.py").write_text("import sys\nprint('x' * 5000)\nsys.stdout.flush()\nsys.exit(7)\n")
    prepared = f"{sys.executable} -S -m tests.support.forked {tmp_path}/program.py"
    for limit, code, size in (("unlimited", 7, 5001), ("2", 1, 2048)):
        command = f"ulimit -f {limit}; {prepared} > {tmp_path}/out 2> {tmp_path}/err"
        done = subprocess.run(["bash", "-c", command], cwd=Path(__file__).resolve().parents[3], check=False)
        assert (done.returncode, (tmp_path / "out").stat().st_size) == (code, size)


def test_what_takes_time_to_import_has_been_imported(tmp_path: Path) -> None:
    """What it is for: tau2 and litellm are there when it begins."""
    (tmp_path / "program.py").write_text("import sys; print('tau2.run' in sys.modules, 'litellm.main' in sys.modules)")
    assert run_forked([sys.executable, str(tmp_path / "program.py")]).stdout == "True True\n"
