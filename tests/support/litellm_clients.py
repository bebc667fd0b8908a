"""litellm keeps its HTTP clients for as long as the process lives, and leaves their sockets to the garbage collector."""

from __future__ import annotations

import gc

import pytest


def let_go() -> None:
    """Have litellm forget its clients, and their sockets collected now, in the test that opened them, where LEFT_OPEN is in force."""
    import litellm

    litellm.in_memory_llm_clients_cache.flush_cache()
    gc.collect()


LEFT_OPEN = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]
"""For a module's `pytestmark`."""
