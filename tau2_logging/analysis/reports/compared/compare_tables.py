"""The rows of a comparison as text, for the terminal and for Markdown alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tau2_logging.analysis.measures.comparison.floor import floor_sentence
from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.labels import NOT_SAID, ORIGINS, cut, shown_value
from tau2_logging.analysis.verdict.pair_verdict import PairVerdict
from tau2_logging.analysis.verdict.paired_measures import MEASURES
from tau2_logging.analysis.verdict.sentences import points
from tau2_logging.analysis.verdict.sides import ComparedRun
from tau2_logging.analysis.verdict.success import ALL_FAILED
from tau2_logging.units import ABSENT, duration, is_unknown, money, number, plural, share

Rows = Sequence[Sequence[str]]
PAIR_HEAD = ("", "tasks", "success", "was", "difference, points", "p", "cost", "outcome")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SUCCESS_HEAD = ("", "A", "B", "B minus A, points", "p")
MEASURE_HEAD = ("mean of a task", "A", "B", "B to A", "p")
_MOST_FLIPS = 5


def p_text(p: float) -> str:
    """Return `0.012`, `<0.001`, a dash for none."""
    return ABSENT if is_unknown(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def signed(low: float, middle: float, high: float) -> str:
    """Return `+4.1 (0.6 to 7.9)` of shares."""
    text = f"{100 * middle:+.1f}"
    return text if is_unknown(low) else f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def success_rows(pair: PairVerdict) -> Rows:
    """Return success and pass^k of a pair, and its ends if simulations have no score."""
    found = pair.success.interval
    rates = [ABSENT if is_unknown(rate) else share(rate) for rate in pair.rates]
    change = ABSENT if is_unknown(found.estimate) else signed(found.low, found.estimate, found.high)
    rows = [("success", *rates, change, p_text(pair.p_adjusted))]
    for row in pair.pass_k:
        rows.append((f"pass^{row['k']}", share(row["value_a"]), share(row["value_b"]), signed(row["low"], row["difference"], row["high"]),
                     p_text(row["p_adjusted"])))  # fmt: skip
    for end, at in pair.ends.items():
        interval = at.interval
        words = "failed" if end == ALL_FAILED else "passed"
        rows.append((f"if unscored {words}", "", "", signed(interval.low, interval.estimate, interval.high), ""))
    return rows


def measure_texts(pair: PairVerdict) -> Rows:
    """Return everything else that both runs know."""
    units = {measure.name: measure for measure in MEASURES}
    rows = []
    for row in pair.measures:
        measure = units[row["measure"]]
        values = (value_text(row["value_a"], measure.unit), value_text(row["value_b"], measure.unit))
        rows.append((measure.title, *values, ratio_text(row), p_text(row["p_adjusted"])))
    return rows


def value_text(value: float, unit: str) -> str:
    """Return a mean with its unit."""
    return money(value) if unit == "usd" else duration(1000 * value) if unit == "s" else number(value)


def ratio_text(row: dict[str, Any]) -> str:
    """Return `1.31 x (1.10 to 1.52)`."""
    if row["ratio"] is None:
        return ABSENT
    reach = "" if row["ratio_low"] is None else f" ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
    return f"{row['ratio']:.2f} x{reach}"


def pair_rows(comparison: Comparison) -> Rows:
    """Return a row for each pair, for comparisons of several."""
    several = len(comparison.domains) > 1
    rows = []
    for pair in comparison.pairs:
        found = pair.success.interval
        name = f"{letter(comparison, pair.b)} vs {letter(comparison, pair.a)}" + (f", {pair.domain}" if several else "")
        rates = [ABSENT if is_unknown(rate) else share(rate) for rate in reversed(pair.rates)]
        change = ABSENT if is_unknown(found.estimate) else signed(found.low, found.estimate, found.high)
        ratio = pair.cost["ratio"] if pair.cost else None
        cost = ABSENT if ratio is None else f"{ratio:.2f} x"
        rows.append((name, str(pair.tasks), *rates, change, p_text(pair.p_adjusted), cost, pair.outcome.replace("_", " ")))
    return rows


def setting_rows(comparison: Comparison) -> Rows:
    """Return the settings that differ, with the value of each side."""
    return [
        (cut(name), *(_unsaid(name) if value is None else cut(shown_value(value, values), 200) for value in values))
        for name, values in comparison.settings.items()
    ]


def all_setting_rows(comparison: Comparison) -> list[list[str]]:
    """Return every setting that a side has, with the value of each side as the record has it."""
    names = dict.fromkeys(name for side in comparison.sides for name in side.settings)
    return [[name, *(side.settings.get(name, _unsaid(name)) for side in comparison.sides)] for name in names]


def _unsaid(name: str) -> str:
    """Return what a side without this setting shows: what only some runs have is absent, and not left out of the record."""
    return ABSENT if name in ("arm", *ORIGINS) else NOT_SAID


def letter(comparison: Comparison, side: ComparedRun) -> str:
    """Return the letter of a run: A for the first that was named."""
    return LETTERS[next(at for at, one in enumerate(comparison.sides) if one is side) % len(LETTERS)]


def letters(comparison: Comparison, pair: PairVerdict) -> tuple[str, str]:
    """Return the letters of the two runs of a pair."""
    return letter(comparison, pair.a), letter(comparison, pair.b)


def side_text(side: ComparedRun) -> str:
    """Return what a run holds and where it is from."""
    scored = f"{side.scored:,} of {len(side.simulations):,} simulations scored"
    failed = int(side.simulations["model_failure"].sum())
    ends = ", ".join(f"{number} {status}" for status, number in side.unscored.most_common(3))
    own = f" (not: {ends})" if ends else ""
    own += f", {failed} ended by the agent's own model (they count as failed)" if failed else ""
    return f"{side.label}: {scored}{own}; {side.source}"


def flip_text(pair: PairVerdict) -> str:
    """Return how many tasks flipped, and which most surely."""
    up, down = pair.ups_and_downs
    if not pair.flips:
        return "Flips: no task changed its share of solved trials."
    surest = [
        f"{row['task'][:24]} {row['solved_a']}/{row['scored_a']}→{row['solved_b']}/{row['scored_b']} ({100 * row['sure']:.0f} %)"
        for row in pair.flips[:_MOST_FLIPS]
    ]
    return f"Flips: {up} up, {down} down, the surest: {', '.join(surest)}."


def noise_text(pair: PairVerdict) -> str:
    """Return what chance does, and what this design can show."""
    noise = pair.noise
    if noise.detectable is None:
        return "Noise: unknown."
    least = f"this design finds differences from {points(noise.detectable)} points on (power 80 %)"
    if noise.rerun is None:
        return f"Noise: unknown, each task has one trial; {least} at worst."
    shares = [ABSENT if value is None else share(value) for value in noise.flipping]
    return (
        f"Noise: trials disagree in {shares[0]} of the tasks of A, {shares[1]} of B; a rerun of one trial moves the score by up to "
        f"{points(noise.rerun)} points; {least}."
    )


def audited_text(pair: PairVerdict, names: tuple[str, str] = ("A", "B")) -> str:
    """Return what an agent that does nothing earns on these tasks, and how the two differ on the sound ones; nothing if unknown. `names`:
    what the two are called."""
    known = pair.audited
    if known is None:
        return ""
    floor = floor_sentence(pair.domain, known.audited, known.tasks, known.idle, known.transfers)
    if known.success is None or known.rates is None:
        return floor
    found = known.success.interval
    return (
        f"{floor} On sound tasks ({known.sound}): {names[0]} {share(known.rates[0])}, {names[1]} {share(known.rates[1])}, "
        f"{signed(found.low, found.estimate, found.high)} points."
    )


def left_out(pair: PairVerdict) -> Iterator[str]:
    """Yield what is not in the comparison, counted and named."""
    matching = pair.matching
    for tasks, words in (
        (matching.only_a, f"only in {pair.a.label}"), (matching.only_b, f"only in {pair.b.label}"),
        (matching.told_differently, "whose text differs"),
    ):  # fmt: skip
        if tasks:
            listed = ", ".join(task for _, task in tasks[:5])
            more = f" and {len(tasks) - 5} more" if len(tasks) > 5 else ""
            yield f"Left out: {plural(len(tasks), 'task')} {words}: {listed}{more}."
    if without := len(matching.both) - pair.tasks:
        yield f"Left out: {plural(without, 'task')} without any score in one of the runs."
    unscored = [f"{plural(n, 'simulation')} of {side.label}" for n, side in zip(pair.unscored, (pair.a, pair.b), strict=True) if n]
    if unscored:
        yield f"Without a score: {', '.join(unscored)}."
