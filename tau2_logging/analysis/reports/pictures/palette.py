"""One color per role in every picture and page, light and dark, and how a role is called.

Any two colors of a theme differ by at least 30 (CIE76, in Lab) as seen with normal vision, protanopia and deuteranopia, and each
stands out from its background by a contrast of at least 3 to 1: `tests/unit/analysis_reports/test_palette.py` computes both.
"""

from __future__ import annotations

from tau2_logging.events.roles import ROLES

ROLE_LABELS = {
    **{role.name: role.label for role in ROLES},
    "queue": "queue",
    "retry": "retry wait",
    "waiting": "waiting",
    "setup": "setup",
    "other": "other",
}
"""Roles in the order in which they are drawn."""

BACKGROUND = {"light": "#ffffff", "dark": "#15181d"}

_LIGHT = {"blue": "#2689ef", "purple": "#5c1a8a", "orange": "#c5840c", "green": "#0fa973", "red": "#af1c25", "gray": "#78859f",
          "indigo": "#1608ff", "brown": "#2d0000"}  # fmt: skip
_DARK = {"blue": "#799ddb", "purple": "#7034ff", "orange": "#f4b23d", "green": "#33d78b", "red": "#b33a70", "gray": "#d0dfee",
         "indigo": "#5a5aca", "brown": "#ac4b16"}  # fmt: skip
LIGHT, DARK = ({role.name: theme[role.color] for role in ROLES} for theme in (_LIGHT, _DARK))
QUIET = {
    "light": {"queue": "#9a8fb8", "retry": "#b9bfc9", "waiting": "#f2a7a0", "setup": "#d4d8de", "other": "#e6e9ed"},
    "dark": {"queue": "#5b5178", "retry": "#565e6b", "waiting": "#8c3f3a", "setup": "#3c434d", "other": "#2b3038"},
}
"""What is no role's work: pauses, and time that belongs to nobody. Meant to stay in the background."""


def colors(theme: str) -> dict[str, str]:
    """Return the color of each role in the `light` or the `dark` theme."""
    return {**(DARK if theme == "dark" else LIGHT), **QUIET[theme]}
