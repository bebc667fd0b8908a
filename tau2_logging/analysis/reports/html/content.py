"""What report.html says: tiles, notes, tables by page, histograms, facts, and the run's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.comparison.floor import floor_sentences
from tau2_logging.analysis.measures.provenance import newer_format, only_failed_note, recorded_note
from tau2_logging.analysis.measures.run_time.time_budget import total_budget
from tau2_logging.analysis.measures.run_totals import Calls, Totals, totals_of
from tau2_logging.analysis.reports.html.finding_data import shown_in_page
from tau2_logging.analysis.reports.html.pages import PAGES, sections
from tau2_logging.analysis.reports.html.run_data import MOST_CALLS, MOST_SIMULATIONS, run_data
from tau2_logging.analysis.reports.html.voice_data import voice_data
from tau2_logging.analysis.reports.pictures.distributions import (
    bin_edges,
    binned,
    by_role,
    calls_with_roles,
    percentile_marks,
)
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors
from tau2_logging.analysis.reports.text.finding_lines import shown_findings
from tau2_logging.analysis.reports.text.names import heading
from tau2_logging.analysis.reports.text.sections.section import names
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.timeline import Timeline
from tau2_logging.events.roles import MODEL_ROLES, ROLE_NAMES
from tau2_logging.statistics.score import Score
from tau2_logging.units import UNKNOWN, duration, money, plural, short_count

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

_MEANINGS = (
    (
        "simulation",
        "One task, one trial. A simulation that was killed or failed and was run again has several attempts; the last one counts.",
    ),
    ("exclusive time", "At every moment of a simulation exactly one kind runs: the kinds add up to its duration."),
    ("percentile", "Linear interpolation between the two nearest values, as numpy's default."),
    ("first token (TTFT)", "From sending the request to the first content, reasoning or tool-call delta, as in vLLM's benchmark."),
    ("time per output token (TPOT)", "(duration - TTFT) / (output tokens - 1), as in vLLM's benchmark; of calls with at least two tokens."),
    ("queue", "Part of a call's duration spent waiting in the evaluating process: connection pool, rate limit."),
    ("evaluation", "tau2's evaluator replaying the trajectory, without its judges' model calls."),
    ("unknown cost", "The price of at least one call is not in the price table. Never counted as 0."),
    (
        "start of a resumed run",
        "The starts of a resumed run follow each other without the pause; a vertical line in the timeline marks the joint.",
    ),
)
_DEEP_MEANINGS = (
    (
        "execution, recall, reward",
        "Three outcomes: did the tool execute; were the reference actions made; was the task solved. They are never mixed.",
    ),
    (
        "95 % interval",
        "Wilson's, at the number of observations that the dependence within tasks leaves (Rao and Scott 1992), with Student's t.",
    ),
    ("n too small", "Fewer than 5 observations give no rate, fewer than 10 or fewer than 5 tasks no test."),
    ("p", "Two-sided, by a score test that allows any dependence within a task; p holm: adjusted by Holm for the tests of the table."),
    ("delta", "Cliff's delta from -1 to 1: how much more often the value is larger with the outcome than without."),
)


def report_data(log: RunLog, options: ReportOptions, most_calls: int = MOST_CALLS) -> dict[str, Any]:
    """Return everything the page shows, as JSON has it. Calls of some simulations are left out if there are more than `most_calls`."""
    timeline, totals = timeline_of(log), totals_of(log, options.prices)
    run = run_data(timeline, options.tasks, most_calls)
    calls = calls_with_roles(log)
    pages = sections(log, timeline, options)
    return {
        **run,
        "title": options.title or heading(log),
        "subtitle": _subtitle(log, totals),
        "left_out": f"The calls of this simulation are not in this file, which holds at most {most_calls:,} calls. "
        "Run the analysis with --tasks and this task's id to have them.",
        "notes": _notes(log, run, timeline),
        "findings": shown_in_page(shown_findings(log, options), timeline),
        "tiles": [*_simulation_tiles(timeline, totals), *_call_tiles(calls, totals), _cost_tile(totals)],
        "budgets": budgets(log, totals),
        "pages": pages,
        "names": {name: title for name, title in PAGES.items() if pages[name] and name not in ("latency", "about")},
        "histograms": _histograms(calls),
        "facts": _facts(log, options),
        "meanings": meanings(options),
        "experiment": None if options.experiment is None else dict(options.experiment),
        "sankey": [] if options.deep is None else options.deep.get_sankey(),
        "roles": ROLE_LABELS,
        "voice": voice_data(log, timeline),
        "colors": {theme: colors(theme) for theme in ("light", "dark")},
    }


def meanings(options: ReportOptions) -> list[list[str]]:
    """Return what the words mean, those of the deep analysis if there is one."""
    return [list(pair) for pair in (*_MEANINGS, *(_DEEP_MEANINGS if options.deep is not None else ()))]


def _subtitle(log: RunLog, totals: Totals) -> str:
    start = next(iter(log.run_start.values()), {})
    parts = [
        names(log.domains) if log.domains else "",
        *(f"{word} {start[name]}" for word, name in (("agent", "agent_llm"), ("user", "user_llm")) if _known(start.get(name))),
    ]
    return " · ".join([part for part in parts if part] + [totals.shown["wall time"]])


def _known(value: object) -> bool:
    return value is not None and value is not pd.NA and value == value


def _notes(log: RunLog, run: dict[str, Any], timeline: Timeline) -> list[list[Any]]:
    recorded = recorded_note(log)
    notes: list[list[Any]] = [[recorded, False]] if recorded else []
    notes += [[sentence, False] for sentence in floor_sentences(log.floor())]
    notes += [[note, True] for note in (*newer_format(log), *only_failed_note(log))] + [[note, False] for note in log.notes]
    if run["without_row"]:
        notes.append([f"{run['without_row']:,} simulations are not in this file: it holds the first {MOST_SIMULATIONS:,} by start.", False])
    if run["without_detail"]:
        text = (
            f"The calls and steps of {run['without_detail']:,} of {run['sims']['n']:,} simulations are not in this file, which holds at "
            f"most {run['most_calls']:,} calls; failed simulations and the slowest come first. All figures and tables count every call."
        )
        notes.append([text, False])
    if timeline.unread:
        text = f"The log is very large: the calls of {timeline.unread:,} short simulations that ended without an error are not drawn."
        notes.append([text, False])
    if log.rejected:
        notes.append([f"{log.rejected_count:,} lines or values of the log could not be read; they are listed under About.", True])
    others = [run_id for run_id in log.runs if run_id != log.run_id]
    if log.run_id and others:
        notes.append(
            [f"The log holds {plural(len(others), 'other run')}: {', '.join(others[-5:])}. This report is of {log.run_id}.", False]
        )
    if run["breaks"]:
        notes.append(["The run was started more than once; its starts follow each other without the pauses between them.", False])
    return notes


def _simulation_tiles(timeline: Timeline, totals: Totals) -> list[list[str | None]]:
    shown = totals.shown
    tiles: list[list[str | None]] = [
        ["simulations", f"{totals.simulations:,}", "none ended in an error" if set(totals.statuses) == {"ok"} else totals.endings],
        *(_reward_tile(arm, found) for arm, found in totals.outcomes.items()),
        ["wall time", shown["wall time"], _at_once(totals)],
    ]
    rows = timeline.rows[timeline.rows["counted"].astype(bool)]
    if len(rows) and not totals.arms:
        length = (rows["end_ms"] - rows["start_ms"]).to_numpy()
        tiles.append(["a simulation", duration(float(np.median(length))), f"median; slowest {duration(float(length.max()))}"])
    return tiles


def _reward_tile(arm: str, found: Score) -> list[str | None]:
    mean = "none" if found.mean is None else f"{found.mean:.3f}"
    return [f"mean reward, {arm}" if arm else "mean reward", mean, f"{found.headline}; {found.solved:,} solved"]


def _at_once(totals: Totals) -> str | None:
    if totals.at_once is None:
        return None
    starts = f"{totals.starts} starts, without the pauses" if (totals.starts or 0) > 1 else ""
    start_up = f"after {duration(totals.start_up_ms)} of start-up" if totals.start_up_ms else ""
    return "; ".join(filter(None, (starts, start_up, f"{totals.at_once:.1f} simulations at a time on average")))


def _call_tiles(calls: pd.DataFrame, totals: Totals) -> list[list[str | None]]:
    tiles = [_failed("model calls", totals.model_calls), _failed("tool calls", totals.tool_calls)]
    tokens = [numbers(calls, name) for name in ("input_tokens", "output_tokens")]
    if all(np.isnan(values).all() for values in tokens):
        return tiles
    into, out = (UNKNOWN if np.isnan(values).all() else short_count(float(np.nansum(values))) for values in tokens)
    return [*tiles, ["tokens", f"{into} in", f"{out} out"]]


def _failed(name: str, calls: Calls) -> list[str | None]:
    if calls.made is None:
        return [name, UNKNOWN, None]
    return [name, f"{calls.made:,}", f"{UNKNOWN if calls.failed is None else f'{calls.failed:,}'} failed"]


def _cost_tile(totals: Totals) -> list[str | None]:
    cost, shown = totals.costs, totals.shown["cost"]
    known = money(float(cost["known_usd"] or 0.0))
    if cost["total_usd"] is None:
        if not cost["known_usd"]:
            return ["cost", shown, "the calls' models have no known price"]
        return ["cost", shown, f"{cost['unknown_calls']:,} calls have no known price; the others {known}"]
    agent = cost["agent_usd"]
    return ["cost", shown, "" if agent is None else f"agent {money(float(agent))}; every attempt counts"]


def budgets(log: RunLog, totals: Totals) -> list[dict[str, Any]]:
    """Return the time budget of all simulations together, of each arm if there are several."""
    table = log.budget()
    parts = [(arm, table[table["domain"].astype(str) == arm]) for arm in totals.arms] or [("all simulations together", table)]
    return [{"name": name, **_budget(part)} for name, part in parts if len(part)]


def _budget(budget: pd.DataFrame) -> dict[str, Any]:
    """Return a time budget in the page's roles; what is not tracked is what lacks to the total."""
    totals = total_budget(budget)
    parts = {str(kind): float(ms) for kind, ms in zip(totals["kind"], totals["total_ms"], strict=True)}
    total = float(np.nansum(list(parts.values())))
    parts.pop("untracked", None)
    return {"parts": [[_ROLE_OF_KIND.get(kind, kind), round(ms, 3)] for kind, ms in parts.items() if ms == ms], "total": round(total, 3)}


