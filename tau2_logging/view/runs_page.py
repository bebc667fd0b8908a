"""The page of all runs: the look of report.html, and a script that asks this server every two seconds."""

from __future__ import annotations

from pathlib import Path

from tau2_logging.analysis.reports.html.page import assembled, asset
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors

_ASSETS = Path(__file__).parent / "assets"


def runs_page() -> str:
    """Return the page; what it shows it asks for."""
    script = asset("dom") + (_ASSETS / "runs.js").read_text(encoding="utf-8")
    style = (_ASSETS / "runs.css").read_text(encoding="utf-8")
    data = {"title": "Runs", "roles": ROLE_LABELS, "colors": {theme: colors(theme) for theme in ("light", "dark")}}
    return assembled(data, script, more_style=style, asks_server=True)
