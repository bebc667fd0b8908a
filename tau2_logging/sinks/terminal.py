"""What a run prints to. A run of hours does not depend on its terminal: a pipe whose reader has gone, a full disk, a lost connection."""

from __future__ import annotations

from typing import TextIO


class Terminal:
    """A stream that never raises. Once the stream below refuses something, nothing more is printed and `lost` says why."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.lost: str | None = "there is no standard output" if stream is None else None

    @property
    def encoding(self) -> str:
        """As the stream's, for what is printed to choose its characters by."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Return whether somebody may be looking."""
        try:
            return self._stream is not None and self.lost is None and self._stream.isatty()
        except ValueError:  # closed
            return False

    def fileno(self) -> int:
        """Return the stream's descriptor. Raises OSError if it has none."""
        if self._stream is None:
            raise OSError("no stream")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Print, as far as it can be printed."""
        if self._stream is not None and self.lost is None:
            try:
                self._stream.write(self._printable(text))
            except (OSError, ValueError) as error:
                self.lost = str(error)
        return len(text)

    def flush(self) -> None:
        """Have it shown."""
        if self._stream is not None and self.lost is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.lost = str(error)

    def _printable(self, text: str) -> str:
        return text.encode(self.encoding, "replace").decode(self.encoding)
