"""The comparison on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tau2_logging.parity.comparison import EqualCounts, ParityComparison
from tau2_logging.parity.findings import ParityFinding
from tau2_logging.parity.side_process import SideResults
from tau2_logging.units import plural

_COLUMNS = ("databases", "outputs", "flags", "assertions", "rewards")
_TITLES = {
    "databases": "databases", "outputs": "outputs, byte for byte", "flags": "error flags", "assertions": "assertions", "rewards": "rewards",
}  # fmt: skip


def as_text(
    left: SideResults, right: SideResults, comparison: ParityComparison, found: Sequence[ParityFinding], accepted: frozenset[str]
) -> str:
    """Return a table of what was equal, the deliberate differences, then everything else."""
    parts = [f"left:  {_side(left)}\nright: {_side(right)}\n", _table(comparison), _coverage(comparison)]
    kinds = (
        ("Known and deliberate", [item for item in found if item.deliberate]),
        ("Accepted", [item for item in found if not item.deliberate and item.name in accepted]),
        ("Not deliberate", [item for item in found if not item.deliberate and item.name not in accepted]),
    )
    parts += [_section(title, items) for title, items in kinds if items]
    parts.append(f"{plural(len(kinds[2][1]), 'finding')} not deliberate." if kinds[2][1] else "No difference that is not deliberate.")
    return "\n".join(part for part in parts if part)


def as_data(left: SideResults, right: SideResults, comparison: ParityComparison, found: Sequence[ParityFinding]) -> dict[str, Any]:
    """Return everything a program needs: figures, findings, and every single difference."""
    return {
        "left": {key: left.about[key] for key in ("implementation", "version", "python")},
        "right": {key: right.about[key] for key in ("implementation", "version", "python")},
        "tallies": [
            {"domain": domain, "played": played, "perfect": tally.perfect, "n": dict(tally.n), "equal": dict(tally.equal)}
            for (domain, played), tally in comparison.tallies.items()
        ],
        "tools": [
            {"domain": domain, "requestor": requestor, "name": name, "calls": calls, "succeeded": succeeded}
            for (domain, requestor, name), (calls, succeeded) in sorted(comparison.tools.items())
        ],
        "findings": [asdict(item) for item in found],
        "differences": [
            {"kind": item.kind, "domain": item.case.domain, "task": item.case.task, "fuzz": item.case.fuzz, "slip": item.case.slip,
             "what": item.what, "left": item.left, "right": item.right}
            for item in comparison.differences
        ],
    }  # fmt: skip


def _side(answer: SideResults) -> str:
    return f"{answer.about['version']}, Python {answer.about['python']}"


def _table(comparison: ParityComparison) -> str:
    rows = [("domain", "played", "cases", *(_TITLES[name] for name in _COLUMNS))]
    total: dict[str, EqualCounts] = {}
    for (domain, played), tally in comparison.tallies.items():
        rows.append((domain, played, f"{tally.n['cases']}", *_cells(tally)))
        sums = total.setdefault(played, EqualCounts())
        sums.n.update(tally.n)
        sums.equal.update(tally.equal)
    if len(comparison.tallies) > len(total):
        rows += [("all", played, f"{tally.n['cases']}", *_cells(tally)) for played, tally in total.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows) + "\n"


def _cells(tally: EqualCounts) -> list[str]:
    return [f"{tally.equal[name]}/{tally.n[name]}" if tally.n[name] else "-" for name in _COLUMNS]


def _coverage(comparison: ParityComparison) -> str:
    if not any(played == "fuzz" for _, played in comparison.tallies):
        return ""
    called = len(comparison.tools)
    never = sorted(name for (_, _, name), (_, succeeded) in comparison.tools.items() if not succeeded)
    success = f"; never with success: {', '.join(never)}" if never else ", each at least once with success"
    return f"{called} tools were called{success}.\n"


def _section(title: str, found: Sequence[ParityFinding]) -> str:
    lines = [f"{title}:"]
    for item in found:
        lines.append(f"  {item.name} ({', '.join(filter(None, (item.domain, item.played)))}): {item.sentence}")
        lines += [f"      {example}" for example in item.examples if not item.deliberate]
    return "\n".join(lines) + "\n"
