"""The tables that findings rest on: the page of report.html that each is on, and its title there."""

from __future__ import annotations

from collections.abc import Mapping

SIMULATIONS_PAGE = "tasks"
TABLES: Mapping[str, tuple[str, str]] = {
    "tasks": (SIMULATIONS_PAGE, "Simulations"),
    "errors": ("trouble", "Errors"),
    "cause_counts": ("failures", "Why simulations failed"),
    "waiting_at_servers": ("time", "Waiting at the server"),
    "model_servers": ("time", "Model servers"),
}
"""Key of a table -> (page, title). A table that the run does not have is on no page."""
