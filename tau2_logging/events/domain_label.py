"""A domain as the log names it: `retail`, or `retail@anger` if a run compares arms. Files of the log go by the plain domain."""

from __future__ import annotations

_MARK = "@"


def arm_label(domain: str, arm: str) -> str:
    """Return the name of a domain in an arm."""
    return f"{domain}{_MARK}{arm}"


def plain_domain(label: str) -> str:
    """Return tau2's name of the domain."""
    return label.partition(_MARK)[0]


def arm_of(label: str) -> str | None:
    """Return the arm, None if there is none."""
    return label.partition(_MARK)[2] or None
