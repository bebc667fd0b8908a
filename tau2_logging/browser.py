"""Opening a page in the user's browser."""

from __future__ import annotations

import os
import sys
import webbrowser


def open_page(address: str) -> bool:
    """Open an address in a browser with windows; returns whether there is one. A text browser would take over the terminal."""
    windows = sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    try:
        return windows and webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False
