"""litellm keeps its HTTP clients for as long as the process lives, and leaves their sockets to the garbage collector."""

from __future__ import annotations

import gc
import sys
import warnings
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