_ROLE_OF_KIND = {**{f"{role}_service": role for role in MODEL_ROLES}, "retry_wait": "retry"}


_METRICS = (
    ("duration", "ms", "ms"), ("time to first token", "ttft_ms", "ms"), ("time per output token", "tpot_ms", "ms"),
    ("decoding", "decode_ms", "ms"), ("queue", "queue_ms", "ms"), ("input tokens", "input_tokens", "tokens"),
    ("output tokens", "output_tokens", "tokens"),
)  # fmt: skip


def _histograms(calls: pd.DataFrame) -> list[dict[str, Any]]:
    """For each metric that the log has, a histogram for each role."""
    found = []
    for name, field, unit in _METRICS:
        panels = [_histogram(role, values, unit) for role, values in by_role(calls, field, ROLE_NAMES if field == "ms" else MODEL_ROLES)]
        if panels:
            found.append({"name": name, "panels": panels})
    return found


def _histogram(role: str, values: Any, unit: str) -> dict[str, Any]:
    edges, log_axis = bin_edges(values, unit)
    marks = [[mark, float(f"{value:.6g}")] for mark, value in percentile_marks(values)]
    shown = [float(f"{edge:.6g}") for edge in edges]
    return {"role": role, "unit": unit, "edges": shown, "counts": binned(values, edges), "log": log_axis, "marks": marks, "n": len(values)}


def _facts(log: RunLog, options: ReportOptions) -> list[list[str]]:
    facts = [["files", ", ".join(log.files)], ["run", log.run_id or "all"]]
    start: dict[str, object] = next(iter(log.run_start.values()), {})
    skipped = {"file", "line", "level", "thread", "type", "task", "run", "domain", "span", "start_ms", "trial", "parent"}
    facts += [[name.replace("_", " "), str(value)] for name, value in start.items() if name not in skipped and _known(value)]
    for reading in log.readings:
        facts.append(
            [
                f"read {reading.file}",
                f"{reading.lines:,} lines, {reading.events:,} events, {reading.other:,} of other text, {reading.rejected:,} not readable",
            ]
        )
    return [*facts, ["made with", options.command]] if options.command else facts
