"""What may be said of a pair in one sentence, the same words everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.pair_verdict import BETTER, TOO_FEW, UNDECIDED, WORSE, PairVerdict
from tau2_logging.analysis.verdict.success import ALL_FAILED
from tau2_logging.statistics.mean_difference import LEAST_TASKS
from tau2_logging.units import significant


def points(share: float) -> str:
    """Return `4.1`, of a share of 0.041."""
    return f"{100 * share:.1f}".removesuffix(".0").replace("-0.0", "0")


def sentence_of(pair: PairVerdict, several: bool = False) -> str:
    """Return the verdict on a pair; `several`: say the domain, since there are others."""
    where = f"In {pair.domain}: " if several else ""
    if pair.tasks < LEAST_TASKS:
        return where + _too_few(pair)
    return " ".join([where + _said(pair), pair.sample]).strip()


def _said(pair: PairVerdict) -> str:
    if pair.outcome in (BETTER, WORSE):
        return _told(pair)
    return _hanging(pair) if pair.outcome_as_scored != UNDECIDED else _undecided(pair)


def headline(comparison: Comparison) -> str:
    """Return the sentence of the whole: the pair's; of several, the tiers if all pairs were compared, else who is better or worse."""
    if len(comparison.pairs) == 1:
        return sentence_of(comparison.pairs[0])
    if comparison.all_pairs and len(comparison.sides) > 2:
        return " ".join(_tiers(comparison))
    return " ".join(_against(comparison))


def _tiers(comparison: Comparison) -> Iterator[str]:
    for domain in comparison.domains:
        tiers = comparison.tiers(domain)
        where = f" in {domain}" if len(comparison.domains) > 1 else ""
        if len(tiers) > 1:
            listed = "; ".join(f"{at}. {', '.join(labels)}" for at, labels in enumerate(tiers, 1))
            yield f"Tiers{where}, best first: {listed}."
        elif tiers:
            yield f"No run is told apart from the best{where}: all {len(tiers[0])} are in one tier."


def _against(comparison: Comparison) -> Iterator[str]:
    """Yield a sentence for each domain: `Against A: B solves 4.1 points more (0.6 to 7.9); not told apart: C.`"""
    for domain in comparison.domains:
        pairs = [pair for pair in comparison.pairs if pair.domain == domain]
        where = f" in {domain}" if len(comparison.domains) > 1 else ""
        told = [f"{pair.b.label} solves {_size(pair)}" for pair in pairs if pair.outcome in (BETTER, WORSE)]
        rest = {words: [pair.b.label for pair in pairs if pair.outcome == outcome] for outcome, words in _REST.items()}
        told += [f"{words}: {', '.join(names)}" for words, names in rest.items() if names]
        yield f"Against {pairs[0].a.label}{where}: {'; '.join(told)}."


_REST = {UNDECIDED: "not told apart", TOO_FEW: "too few tasks"}


def _too_few(pair: PairVerdict) -> str:
    shared = len(pair.matching.both)
    if not shared:
        told = f", {len(pair.matching.told_differently)} have other texts" if pair.matching.told_differently else ""
        return f"No verdict: {pair.a.label} and {pair.b.label} have no task in common{told}."
    tasks = f"{pair.tasks} task{' is' if pair.tasks == 1 else 's are'} scored in both {pair.a.label} and {pair.b.label}"
    return f"No verdict: {tasks}, and {LEAST_TASKS} are needed."


def _told(pair: PairVerdict) -> str:
    up, down = pair.ups_and_downs
    moved = f"{up} task{'' if up == 1 else 's'} up, {down} down"
    return f"{pair.b.label} solves {_size(pair)} than {pair.a.label}, {moved}{_at_cost(pair)}{_noise(pair)}."


def _size(pair: PairVerdict) -> str:
    """Return `4.1 points more (0.6 to 7.9)`."""
    found = pair.success.interval
    low, high, word = (found.low, found.high, "more") if found.estimate >= 0 else (-found.high, -found.low, "fewer")
    return f"{points(abs(found.estimate))} points {word} ({points(low)} to {points(high)})"


def _at_cost(pair: PairVerdict) -> str:
    ratio = pair.cost["ratio"] if pair.cost else None
    if ratio is None:
        return ""
    text = significant(ratio, 2)
    return ", at the same cost" if text == "1" else f", at {text} times the cost"


def _noise(pair: PairVerdict) -> str:
    return "" if pair.noise.rerun is None else f"; the noise of one run is {points(pair.noise.rerun)} points"


def _undecided(pair: PairVerdict) -> str:
    found = pair.success.interval
    hidden = max(abs(found.low), abs(found.high))
    return (
        f"{pair.b.label} and {pair.a.label} are not told apart on {pair.tasks} tasks ({points(found.estimate)} points, {points(found.low)} "
        f"to {points(found.high)}{_p(pair)}): up to {points(hidden)} points could be hidden{_settling(pair, hidden)}."
    )


def _p(pair: PairVerdict) -> str:
    """Return p if the interval alone would say otherwise."""
    found = pair.success.interval
    return f", p {pair.p_adjusted:.2f}" if found.low > 0 or found.high < 0 else ""


def _settling(pair: PairVerdict, hidden: float) -> str:
    if pair.noise.settling is None:
        return ""
    target, trials = pair.noise.settling
    if target > hidden:
        return ""
    if trials is None:
        return f"; no number of trials on these tasks would show {points(target)}, more tasks might"
    return f"; {trials} trials would show {points(target)}"


def _hanging(pair: PairVerdict) -> str:
    """Return what the verdict hangs on: simulations without a score."""
    missing = sum(pair.unscored)
    sides = ", ".join(f"{number} of {side.label}" for number, side in zip(pair.unscored, (pair.a, pair.b), strict=True) if number)
    ends = "; ".join(f"if all of them {'failed' if end == ALL_FAILED else 'passed'}, {_at_end(pair, end)}" for end in pair.ends)
    number = f"{missing} simulation{'' if missing == 1 else 's'} without a score"
    return f"As scored, {pair.b.label} solves {_size(pair)} than {pair.a.label}, but that hangs on {number} ({sides}): {ends}."


def _at_end(pair: PairVerdict, end: str) -> str:
    found, outcome = pair.ends[end].interval, pair.outcome_at(end)
    said = {BETTER: "it is better", WORSE: "it is worse", UNDECIDED: "they are not told apart", TOO_FEW: "nothing can be said"}[outcome]
    return f"{said} ({points(found.low)} to {points(found.high)})"
