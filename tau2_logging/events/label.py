"""A domain as the log names it: `retail`, or `retail@anger` where a run compares arms. Files of the log go by the plain domain."""

from __future__ import annotations

_MARK = "@"


def arm_label(domain: str, arm: str) -> str:
    """The name of a domain in an arm."""
    return f"{domain}{_MARK}{arm}"


def plain_domain(label: str) -> str:
    """tau2's name of the domain."""
    return label.partition(_MARK)[0]


def arm_of(label: str) -> str | None:
    """The arm, None where there is none."""
    return label.partition(_MARK)[2] or None
