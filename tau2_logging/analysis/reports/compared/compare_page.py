"""compare.html: one file that needs no network, in the look of report.html, with flipped tasks to be read side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.analysis.conversations.conversation import Key
from tau2_logging.analysis.conversations.read_conversations import ConversationReader
from tau2_logging.analysis.reports.compared.compare_json import as_json
from tau2_logging.analysis.reports.compared.compare_markdown import METHOD
from tau2_logging.analysis.reports.compared.compare_tables import (
    all_setting_rows,
    audited_text,
    left_out,
    measure_texts,
    noise_text,
    setting_rows,
    side_text,
    success_rows,
)
from tau2_logging.analysis.reports.compared.side_points import points_of
from tau2_logging.analysis.reports.html.conversation_blocks import Blocks
from tau2_logging.analysis.reports.html.page import assembled, asset
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors
from tau2_logging.analysis.reports.text.plain import plain
from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.pair_verdict import PairVerdict
from tau2_logging.analysis.verdict.quality_gates import Gate
from tau2_logging.analysis.verdict.sides import ComparedRun
from tau2_logging.errors import Tau2LoggingError

MOST_FLIPS = 40
"""Flipped tasks of a pair whose conversations are in the page, the surest first."""

_ASSETS = Path(__file__).parent / "assets"


Place = tuple[ComparedRun, int, Key]
"""A simulation: its run, which of the run's logs, and its key there. Runs of one name may be compared."""


def page_text(comparison: Comparison, gates: Sequence[Gate] = (), content: bool = True) -> str:
    """Return the page. `content`: with conversations."""
    data = page_data(comparison, gates)
    chosen = [list(_chosen(pair)) for pair in comparison.pairs] if content else []
    blocks, note = Blocks(), ""
    try:
        places = _added([one for pair in chosen for flip in pair for one in flip], blocks)
    except (Tau2LoggingError, OSError, ValueError) as error:
        places, note = {}, f"Conversations could not be read: {error}"
    blocks.close()
    for pair, flips in zip(data["pairs"], chosen, strict=False):
        for row, shown in zip(pair["flips"], flips, strict=False):
            row["at"] = [places.get((id(side.logs[log][0]), key)) for side, log, key in shown]
    data |= {"note": note, "colors": {theme: colors(theme) for theme in ("light", "dark")}, "roles": ROLE_LABELS}
    script = "".join(f"\n{asset(name)}" for name in ("dom", "reader"))
    script += f"\n{(_ASSETS / 'compare.js').read_text(encoding='utf-8')}"
    return assembled(data, script, blocks.packed, (_ASSETS / "compare.css").read_text(encoding="utf-8"))


def page_data(comparison: Comparison, gates: Sequence[Gate]) -> dict[str, Any]:
    """Return what the page shows besides conversations, in JSON's own types."""
    found = as_json(comparison, gates)
    domains = [domain for domain in comparison.domains if domain in set(comparison.sides[0].simulations["domain"])]
    pairs = [_pair(pair, row) for pair, row in zip(comparison.pairs, found["pairs"], strict=True)]
    data: dict[str, Any] = plain({
        **found, "title": "Comparison", "pairs": pairs, "setting_rows": [list(row) for row in setting_rows(comparison)],
        "all_setting_rows": all_setting_rows(comparison),
        "said_of_runs": [side_text(side) for side in comparison.sides], "method": METHOD,
        "floors": {pair.domain: pair.audited.floor for pair in comparison.pairs if pair.audited is not None},
        "points": {domain: points_of(comparison, domain) for domain in domains},
    })  # fmt: skip
    return data


def _pair(pair: PairVerdict, row: dict[str, Any]) -> dict[str, Any]:
    slopes: dict[tuple[float, float], list[str]] = {}
    for task, one, other in pair.per_task:
        slopes.setdefault((one, other), []).append(task)
    bounds = [{"end": end, "difference": at.interval.estimate, "low": at.interval.low, "high": at.interval.high}
              for end, at in pair.ends.items()]  # fmt: skip
    return {
        **row, "slopes": [[one, other, tasks] for (one, other), tasks in slopes.items()], "bounds": bounds, "noise": noise_text(pair),
        "left_out": list(left_out(pair)), "audited": audited_text(pair),
        "audited_by_name": audited_text(pair, (pair.a.label, pair.b.label)), "success_rows": [list(cells) for cells in success_rows(pair)],
        "measure_rows": [list(cells) for cells in measure_texts(pair)], "flips": [dict(flip) for flip in pair.flips],
    }  # fmt: skip


def _chosen(pair: PairVerdict) -> Iterator[tuple[Place, Place]]:
    """Yield for each flipped task the two simulations that show it: one that the better run solved, one that the other did not."""
    for flip in pair.flips[:MOST_FLIPS]:
        first, second = (0.0, 1.0) if flip["difference"] > 0 else (1.0, 0.0)
        yield _of_task(pair.a, flip["task"], pair.domain, first), _of_task(pair.b, flip["task"], pair.domain, second)


def _of_task(side: ComparedRun, task: str, domain: str, outcome: float) -> Place:
    rows = side.simulations[(side.simulations["task"] == task) & (side.simulations["domain"] == domain)]
    fitting = rows[rows["outcome"] == outcome]
    first = (fitting if len(fitting) else rows).iloc[0]
    return side, int(first["log"]), first["key"]


def _added(wanted: Sequence[Place], blocks: Blocks) -> dict[tuple[int, Key], tuple[int, int]]:
    """Return where the conversations of these simulations are, by log and key, now that they are in the blocks."""
    logs, keys = {}, defaultdict[int, set[Key]](set)
    for side, number, key in wanted:
        log = side.logs[number][0]
        logs[id(log)] = log
        keys[id(log)].add(key)
    found = ((name, one) for name, log in logs.items() for one in ConversationReader(log).conversations(keys[name]))
    return {(name, one.key): blocks.add(one) for name, one in found}
