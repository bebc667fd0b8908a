"""The comparison as Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

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
from tau2_logging.analysis.reports.text.markdown_table import escape, table_lines
from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.pair_verdict import PairVerdict
from tau2_logging.analysis.verdict.quality_gates import Gate
from tau2_logging.analysis.verdict.sentences import headline

METHOD = (
    "Paired by task. Intervals 95 %: Student's t over tasks, with the variance of at least two more tasks 0.7 of a step up and down; "
    "p: sign-flip test, adjusted by Holm."
)


def markdown(comparison: Comparison, gates: Sequence[Gate] = ()) -> str:
    """Return the block."""
    return "\n".join(_lines(comparison, gates)) + "\n"


def _lines(comparison: Comparison, gates: Sequence[Gate]) -> Iterator[str]:
    yield f"**{escape(headline(comparison))}**"
    yield ""
    for gate in gates:
        yield f"- {'✅' if gate.met else '❌'} {escape(f'{gate.b} {gate.gate}: {gate.detail}')}"
    for side in comparison.sides:
        yield f"- {letter(comparison, side)}: {escape(side_text(side))}"
    yield ""
    if len(comparison.pairs) == 1:
        yield from _pair(comparison.pairs[0])
    else:
        yield from _table(PAIR_HEAD, pair_rows(comparison))
        yield ""
        audited = ((pair.b.label, audited_text(pair, letters(comparison, pair))) for pair in comparison.pairs)
        yield from (f"- {escape(f'{label}: {text}')}" for label, text in audited if text)
    yield ""
    yield "<details><summary>Settings that differ, and how this was computed</summary>"
    yield ""
    yield from _table(("setting", *(side.label for side in comparison.sides)), setting_rows(comparison))
    yield ""
    yield METHOD
    yield ""
    yield "</details>"


def _pair(pair: PairVerdict) -> Iterator[str]:
    yield from _table((f"{pair.domain}, {pair.tasks} tasks", *SUCCESS_HEAD[1:]), success_rows(pair))
    yield ""
    if rows := measure_texts(pair):
        yield from _table(MEASURE_HEAD, rows)
        yield ""
    for text in filter(None, (audited_text(pair), flip_text(pair), noise_text(pair), *left_out(pair))):
        yield f"{escape(text)}"
        yield ""


def _table(head: Sequence[str], rows: Rows) -> Iterator[str]:
    """Yield a table; numbers to the right."""
    return table_lines(head, rows, [False] + [True] * (len(head) - 1))
