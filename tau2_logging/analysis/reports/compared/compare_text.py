"""The comparison on a terminal of 80 columns: the sentence, then what it rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from tau2_logging.analysis.reports.compared.compare_tables import (
    MEASURE_HEAD,
    PAIR_HEAD,
    SUCCESS_HEAD,
    Rows,
    audited_text,
    flip_text,
    left_out,
    letter,
    letters,
    measure_texts,
    noise_text,
    pair_rows,
    setting_rows,
    side_text,
    success_rows,
)
from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.labels import cut
from tau2_logging.analysis.verdict.pair_verdict import PairVerdict
from tau2_logging.analysis.verdict.quality_gates import Gate
from tau2_logging.analysis.verdict.sentences import headline

WIDTH = 80


def text_lines(comparison: Comparison, gates: Sequence[Gate] = ()) -> Iterator[str]:
    """Yield the lines."""
    yield from _wrapped(headline(comparison), "")
    yield ""
    for side in comparison.sides:
        yield from _wrapped(side_text(side), f"{letter(comparison, side)} ")
    yield from _settings(comparison)
    if len(comparison.pairs) == 1 and not comparison.pairs[0].tasks:
        yield from (line for text in left_out(comparison.pairs[0]) for line in _wrapped(text, ""))
    elif len(comparison.pairs) == 1:
        yield from _details(comparison.pairs[0])
    else:
        yield ""
        yield from aligned([PAIR_HEAD, *pair_rows(comparison)])
        for pair in comparison.pairs:
            for line in filter(None, (audited_text(pair, letters(comparison, pair)), *left_out(pair))):
                yield from _wrapped(f"{pair.b.label}: {line}", "")
    for gate in gates:
        yield from _wrapped(f"{gate.status}: {gate.b} {gate.gate}: {gate.detail}", "")


def _settings(comparison: Comparison) -> Iterator[str]:
    rows = setting_rows(comparison)
    if not rows:
        yield "No setting differs: whatever differs is chance, or was not recorded."
        return
    width = max(12, (WIDTH - 18) // len(comparison.sides) - 2)
    names = [letter(comparison, side) for side in comparison.sides]
    shown = [(name, *(cut(value, width) for value in values)) for name, *values in rows]
    yield from aligned([("differs", *names), *shown], left=len(names) + 1)


def _details(pair: PairVerdict) -> Iterator[str]:
    yield ""
    yield from aligned([(f"{pair.domain}, {pair.tasks} tasks", *SUCCESS_HEAD[1:]), *success_rows(pair)])
    if rows := measure_texts(pair):
        yield from aligned([MEASURE_HEAD, *rows])
    for text in filter(None, (audited_text(pair), flip_text(pair), noise_text(pair), *left_out(pair))):
        yield from _wrapped(text, "")


def aligned(rows: Rows, left: int = 1) -> Iterator[str]:
    """Yield rows in columns, the first `left` of them to the left, cut to the terminal."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    spare = WIDTH - 2 * (len(widths) - 1) - sum(widths[1:])
    widths[0] = max(8, min(widths[0], spare))
    for row in rows:
        cells = [cut(row[0], widths[0]), *row[1:]]
        padded = (cell.ljust(width) if at < left else cell.rjust(width) for at, (cell, width) in enumerate(zip(cells, widths, strict=True)))
        yield "  ".join(padded).rstrip()


def _wrapped(text: str, begin: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent=begin, subsequent_indent=" " * max(2, len(begin)), break_on_hyphens=False) or [""]
