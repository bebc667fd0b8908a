"""The log of a server that we start: what it says, masked before it is written. Used in the server's supervisor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.events.secrets.masking import mask_text

_READ = _LONGEST = 1 << 16
"""Bytes; a longer line is written in parts."""


def copy_masked(source: int, target: int, secrets: Iterable[str]) -> None:
    """Copy from one file descriptor to another until the source ends, whole lines at a time, with credentials masked.

    A line waits for its end however long it takes: programs write their buffers when these are full, in the middle of a word, too.
    What the target does not take (its disk is full) is lost; the source is read to its end in any case.
    """
    pending = b""
    with KNOWN.knowing(secrets):
        while block := os.read(source, _READ):
            whole, pending = _parted(pending + block)
            _write(target, _masked(whole))
        _write(target, _masked(pending))


def _parted(data: bytes) -> tuple[bytes, bytes]:
    """Return whole lines, and the rest; of a line that is too long, what comes before its last gap."""
    end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    if not end and len(data) > _LONGEST:
        end = max(data.rfind(b" "), data.rfind(b"\t")) + 1 or len(data)
    return data[:end], data[end:]


def _masked(data: bytes) -> bytes:
    try:
        return mask_text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    except Exception as error:  # the server's next lines can still be written
        return b"(%d bytes are left out: they cannot be masked, %s)\n" % (len(data), type(error).__name__.encode())


def _write(target: int, data: bytes) -> None:
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(target, data) :]
