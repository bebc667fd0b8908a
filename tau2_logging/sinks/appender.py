"""Append whole lines to a file so that they survive the process being killed.

One `write(2)` to a descriptor opened with O_APPEND per line: lines of many threads and processes never mix, and what was written is in
the kernel's hands when the call returns.

Python's `os.write` gives up the interpreter lock around the system call. With many threads that costs far more than the write itself:
the lock has to be won back (at 32 busy threads the 99th percentile was 2.7 ms against 0.02 ms, and the CPU per event three times as
much). So the C library's `write` is called with the lock held. A line that takes longer than SLOW_NS has met a disk that blocks, or a
busy machine that ran something else meanwhile; once such lines have taken more than PATIENCE_NS and a hundredth of the time since the
file was opened, it goes back to `os.write` for good. That is the most a slow disk can hold up the other threads.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from time import perf_counter_ns

from tau2_logging.errors import UserError

SLOW_NS = 2_000_000
PATIENCE_NS = 50_000_000
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
LOOK_NS = 1_000_000_000
"""A file that has been moved away or removed (logrotate) is opened again within this time."""
SETTLED_S = 0.1
"""A line that has not grown for so long is not being written: what wrote it was killed."""


class Appender:
    """One file, appended to. `lost` counts lines the system refused (a full disk); `error` is the last reason; `reopened` counts how often
    the file was gone, moved away or removed, and was opened again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        self.error: OSError | None = None
        self.reopened = 0
        self.torn = False
        self._lock = threading.Lock()
        self.fd = open_for_append(path)
        self.next_look_ns = perf_counter_ns() + LOOK_NS
        self.held = _held_write()
        self._opened_ns = perf_counter_ns()
        self._stalled_ns = 0

    def append(self, line: bytes) -> None:
        """Append `line`, which ends in a newline; it may be several. Never raises."""
        append_to_all((self,), line)

    def write_rest(self, line: bytes, written: int) -> None:
        """Let the system take its time over what it has not taken at once. Never raises."""
        try:
            while written < len(line):
                written += os.write(self.fd, line[written:])
        except OSError as error:
            self.lost += line.count(b"\n", written)
            if written:
                self.torn = line[written - 1 : written] != b"\n"
            self.error = error

    def end_torn_line(self) -> None:
        """What a full disk has taken of an earlier line shall not swallow the next one. Never raises."""
        try:
            self.torn = os.write(self.fd, b"\n") != 1
        except OSError as error:
            self.error = error

    def follow(self) -> None:
        """Open the file again if it is not at its path any more. Never raises.

        The new file takes the place of the old one under the same descriptor, so that a line that another thread writes goes to one of
        the two whole.
        """
        self.next_look_ns = perf_counter_ns() + LOOK_NS
        with self._lock:
            if self.fd < 0 or self._in_place():
                return
            try:
                self._open_again()
            except OSError as error:
                self.error = error
                self.lost += 1

    def _open_again(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, _FLAGS, 0o644)
        os.dup2(fd, self.fd, inheritable=False)
        os.close(fd)
        self.reopened += 1

    def _in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.fd))
        except OSError:
            return False

    def was_slow(self, took_ns: int) -> None:
        """A line took this long with the lock held."""
        self._stalled_ns += took_ns
        if self._stalled_ns > PATIENCE_NS + (perf_counter_ns() - self._opened_ns) // 100:
            self.held = None

    def close(self) -> None:
        """Release the file; more lines are counted as lost."""
        with self._lock:
            fd, self.fd, self.held = self.fd, -1, None
            if fd >= 0:
                os.close(fd)


def append_to_all(files: Sequence[Appender], line: bytes) -> None:
    """The same line to each file, with one look at the clock. Never raises."""
    size = len(line)
    begun = perf_counter_ns()
    for file in files:
        held = file.held
        if begun > file.next_look_ns:
            file.follow()
        if file.torn:
            file.end_torn_line()
        written = held(file.fd, line, size) if held is not None else 0
        if written != size:
            file.write_rest(line, max(written, 0))
    took = perf_counter_ns() - begun
    if took > SLOW_NS:
        for file in files:
            file.was_slow(took)


def lost_lines(files: Sequence[Appender]) -> tuple[int, str]:
    """Return how many lines the system refused to write into these files, and why."""
    reasons = {str(file.error) for file in files if file.error is not None}
    return sum(file.lost for file in files), "; ".join(sorted(reasons))


def open_for_append(path: Path) -> int:
    """Return a descriptor for appending to `path`. A last line that a killed process left unfinished is ended first.

    Raises UserError if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, _FLAGS, 0o644)
        if ends_unfinished(path):
            os.write(fd, b"\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another folder or make it writable") from error
    return fd


def ends_unfinished(path: Path) -> bool:
    """Return whether the file's last line has no newline and nobody is writing it: a file that another process appends to grows a page at
    a time, and one look in twenty meets it in the middle of a line."""
    seen = _unfinished_at(path)
    if seen is None:
        return False
    time.sleep(SETTLED_S)
    return _unfinished_at(path) == seen


def _unfinished_at(path: Path) -> int | None:
    """Return the size of a file whose last line has no newline; None if it has one, or there is no line."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:  # empty, or no file that has an end
            return None
        file.seek(size - 1)
        return size if file.read(1) != b"\n" else None


@lru_cache(maxsize=1)
def _held_write() -> Callable[[int, bytes, int], int] | None:
    if not sys.platform.startswith(("linux", "darwin")):
        return None
    try:
        write = ctypes.PyDLL(None).write
    except (OSError, AttributeError):
        return None
    write.restype = ctypes.c_ssize_t  # without argtypes ctypes passes int and bytes as they are, in two thirds of the time
    return write
