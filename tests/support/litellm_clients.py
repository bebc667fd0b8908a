"""litellm keeps its HTTP clients for as long as the process lives, and leaves their sockets to the garbage collector."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

LEFT_OPEN = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]
"""For a module's `pytestmark`."""


def close_clients() -> None:
    """Close what litellm has kept, so that no later test hears of it. A client that is closed by await belongs to an event loop that may be
    gone: it is left to the garbage collector here and now."""
    litellm: Any = sys.modules.get("litellm")
    kept: dict[str, Any] = getattr(getattr(litellm, "in_memory_llm_clients_cache", None), "cache_dict", {})
    if not kept:
        return
    for client in list(kept.values()):
        if not type(client).__name__.startswith("Async"):
            client.close()
    kept.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def collect_clients() -> None:
    """The same at once, with what the garbage collector has to close: for a module's fixture, in whose tests LEFT_OPEN is in force."""
    close_clients()
    gc.collect()


@contextmanager
def no_collection() -> Iterator[None]:
    """Within it the garbage collector does not run: for requests after a stream was read through litellm.

    Of `hosted_vllm` litellm leaves the stream's generator in a cycle, not quite read. Whenever that is collected, it closes its connection
    under the lock of httpcore's pool; in the middle of a request, which holds the lock, the thread then waits for itself for ever.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
