"""Settings of the interpreter that a run needs so that its threads disturb each other's measurements as little as can be."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TURN_S = 0.0005


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Keep what is there now out of garbage collections: walking the parsed databases stops every thread for half a second at a time.

    What is garbage by then and old is kept until the end. That is next to nothing (ten objects of 444,000), and to find it takes 0.2 s.
    A heap that the calling program has frozen itself is left as it is: what was frozen first could not be distinguished afterwards.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.collect(1)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def short_turns() -> Iterator[None]:
    """Let threads take turns of half a millisecond, a tenth of Python's own: a thread whose model has answered waits for a turn of each of
    the others before it can look at the clock."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
