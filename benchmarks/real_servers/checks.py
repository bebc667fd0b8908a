"""One comparison of what the product says with what is so, and the list of them that a benchmark makes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Check:
    """`seen` beside what was `expected`."""

    part: str
    what: str
    expected: str
    seen: str
    holds: bool


@dataclass
class Checks:
    """What one part has found so far; each is printed as it is made."""

    part: str
    made: list[Check] = field(default_factory=list)

    def equal(self, what: str, seen: Any, expected: Any) -> None:
        """They must be the same."""
        self._add(what, expected, seen, seen == expected)

    def near(self, what: str, seen: float | None, expected: float, share: float, slack: float = 0.0) -> None:
        """They may differ by a share of what is expected, or by `slack` if that is more."""
        holds = seen is not None and abs(seen - expected) <= max(share * abs(expected), slack)
        self._add(what, f"{expected:,.1f}", f"{'unknown' if seen is None else f'{seen:,.1f}'}, beside {expected:,.1f}", holds)

    def true(self, what: str, holds: bool, seen: Any = "") -> None:
        """Something that must be so, with what was seen."""
        self._add(what, "yes", seen or ("yes" if holds else "no"), holds)

    def note(self, what: str, seen: str) -> None:
        """Something that cannot be checked here, and why."""
        print(f"  --   {what}: {seen}", flush=True)

    def _add(self, what: str, expected: Any, seen: Any, holds: bool) -> None:
        check = Check(self.part, what, str(expected), str(seen), holds)
        self.made.append(check)
        print(f"  {'ok  ' if holds else 'FAIL'} {what}: {check.seen}" + ("" if holds else f" (expected {check.expected})"), flush=True)


def as_json(checks: list[Check]) -> list[dict[str, Any]]:
    """For a file of figures."""
    return [asdict(check) for check in checks]
