"""Where lines come from: files, folders, compressed files, standard input. Gives blocks of whole lines."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from tau2_logging.analysis.reader.swar import PAD, Text
from tau2_logging.errors import UserError

BLOCK_BYTES = 8 << 20
_PACKED_BYTES = 1 << 16
LONGEST_LINE = 256 << 20
"""A line that is longer is cut in pieces of that size, none of which is an event."""

STDIN = "-"
_GZIP, _ZSTD, _UTF_16 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"\xff\xfe", b"\xfe\xff")


def as_paths(paths: str | Path | Iterable[str | Path]) -> list[str]:
    """Return one path or several as a list of texts; raises UserError if a file is missing or cannot be read."""
    names = [str(paths)] if isinstance(paths, (str, Path)) else [str(path) for path in paths]
    if not names:
        raise UserError("no log file given; name one, or a folder with --log-dir")
    for name in names:
        check_file(name)
    return list(dict.fromkeys(names))


def check_file(name: str) -> None:
    """Raises UserError unless the file is there and readable."""
    path = Path(name)
    if name == STDIN:
        return
    if path.is_dir():
        raise UserError(f"{name} is a folder; use --log-dir {name}, or name the files in it")
    if not path.exists():
        raise UserError(f"no log file {name}{_nearby(path)}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror}") from error


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; the folder {path.parent} does not exist"
    names = sorted(entry.name for entry in path.parent.iterdir() if ".log" in entry.name)[:5]
    return f"; in {path.parent} there are {', '.join(names)}" if names else f"; there is no log in {path.parent}"


def find_logs(folder: str | Path, pattern: str) -> list[str]:
    """Return the logs of a folder, sorted by name; raises UserError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; give the folder the run wrote its logs to")
    found = sorted(str(path) for path in folder.glob(pattern) if path.is_file())
    if not found:
        raise UserError(f"no file in {folder} matches {pattern!r}; choose another folder or --log-glob")
    return found


def domain_of(name: str) -> str | None:
    """Return the domain in a file name, `retail` of `tau2_retail.log.gz`."""
    stem = Path(name).name.split(".")[0]
    prefix, _, domain = stem.partition("_")
    return domain if prefix in ("tau2", "eval") and domain else None


def holds_only_events(name: str) -> bool:
    """Return whether other text in that file is damage: `tau2_*.log` holds events and nothing else."""
    return Path(name).name.startswith("tau2_")


def open_bytes(name: str) -> IO[bytes]:
    """Return the bytes of a source, decompressed. The caller closes it (standard input stays open)."""
    if name == STDIN:
        return cast("IO[bytes]", sys.stdin.buffer)
    with Path(name).open("rb") as file:
        begin = file.read(8)
    if name.endswith(".gz") or begin.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(name, "rb"))
    if name.endswith((".zst", ".zstd")) or begin.startswith(_ZSTD):
        return _open_zstd(name)
    if begin.startswith(_UTF_16) or (len(begin) == 8 and (begin[::2] == bytes(4)) != (begin[1::2] == bytes(4))):
        raise UserError(
            f"{name} is UTF-16, as PowerShell's `>` writes it; turn it into UTF-8: iconv -f UTF-16 -t UTF-8 {name} > utf8.log, or in "
            f"PowerShell: Get-Content {name} | Set-Content -Encoding utf8 utf8.log"
        )
    return Path(name).open("rb", buffering=0)


def _open_zstd(name: str) -> IO[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise UserError(f"{name} is compressed with zstd; pip install zstandard, or decompress it first") from error
    return cast("IO[bytes]", _Unpacked(Path(name).open("rb"), zstandard))


class _Unpacked(io.RawIOBase):
    """The content of a file of zstd frames. Unlike `zstandard.open` it tells a file that is cut off from one that is whole."""

    def __init__(self, file: IO[bytes], zstandard: Any) -> None:
        self._file = file
        self._new, self._error = zstandard.ZstdDecompressor, zstandard.ZstdError
        self._frame: Any = None
        self._packed, self._rest = b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        """Fill the room as far as the next piece goes. Raises EOFError if the file ends within a frame, ValueError if it is damaged."""
        while not self._rest and self._next():
            pass
        count = min(len(room), len(self._rest))
        room[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def _next(self) -> bool:
        self._packed = self._packed or self._file.read(_PACKED_BYTES)
        if not self._packed:
            if self._frame is not None:
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            return False
        self._frame = self._frame or self._new().decompressobj()
        try:
            self._rest = self._frame.decompress(self._packed)
        except self._error as error:
            raise ValueError(f"damaged zstd data: {error}") from error
        self._packed = self._frame.unused_data
        if self._frame.eof:
            self._frame = None
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def blocks(name: str, free: list[Text], size: int = BLOCK_BYTES) -> Iterator[Text]:
    """Yield the lines of a source in blocks of about `size` bytes, or the longest line.

    A block ends with a newline, but for the last one of a file whose last line has none; `\\r\\n` is given as `\\n`. Blocks come in
    buffers from `free`; put there again, a buffer is used again (fresh memory costs more than parsing).
    """
    file = open_bytes(name)
    try:
        yield from _blocks(file, free, min(size, _size_of(name)))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"cannot read {name}: {error}") from error
    finally:
        if name != STDIN:
            file.close()


def size_of(names: Iterable[str]) -> int | None:
    """Return the bytes of the files, as they are stored; None if standard input is one of them or a file is not there."""
    try:
        return sum(Path(name).stat().st_size for name in names) if STDIN not in names else None
    except OSError:
        return None


def _size_of(name: str) -> int:
    """Return room that takes all of a file that is not compressed."""
    if name == STDIN or name.endswith((".gz", ".zst", ".zstd")):
        return BLOCK_BYTES
    return max(1 << 16, Path(name).stat().st_size + 1)


def _blocks(file: IO[Any], free: list[Text], size: int) -> Iterator[Text]:
    rest, ended = b"", False
    while not ended:
        text = free.pop() if free else Text(size)
        if text.capacity <= len(rest):
            text = Text(min(2 * text.capacity, LONGEST_LINE))
        length, ended = _fill(file, text, rest)
        cut = length if ended else text.last_newline(length) or (length if length >= LONGEST_LINE else 0)
        rest = text.get(PAD + cut, PAD + length)
        if cut:
            text.fill(_without_returns(text, cut))
            yield text
        else:
            free.append(text)


def _fill(file: Any, text: Text, rest: bytes) -> tuple[int, bool]:
    """Write `rest` and as much of the file as there is room for: (bytes now there, whether the file has ended)."""
    text.room()[: len(rest)] = rest
    length = len(rest)
    while length < text.capacity:
        count = file.readinto(text.room(length))
        if not count:
            return length, True
        length += count
    return length, False


def _without_returns(text: Text, size: int) -> int:
    """Turn `\\r\\n` into `\\n` where the text's first line ends that way; the new size. Elsewhere a line with `\\r` goes the slow way."""
    first = text.find(b"\n", size)
    if first <= PAD or text.get(first - 1, first) != b"\r":
        return size
    data = text.get(PAD, PAD + size).replace(b"\r\n", b"\n")
    text.room()[: len(data)] = data
    return len(data)


def unpacked_zstd(data: bytes) -> bytes:
    """Return the content of zstd-compressed bytes. Raises ValueError if they are damaged."""
    import zstandard

    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged zstd data: {error}") from error
