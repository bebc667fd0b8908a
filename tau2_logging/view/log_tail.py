"""Reads what has been appended to a log since the last look: nothing is read twice, and never more than a piece at a time."""

from __future__ import annotations

import os
from pathlib import Path

PIECE_BYTES = 4 << 20
"""Read at a time: about 15,000 events, a tenth of a second. A longer line is left out."""


class LogTail:
    """One log. `position` is how far it has been read, `size` how long it was at the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = self.size = 0
        self._identity: tuple[int, int] | None = None
        self._inside_long_line = False

    def replaced(self) -> bool:
        """Look at the file; return whether it is another one than before, or has lost what was read."""
        try:
            status = os.stat(self.path)
        except OSError:
            self.size = self.position
            return False
        identity, before = (status.st_dev, status.st_ino), self._identity
        self._identity, self.size = identity, status.st_size
        return before not in (None, identity) or self.size < self.position

    def lines(self) -> list[bytes]:
        """Return the next whole lines, at most a piece of them; none if there is nothing new. Raises OSError."""
        if self.size <= self.position:
            return []
        with self.path.open("rb") as file:
            file.seek(self.position)
            piece = file.read(PIECE_BYTES)
        end = piece.rfind(b"\n") + 1
        if not end and len(piece) == PIECE_BYTES:
            self.position += len(piece)
            self._inside_long_line = True
            return []
        self.position += end
        lines = piece[:end].split(b"\n")[:-1]
        rest_of_long_line, self._inside_long_line = self._inside_long_line and bool(lines), self._inside_long_line and not lines
        return lines[1:] if rest_of_long_line else lines

    @property
    def more(self) -> bool:
        """Whether there is a whole piece or more that has not been read."""
        return self.size - self.position >= PIECE_BYTES
