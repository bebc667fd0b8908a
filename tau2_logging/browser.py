"""Opening a page in the user's browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Iterable
from pathlib import Path


def open_page(address: str) -> bool:
    """Open an address in a browser with windows; returns whether there is one. A text browser would take over the terminal."""
    windows = sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    try:
        return windows and webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


def open_made(paths: Iterable[Path], name: str) -> None:
    """Open the page of this name among the files that were written; say it on standard error if there is none, or no browser."""
    page = next((path for path in paths if path.name == name), None)
    if page is None:
        print(f"note: --open: no {name} was made; add html to --format", file=sys.stderr)
    elif not open_page(page.resolve().as_uri()):
        print(f"note: no browser to open here; the report is {page}", file=sys.stderr)
