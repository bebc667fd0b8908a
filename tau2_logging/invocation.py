"""How the user here starts our commands: what is printed as the next command works when it is pasted."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""Where the scripts are in a checkout."""

RUN, ANALYZE = "run_local.py", "analyze_timing_from_tau2_log.py"
_CONSOLE = {RUN: "tau2-run-local", ANALYZE: "tau2-analyze-timing"}
_MODULES = {RUN: "tau2_logging.cli.run_local", ANALYZE: "tau2_logging.cli.analyze_timing"}


def command(script: str) -> str:
    """Return the words that start `script` (RUN or ANALYZE) as this process was started: as a file, a console command or a module."""
    beside = Path(sys.argv[0]).parent / script
    if Path(sys.argv[0]).suffix == ".py" and beside.is_file():
        return f"{interpreter()} {shlex.quote(_from_here(beside))}"
    if shutil.which(_CONSOLE[script]):
        return _CONSOLE[script]
    return f"{interpreter()} -m {_MODULES[script]}"


def interpreter() -> str:
    """Return the interpreter of this process, from the current folder if it lies below it."""
    return shlex.quote(_from_here(Path(sys.executable)))


def ready_interpreter() -> str | None:
    """Return the interpreter of the `.venv` beside the scripts, where `make run` installs, if there is one and it is not this one."""
    found = ROOT / ".venv" / "bin" / "python"
    if not found.exists() or Path(sys.prefix) == ROOT / ".venv":
        return None
    return shlex.quote(_from_here(found))


def _from_here(path: Path) -> str:
    """Return the path from the current folder if it lies below it; links are not followed."""
    absolute, here = os.path.abspath(path), os.getcwd()
    return os.path.relpath(absolute, here) if absolute.startswith(here + os.sep) else absolute
