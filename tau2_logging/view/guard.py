"""Who may ask, and write a label, and what every answer says: only pages of this server in a browser on this machine.

A page of another site can make a browser send requests to this machine, and can have a name of its own point here (DNS rebinding). The
first is seen by `Sec-Fetch-Site`, the second by `Host`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer. The pages say in a policy of their own what they may load."""
_METHODS = frozenset(("GET", "HEAD"))
LABEL_PATH = "/api/label"
"""The one path that changes anything: a POST of a page of this server."""
_OURS = frozenset(("same-origin", "none"))
"""`none`: typed, or opened from a bookmark."""


def refusal(method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Return status and reason for a request that is not answered; None if it may be."""
    writes = (method, path) == ("POST", LABEL_PATH)
    if method not in _METHODS and not writes:
        return 405, "only GET and HEAD"
    if not _is_loopback(headers.get("Host", "")):
        return 403, "this server answers to 127.0.0.1 and localhost only"
    if writes:
        return _refused_write(headers)
    if path != "/" and headers.get("Sec-Fetch-Site", "none") not in _OURS:
        return 403, "another site asked for this page; open it from the list of runs"
    return None


def _refused_write(headers: Mapping[str, str]) -> tuple[int, str] | None:
    """A form of another site can send a POST, but neither JSON nor these headers."""
    origin = headers.get("Origin")
    own = headers.get("Sec-Fetch-Site") == "same-origin" and origin in (None, f"http://{headers.get('Host')}")
    if not own:
        return 403, "only a page of this server may write labels"
    if headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        return 415, "give application/json"
    return None


def _is_loopback(host: str) -> bool:
    """Return whether a Host header names this machine; the port may be that of a tunnel."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname in LOOPBACK and parts.username is None and not parts.path and (parts.port or 1) > 0
    except ValueError:
        return False
