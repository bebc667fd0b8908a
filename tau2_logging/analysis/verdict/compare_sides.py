"""All sides compared: pairs against a reference, or all against all, with as many claims as the family-wise level allows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tau2_logging.analysis.verdict.labels import differing_settings
from tau2_logging.analysis.verdict.pair_verdict import BETTER, WORSE, PairVerdict, pair_verdict
from tau2_logging.analysis.verdict.sides import ComparedRun
from tau2_logging.analysis.verdict.task_matching import domains_of
from tau2_logging.errors import UserError
from tau2_logging.soundness.audited_tasks import Audits, shipped_audits
from tau2_logging.statistics.multiplicity import holm


@dataclass(frozen=True)
class Comparison:
    """Sides in the order in which they were named, the settings in which they differ, and a verdict for each pair and domain."""

    sides: Sequence[ComparedRun]
    settings: Mapping[str, Sequence[str | None]]
    pairs: Sequence[PairVerdict]
    all_pairs: bool = False

    @property
    def domains(self) -> list[str]:
        """Domains of the pairs."""
        return list(dict.fromkeys(pair.domain for pair in self.pairs))

    def tiers(self, domain: str) -> list[list[str]]:
        """Return the labels of the sides in tiers: in one tier are the best of those left and all that are not told apart from it. Empty
        unless all pairs were compared."""
        if not self.all_pairs:
            return []
        left = sorted(self.sides, key=lambda side: -_rate(side, domain))
        tiers: list[list[str]] = []
        while left:
            best = left[0]
            tier = [side for side in left if side is best or not self._behind(side, best, domain)]
            tiers.append([side.label for side in tier])
            left = [side for side in left if side not in tier]
        return tiers

    def _behind(self, side: ComparedRun, best: ComparedRun, domain: str) -> bool:
        for pair in self.pairs:
            if pair.domain == domain and {pair.a.label, pair.b.label} == {side.label, best.label}:
                return pair.outcome == (WORSE if pair.b is side else BETTER)
        return False


def _rate(side: ComparedRun, domain: str) -> float:
    found = side.simulations.loc[side.simulations["domain"] == domain, "outcome"].mean()
    return float(found) if found == found else -1.0


def compare_sides(
    sides: Sequence[ComparedRun], reference: str | None = None, all_pairs: bool = False, audits: Audits | None = None
) -> Comparison:  # fmt: skip
    """Return the comparison: each side against the reference (its label; the first by default), or each against each. `audits` say which
    tasks are sound, by default the audit that is shipped. Raises UserError."""
    chosen = list(_chosen(sides, reference, all_pairs))
    places = [(a, b, domain) for a, b in chosen for domain in domains_of(a, b)]
    pairs = [pair_verdict(a, b, domain, len(places), audits or shipped_audits()) for a, b, domain in places]
    return Comparison(sides, differing_settings(sides), _adjusted(pairs), all_pairs)


def _chosen(sides: Sequence[ComparedRun], reference: str | None, all_pairs: bool) -> Iterator[tuple[ComparedRun, ComparedRun]]:
    if all_pairs:
        yield from itertools.combinations(sides, 2)
        return
    labels = [side.label for side in sides]
    if reference is not None and reference not in labels:
        raise UserError(f"--reference {reference!r} is none of the runs; they are called {', '.join(labels)}")
    first = sides[labels.index(reference) if reference is not None else 0]
    yield from ((first, side) for side in sides if side is not first)


def _adjusted(pairs: Sequence[PairVerdict]) -> list[PairVerdict]:
    """Return the pairs with p adjusted by Holm: of success over the pairs, of everything else over all rows that are shown."""
    success = holm([pair.success.p for pair in pairs])
    rows: list[dict[str, Any]] = [row for pair in pairs for row in (*pair.pass_k, *pair.measures)]
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_adjusted"] = p
    return [replace(pair, p_adjusted=p) for pair, p in zip(pairs, success, strict=True)]
