"""Gates on a comparison: conditions that B must meet, for a pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.pair_verdict import LEVEL, PairVerdict
from tau2_logging.analysis.verdict.sentences import points
from tau2_logging.errors import UserError

MET, BROKEN, NOT_MEASURED = "met", "BROKEN", "not measured"


@dataclass(frozen=True)
class Gate:
    """A condition and whether it holds. What cannot be measured is not met."""

    gate: str
    b: str
    domain: str
    status: str
    detail: str

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.status == MET


@dataclass(frozen=True)
class Limits:
    """What is allowed: `worse` as a share of success, `costlier` and `slower` as a share of A's; None is no gate."""

    worse: float | None = None
    costlier: float | None = None
    slower: float | None = None


def parse_points(text: str, flag: str = "--fail-if-worse") -> float:
    """Return `5` (points) as 0.05. Raises UserError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:points?)?", text.strip())
    if match is None or float(match[1]) > 100:
        raise UserError(f"{flag} {text!r} is no number of points; write 5 for five points of success")
    return float(match[1]) / 100


def check(comparison: Comparison, limits: Limits) -> list[Gate]:
    """Return the gates of every pair."""
    return [gate for pair in comparison.pairs for gate in _of_pair(pair, limits)]


def _of_pair(pair: PairVerdict, limits: Limits) -> Iterable[Gate]:
    if limits.worse is not None:
        yield _worse(pair, limits.worse)
    for word, allowed, row in (("costlier", limits.costlier, pair.cost), ("slower", limits.slower, pair.wall)):
        if allowed is not None:
            yield _more(pair, word, allowed, row)


def _worse(pair: PairVerdict, allowed: float) -> Gate:
    """B may be worse by more than is allowed: by the interval's end, with simulations without a score at their worst end."""
    name = f"not more than {points(allowed)} points worse"
    if pair.least != pair.least:
        return Gate(name, pair.b.label, pair.domain, NOT_MEASURED, f"{pair.tasks} tasks are scored in both")
    status = BROKEN if pair.least < -allowed else MET
    at = "" if pair.least == pair.success.interval.low else ", simulations without a score counted"
    return Gate(name, pair.b.label, pair.domain, status, f"it may be {points(max(0.0, -pair.least))} points worse (95 %{at})")


def _more(pair: PairVerdict, word: str, allowed: float, row: dict[str, Any] | None) -> Gate:
    """More than is allowed on the mean, and chance alone does not explain a difference."""
    name = f"not more than {100 * allowed:g} % {word}"
    if row is None or row["ratio"] is None:
        return Gate(name, pair.b.label, pair.domain, NOT_MEASURED, "it is not known of enough tasks in both")
    broken = row["ratio"] > 1 + allowed and row["p_adjusted"] < LEVEL
    reach = "" if row["ratio_low"] is None else f", {row['ratio_low']:.2f} to {row['ratio_high']:.2f}"
    detail = f"{row['ratio']:.2f} times (95 %{reach}; p adjusted {row['p_adjusted']:.2g})"
    return Gate(name, pair.b.label, pair.domain, BROKEN if broken else MET, detail)
