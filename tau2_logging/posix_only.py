"""What needs Linux or macOS says so in one sentence, before anything is started."""

from __future__ import annotations

import os

from tau2_logging.errors import UserError


def require_posix(what: str, instead: str) -> None:
    """Raise UserError on Windows."""
    if os.name != "posix":
        raise UserError(f"{what} needs Linux or macOS; {instead}")
