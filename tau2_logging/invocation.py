"""How the user here starts our commands: what is printed as the next command works when it is pasted."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""Where the scripts are in a checkout."""

DOOR = "tau2-logging"
"""The console command, and the name of the distribution."""
RUN, ANALYZE, COMPARE, VIEW, EXPERIMENTS, RESULTS, RENTAL = "run", "analyze", "compare", "view", "experiments", "results", "rental"
"""Commands that others name in what they print; `tau2_logging.__main__` lists all."""
_SCRIPTS = {RUN: "run_local.py", ANALYZE: "analyze_timing_from_tau2_log.py"}
_OWN_NAMES = {
    "tau2-run-local": RUN,
    "tau2-analyze-timing": ANALYZE,
    "tau2-results": RESULTS,
    "tau2-endpoints": RENTAL,
    "tau2-enhanced": "enhanced",
}
"""Console command of a single command -> that command."""


def program(name: str) -> str:
    """Return what usage and errors call a command: its script or console command, or the door and its name there."""
    started = Path(sys.argv[0])
    if _OWN_NAMES.get(started.stem) == name:
        return started.stem
    if started.stem == DOOR:
        return f"{DOOR} {name}"
    if name not in _SCRIPTS or (started.name == "__main__.py" and _is_ours(started)):
        return f"python -m tau2_logging {name}"
    return _SCRIPTS[name]


def as_given(name: str, words: Iterable[str]) -> str:
    """Return a command with its words, quoted for a shell: what a report shows that it was made with."""
    return f"{program(name)} {shlex.join(words)}"


def door() -> str:
    """Return what usage and errors call the command that has all others."""
    return DOOR if Path(sys.argv[0]).stem == DOOR else "python -m tau2_logging"


def command(name: str) -> str:
    """Return the words that start a command as this process was started: as a script, a console command or a module."""
    started = Path(sys.argv[0])
    if started.suffix == ".py" and name in _SCRIPTS and _is_root(started.parent):
        return f"{interpreter()} {shlex.quote(from_here(started.parent / _SCRIPTS[name]))}"
    if installed := _console_command(started):
        return f"{installed} {name}"
    return f"{_search_path()}{interpreter()} -m tau2_logging {name}"


def interpreter() -> str:
    """Return the interpreter of this process, from the current folder if it lies below it."""
    return shlex.quote(from_here(Path(sys.executable)))


def ready_interpreter() -> str | None:
    """Return the interpreter of the `.venv` beside the scripts, where `make run` installs, if there is one and it is not this one."""
    found = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not found.exists() or Path(sys.prefix) == ROOT / ".venv":
        return None
    return shlex.quote(from_here(found))


def _is_root(folder: Path) -> bool:
    return os.path.realpath(folder) == str(ROOT) and all((ROOT / script).is_file() for script in _SCRIPTS.values())


def _is_ours(started: Path) -> bool:
    return ROOT / "tau2_logging" in Path(os.path.realpath(started)).parents


def _console_command(started: Path) -> str | None:
    """Return the console command beside the one that was started, or beside the interpreter of a program that is not ours."""
    if started.stem in (DOOR, *_OWN_NAMES):
        found = started.with_stem(DOOR)
    elif _is_ours(started) or _is_root(started.parent):
        return None
    else:
        found = Path(sys.executable).with_name(DOOR)
    if not found.is_file():
        return None
    folders = map(os.path.abspath, os.environ.get("PATH", "").split(os.pathsep))
    first = next((folder for folder in folders if os.path.exists(os.path.join(folder, found.name))), None)
    return DOOR if first == os.path.abspath(found.parent) else shlex.quote(from_here(found))


def _search_path() -> str:
    """Return what a shell needs to find `-m tau2_logging` from the current folder: nothing if the package is installed."""
    if os.name == "nt" or os.getcwd() == str(ROOT) or str(ROOT) in map(os.path.abspath, sys.path[1:]):
        return ""
    return f"PYTHONPATH={shlex.quote(str(ROOT))} "


def from_here(path: Path) -> str:
    """Return the path from the current folder if it lies below it; links are not followed."""
    absolute, here = os.path.abspath(path), os.getcwd()
    return os.path.relpath(absolute, here) if absolute.startswith(here + os.sep) else absolute
