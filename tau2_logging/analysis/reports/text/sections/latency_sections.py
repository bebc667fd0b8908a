"""How long calls took, by type and by everything else; searches; speech."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.latency import METRIC_NOTES, SHARE_NOTE, shown_dimensions
from tau2_logging.analysis.measures.percentiles import equal_bins
from tau2_logging.analysis.measures.provenance import only_failed_note
from tau2_logging.analysis.reports.text.sections.section import Section, Show, mean, section, text
from tau2_logging.analysis.reports.text.sections.voice_columns import VOICE_TABLES
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.units import count, number, share
from tau2_logging.units import milliseconds as ms
from tau2_logging.units import money as usd

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

_LATENCY: dict[str, tuple[str, Show]] = {
    "n": ("n", count), "untimed": ("untimed", count), "errors": ("errors", count), "mean_ms": ("mean ms", mean),
    "std_ms": ("std", ms), "min_ms": ("min", ms),
    "p50_ms": ("p50", ms), "p90_ms": ("p90", ms), "p95_ms": ("p95", ms), "p99_ms": ("p99", ms), "max_ms": ("max", ms),
    "total_ms": ("total", ms), "share": ("share", share),
}  # fmt: skip
_TOKENS: dict[str, tuple[str, Show]] = {
    "p50_ttft_ms": ("TTFT p50", ms), "p95_ttft_ms": ("TTFT p95", ms), "p50_tpot_ms": ("TPOT p50", ms), "mean_itl_ms": ("ITL mean", ms),
    "output_tokens_per_s": ("out tok/s", number), "timed": ("timed", count),
}  # fmt: skip
_SEARCHES: dict[str, tuple[str, Show]] = {
    "function": ("function", text), "calls": ("calls", count), "errors": ("errors", count), "untold": ("untold", count),
    "nothing_found": ("found nothing", count), "mean_documents": ("documents", number), "with_required": ("found a required one", count),
    "mean_ms": ("mean ms", mean), "p95_ms": ("p95", ms), "embedding_calls": ("embeddings", count), "embedding_tokens": ("tokens", count),
    "embedding_cost_usd": ("USD", usd),
}  # fmt: skip
SEARCHES_NOTE = (
    "Tools that search documents. Documents: how many a call returned, on average; untold: answers that do not name theirs, as a shell's. "
    "Times are whole, with embedding models and rerankers; embeddings, tokens and USD are theirs."
)


def latency_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """By type, then by everything else, then the bins."""
    note = " ".join([*only_failed_note(log), SHARE_NOTE + METRIC_NOTES])
    first: dict[str, tuple[str, Show]] = {"type": ("type", text)}
    yield section("Latency by type", log.latency(), {**first, **_LATENCY}, note, key=True)
    yield section("Searches of documents", log.searches(), _SEARCHES, SEARCHES_NOTE, key=True)
    yield section("Tokens over time", _with_tokens(log.latency("model")), {**first, "model": ("model", text), **_TOKENS}, key=True)
    for name in shown_dimensions(log):
        table = log.latency(name)
        if len(table):
            yield section(f"Latency by {name}", table, {**first, name: (name, text), **_LATENCY}, top=30)
    if options.bins:
        yield from _bins(log, options.bins)


def _with_tokens(table: pd.DataFrame) -> pd.DataFrame:
    return table[table[[name for name in _TOKENS if name != "timed"]].notna().any(axis=1)]


def _bins(log: RunLog, bins: int) -> Iterator[Section]:
    for type_ in log.latency()["type"]:
        table = log.select(["duration_ms", "total_duration_ms"], types=[type_])
        values = as_floats(table["duration_ms"].fillna(table["total_duration_ms"]))
        found = equal_bins(values, bins)
        whole = sum(amount for _, _, amount in found)
        widest = max((amount for _, _, amount in found), default=1)
        rows = [[ms(low), ms(high), count(n), share(n / whole), "#" * math.ceil(40 * n / widest)] for low, high, n in found]
        yield Section(
            f"Distribution of {type_}", ["from ms", "to ms", "n", "share", ""], rows, frozenset(("from ms", "to ms", "n", "share"))
        )


_KINDS: dict[str, Show] = {"text": text, "count": count, "ms": ms, "share": share, "usd": usd, "number": number}


def voice_sections(log: RunLog) -> Iterator[Section]:
    """Yield what is known of speech in voice simulations; each title says whether it is audio time or wall time."""
    for title, method, columns, note in VOICE_TABLES:
        shows = {name: (heading, _KINDS[kind]) for name, (heading, kind) in columns.items()}
        yield section(title, getattr(log, method)(), shows, note, key=True)
