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
_GZIP, _ZSTD, _UTF_16 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"\xff\xfe", b"\xfe\xff")


def is_plain(name: str) -> bool:
    """Return whether a file is read as it is: neither compressed nor standard input."""
    if name == STDIN or name.endswith((".gz", ".zst", ".zstd")):
        return False
    with Path(name).open("rb") as file:
        return not file.read(4).startswith((_GZIP, _ZSTD, *_UTF_16))


def blocks(name: str, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the lines of a source in blocks of about `size` bytes, or the longest line.

    A block ends with a newline, but for the last one of a file whose last line has none.
    """
    rest = b""
    try:
        for piece in _pieces(name, size):
            end = piece.rfind(b"\n") + 1
            if end or len(rest) >= LONGEST_LINE:
                yield b"".join((rest, memoryview(piece)[:end]))
                rest = piece[end:]
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
    with Path(name).open("rb") as file:
        begin = file.read(8)
        file.seek(0)
        if name.endswith((".zst", ".zstd")) or begin.startswith(_ZSTD):
            yield from unpacked_zstd(file)
        elif begin.startswith(_UTF_16) or (len(begin) == 8 and (begin[::2] == bytes(4)) != (begin[1::2] == bytes(4))):
            raise UserError(
                f"{name} is UTF-16, as PowerShell's `>` writes it; turn it into UTF-8: iconv -f UTF-16 -t UTF-8 {name} > utf8.log, or in "
                f"PowerShell: Get-Content {name} | Set-Content -Encoding utf8 utf8.log"
            )
        else:
            packed = name.endswith(".gz") or begin.startswith(_GZIP)
            source = gzip.GzipFile(fileobj=file) if packed else file
            yield from iter(lambda: source.read(size), b"")


def unpacked_zstd(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of zstd frames. Raises ValueError if they are damaged or, which `zstandard.open` does not notice, cut off."""
    import zstandard

    frame: Any = None
    while packed := file.read(_PACKED_BYTES):
        while packed:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            try:
                yield frame.decompress(packed)
            except zstandard.ZstdError as error:
                raise ValueError(f"damaged zstd data: {error}") from error
            packed = frame.unused_data
            frame = None if frame.eof else frame
    if frame is not None:
        raise ValueError("the compressed data ends in the middle")
