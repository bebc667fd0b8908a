"""Blocks of whole lines of a file, compressed or not, or of standard input."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tau2_logging.errors import UserError

BLOCK_BYTES = 8 << 20
_PACKED_BYTES = 1 << 16
LONGEST_LINE = 256 << 20
"""A line that is longer is cut in pieces of that size, none of which is an event."""

STDIN = "-"
_PLAIN, _GZIP, _ZSTD, _UTF_16 = "plain", "gzip", "zstd", "UTF-16"


def is_plain(name: str) -> bool:
    """Return whether a file is read as it is: neither compressed nor standard input."""
    return name != STDIN and _format(name) == _PLAIN


def _format(name: str) -> str:
    with Path(name).open("rb") as file:
        begin = file.read(8)
    if name.endswith((".zst", ".zstd")) or begin.startswith(b"\x28\xb5\x2f\xfd"):
        return _ZSTD
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(begin) == 8 and (begin[::2] == bytes(4)) != (begin[1::2] == bytes(4))):
        return _UTF_16
    return _GZIP if name.endswith(".gz") or begin.startswith(b"\x1f\x8b") else _PLAIN


def blocks(name: str, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the lines of a source in blocks of about `size` bytes, or the longest line.

    A block ends with a newline, but for the last one of a file whose last line has none.
    """
    rest = b""
    try:
        for piece in _pieces(name, size):
            end = piece.rfind(b"\n") + 1
            if end or len(rest) >= LONGEST_LINE:
                block, rest = b"".join((rest, memoryview(piece)[:end])), piece[end:]
                del piece  # not held beside the block
                yield block
            else:
                rest += piece
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"cannot read {name}: {error}") from error
    if rest:
        yield rest


def _pieces(name: str, size: int) -> Iterator[bytes]:
    """Yield the bytes of a source, decompressed. Standard input stays open."""
    if name == STDIN:
        yield from iter(lambda: sys.stdin.buffer.read(size), b"")
        return
    format_ = _format(name)
    if format_ == _UTF_16:
        raise UserError(
            f"{name} is UTF-16, as PowerShell's `>` writes it; turn it into UTF-8: iconv -f UTF-16 -t UTF-8 {name} > utf8.log, or in "
            f"PowerShell: Get-Content {name} | Set-Content -Encoding utf8 utf8.log"
        )
    with gzip.open(name) if format_ == _GZIP else Path(name).open("rb") as file:
        yield from unpacked_zstd(file) if format_ == _ZSTD else iter(lambda: file.read(size), b"")


def unpacked_zstd(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    """Yield the content of zstd frames. Raises ValueError if they are damaged or, which `zstandard.open` does not notice, cut off."""
    import zstandard

    frame: Any = None
    try:
        while packed := (frame.unused_data if frame else b"") or file.read(_PACKED_BYTES):
            frame = zstandard.ZstdDecompressor().decompressobj() if frame is None or frame.eof else frame
            yield frame.decompress(packed)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged zstd data: {error}") from error
    if frame is not None and not frame.eof:
        raise ValueError("the compressed data ends in the middle")
