"""Copying a server's output to its log: what is masked, what is not waited for."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence

import pytest

from tau2_logging.models.servers import masked_log
from tests.support.tokens import opaque, token


def copied(parts: Sequence[bytes], secrets: Sequence[str] = ()) -> bytes:
    """What a log holds of output that comes in parts."""
    source, servers_end = os.pipe()
    with tempfile.TemporaryFile(buffering=0) as log:
        thread = threading.Thread(target=masked_log.copy_masked, args=(source, log.fileno(), secrets))
        thread.start()
        for part in parts:
            os.write(servers_end, part)
        os.close(servers_end)
        thread.join()
        os.close(source)
        log.seek(0)
        return log.read()


def test_a_credential_in_two_parts_is_seen_whole() -> None:
    """A known one, and one of a known form."""
    known, formed = opaque(1), token("openai")
    parts = [b"a ", known[:7].encode(), known[7:].encode(), b" b\nc ", formed[:7].encode(), formed[7:].encode() + b" d"]
    assert copied(parts, [known]) == b"a *** b\nc *** d"


def test_bytes_that_are_no_text_and_lines_that_never_end_are_copied() -> None:
    """Progress bars with carriage returns alone, a line longer than what is kept, and what is not UTF-8."""
    parts = [b"\xff\xfe 10%\r", b"word " * 6000, b"word " * 6000, b"word " * 6000, b"\r\n"]
    assert copied(parts) == b"".join(parts)


def test_what_cannot_be_masked_is_left_out_and_the_rest_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says how much of it is missing."""

    def fails(text: str) -> str:
        if "odd" in text:
            raise RecursionError
        return text

    monkeypatch.setattr(masked_log, "mask_text", fails)
    text = copied([b"odd one\n"]) + copied([b"even\n"])
    assert text == b"(8 bytes are left out: they cannot be masked, RecursionError)\neven\n"
