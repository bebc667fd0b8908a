"""litellm keeps its HTTP clients for as long as the process lives, and leaves their sockets to the garbage collector."""

from __future__ import annotations

import pytest

LEFT_OPEN = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]
"""For a module's `pytestmark`."""
