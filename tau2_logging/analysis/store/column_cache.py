"""Columns of logs that were read before, in the user's cache folder, by the content of the files: a second analysis reads no text.

An entry is a zip file: a table for each type of event, and what else reading gave, as JSON. Its name is made of what was read, byte for
byte, and of the code that read it. So a log that has changed, also one of the same size and time, and another version of this package find
no entry; a damaged entry is not used. Two processes may write at once, since an entry appears as a whole. Nothing here is needed: what
cannot be read or written is left.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import polars as pl

from tau2_logging.analysis.store.event_store import EventStore
from tau2_logging.analysis.store.file_counts import FileCounts, Rejected
from tau2_logging.version import __version__

VARIABLE = "TAU2_LOGGING_CACHE"
"""Names the folder; `off`: none."""

LEAST_BYTES = 20 << 20
"""Smaller logs are read in a moment."""

MOST_ENTRIES = 8
_CODE = ("*.py", "../reader/*.py", "../../events/*.py")
_PIECE = 8 << 20
_HEAD = "reading.json"
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, BadZipFile, pl.exceptions.PolarsError)


@dataclass(frozen=True)
class FilesRead:
    """What reading files gives."""

    store: EventStore
    counts: list[FileCounts]
    refused: list[Rejected]


class ColumnCache:
    """What was kept of some files, none if they are not `plain`: compressed, or standard input. `takers` take what is read of each, so that
    an entry is of the bytes that were parsed.
    """

    def __init__(self, files: Sequence[str], plain: bool) -> None:
        self._files = list(files)
        self._folder = _folder(files) if plain else None
        self._digests = [sha256() for _ in files]
        self.takers: list[Callable[[bytes], object] | None] = [digest.update if self._folder else None for digest in self._digests]

    def load(self) -> FilesRead | None:
        """Return what is kept of these files as they are now; None if there is nothing that can be trusted."""
        if self._folder is None:
            return None
        try:
            if not any(self._folder.glob(f"{self._sizes()}-*")):
                return None
            entry = self._folder / self._name([_digest_of(name) for name in self._files])
            found = self._read(entry)
            os.utime(entry)
        except _DAMAGE:
            return None
        return found

    def save(self, reading: FilesRead) -> None:
        """Keep a reading of all of the files, unless there is no room for it."""
        if self._folder is None:
            return
        with suppress(OSError, pl.exceptions.PolarsError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._folder / self._name([digest.hexdigest() for digest in self._digests]), reading)
            for old in sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-MOST_ENTRIES]:
                old.unlink()

    def _sizes(self) -> str:
        return "+".join(str(os.stat(name).st_size) for name in self._files[:5])

    def _name(self, digests: Sequence[str]) -> str:
        """Return the name of the entry. A file's name tells its domain, and whether it holds nothing but events."""
        names = [Path(name).name for name in self._files]
        return f"{self._sizes()}-{sha256(json.dumps([code_digest(), names, digests]).encode()).hexdigest()[:32]}"

    def _write(self, path: Path, reading: FilesRead) -> None:
        """Write an entry that appears as a whole, or not at all."""
        places = {name: place for place, name in enumerate(self._files)}
        head = {
            "columns": {type_: reading.store.columns([type_]) for type_ in reading.store.types()},
            "counts": [asdict(one) for one in reading.counts],
            "refused": [[places[one.file], one.line, one.reason, one.text] for one in reading.refused],
        }
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file, ZipFile(file, "w") as entry:
                entry.writestr(_HEAD, json.dumps(head))
                for number, (_, table) in enumerate(reading.store.tables()):
                    with entry.open(str(number), "w", force_zip64=True) as member:
                        table.write_ipc(member, compression="lz4")
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise

    def _read(self, path: Path) -> FilesRead:
        """Read an entry. A zip file has a checksum of each member."""
        store = EventStore()
        with ZipFile(path) as entry:
            head = json.loads(entry.read(_HEAD))
            for number, (type_, columns) in enumerate(head["columns"].items()):
                store.add(type_, pl.read_ipc(io.BytesIO(entry.read(str(number)))).select(columns))
        store.close()
        counts = [FileCounts(**{**one, "file": name}) for one, name in zip(head["counts"], self._files, strict=True)]
        return FilesRead(store, counts, [Rejected(self._files[place], *others) for place, *others in head["refused"]])


def _folder(files: Sequence[str]) -> Path | None:
    """Return where entries are; None if there are to be none of these files."""
    told = os.environ.get(VARIABLE, "")
    if told == "off" or sum(os.stat(name).st_size for name in files) < LEAST_BYTES:
        return None
    with suppress(RuntimeError):  # no home
        return Path(told) if told else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tau2-logging" / "columns"
    return None


def _digest_of(name: str) -> str:
    digest = sha256()
    with Path(name).open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return what tells one version of the code that makes columns from another."""
    digest = sha256(f"{__version__} {pl.__version__}".encode())
    for path in sorted(path for pattern in _CODE for path in Path(__file__).parent.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
