"""litellm keeps its HTTP clients for as long as the process lives, and leaves their sockets to the garbage collector."""

from __future__ import annotations

import sys
from typing import Any

import pytest

LEFT_OPEN = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]
"""For a module's `pytestmark`."""


def close_clients() -> None:
    """Close what litellm has kept, so that no later test hears of it. Clients that are closed by await belong to their own event loop."""
    litellm: Any = sys.modules.get("litellm")
    kept: dict[str, Any] = getattr(getattr(litellm, "in_memory_llm_clients_cache", None), "cache_dict", {})
    for name, client in list(kept.items()):
        if not type(client).__name__.startswith("Async"):
            client.close()
            kept.pop(name)
