"""`kernel.c`, compiled if a C compiler is available; without one the reader does the same with numpy.

The library is compiled once for each version of the source, in 0.13 s of CPU, into the user's cache folder
(`$XDG_CACHE_HOME/tau2-logging`, else `~/.cache/tau2-logging`), and only when there is enough to read to make up for it.
`TAU2_LOGGING_KERNEL=off` does without,
`TAU2_LOGGING_KERNEL=on` compiles for any log. Whatever fails here is no error: the log is read either way, with the same result.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

SWITCH = "TAU2_LOGGING_KERNEL"
WORTH_COMPILING = 32 << 20
"""Bytes to read from which on compiling is worth it: it is made up for by 40 to 80 MB, and for good."""

_SOURCE = Path(__file__).with_name("kernel.c")
_FLAGS = ("-O3", "-std=c99", "-ffp-contract=off", "-shared", "-fPIC")
_LONGEST_COMPILE_S = 30

NOTHING, WHOLE, DECIMAL, TRUTH, ID, WORD, PAYLOAD = range(7)
"""Kinds of `Step`, as the source numbers them."""

ROW, TIME, THREAD, LEVEL, TASK, HEADER_OUTS = range(6)
"""Places of the first columns of every template."""

ID_SIZE = 16


class Table(ctypes.Structure):
    """Words and their numbers."""

    _fields_ = [("entries", ctypes.c_void_p), ("mask", ctypes.c_uint64), ("seed", ctypes.c_uint64)]


ENTRY_BYTES = 24


class Step(ctypes.Structure):
    """What is in a line, and the value behind it."""

    _fields_ = [
        ("literal", ctypes.c_char_p), ("size", ctypes.c_int64), ("kind", ctypes.c_int64), ("words", ctypes.POINTER(Table)),
    ]  # fmt: skip


class Template(ctypes.Structure):
    """The steps of a line of one type, and where in the list of outputs its columns start."""

    _fields_ = [
        ("steps", ctypes.POINTER(Step)), ("count", ctypes.c_int64), ("out", ctypes.c_int64), ("next", ctypes.c_int64),
    ]  # fmt: skip


class Program(ctypes.Structure):
    """All that is known of a log's lines."""

    _fields_ = [
        *((name, ctypes.POINTER(Table)) for name in ("levels", "days", "tasks", "types")),
        ("templates", ctypes.POINTER(Template)), ("of_type", ctypes.POINTER(ctypes.c_int64)),
    ]  # fmt: skip


def kernel(size: int | None, environ: Mapping[str, str] = os.environ) -> ctypes.CDLL | None:
    """Return the compiled library; None if there is none and it cannot be, or would not be worth it for `size` bytes (None: unknown)."""
    switch = environ.get(SWITCH, "")
    if switch == "off" or os.name != "posix":
        return None
    with suppress(RuntimeError):  # nobody's home
        folder = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tau2-logging"
        return _library(folder, switch == "on" or size is None or size >= WORTH_COMPILING)
    return None


@lru_cache
def _library(folder: Path, compile_it: bool) -> ctypes.CDLL | None:
    """Asked for once a process, also if it fails."""
    with suppress(OSError, subprocess.SubprocessError):
        return _loaded(folder, compile_it)
    return None


def _loaded(folder: Path, compile_it: bool) -> ctypes.CDLL | None:
    source = _SOURCE.read_bytes()
    name = hashlib.sha256(b"\0".join([source, *(flag.encode() for flag in _FLAGS), platform.machine().encode()])).hexdigest()[:24]
    path = folder / f"kernel-{name}.so"
    if not path.exists():
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compile_it or not compiler:
            return None
        _compile(compiler, path)
    return _declared(ctypes.CDLL(str(path))) if _is_ours(folder) and _is_ours(path) else None


def _compile(compiler: str, path: Path) -> None:
    """Compile beside the place and move it there, so that another process never loads half a library."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_ours(path.parent):
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [*compiler.split(), *_FLAGS, "-o", str(made), str(_SOURCE)]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=_LONGEST_COMPILE_S)
        made.chmod(0o700)
        made.replace(path)


def _is_ours(path: Path) -> bool:
    """Nobody else may have written there: a library is run, not read."""
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    address, number = ctypes.c_void_p, ctypes.c_int64
    library.put_word.argtypes = [ctypes.POINTER(Table), ctypes.c_char_p, number, number]
    library.put_word.restype = None
    library.find_lines.argtypes = [address, number, number, address, address, number]
    library.find_lines.restype = number
    library.read_lines.argtypes = [address, address, address, address, number, ctypes.POINTER(Program), address, address, address]
    library.read_lines.restype = number
    return library
