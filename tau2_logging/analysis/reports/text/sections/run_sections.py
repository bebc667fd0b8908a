"""The run in a few lines, its arms, what an idle agent earns, and lines that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.comparison.arms import arms_table
from tau2_logging.analysis.measures.provenance import newer_format, only_failed_note, recorded_note
from tau2_logging.analysis.measures.run_time import makespan
from tau2_logging.analysis.measures.run_totals import Totals, totals_of
from tau2_logging.analysis.reports.text.sections.gate_sections import gates
from tau2_logging.analysis.reports.text.sections.section import Section, Show, names, section, text
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.statistics.score import Score
from tau2_logging.units import count, duration, number, plural, share
from tau2_logging.units import money as usd

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog


def run_sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield the run in a few lines, its arms, the floor of its tasks, and the gates."""
    yield overview(log, options)
    yield section("Arms", arms_table(log, options.prices), _ARM, ARMS_NOTE, key=True)
    yield section("Floor, and sound tasks", log.floor(), _FLOOR, FLOOR_NOTE, key=True)
    yield from gates(options)


def overview(log: RunLog, options: ReportOptions) -> Section:
    """Return the run in a few lines."""
    totals, idle = totals_of(log, options.prices), makespan.idle_tail(log)
    costs, shown = totals.costs, totals.shown
    rows = [
        ["run", log.run_id or ("all runs" if log.runs else "not named in the log")],
        ["domains", names(log.domains)],
        *outcome(log, totals),
        ["wall time", shown["wall time"] + _pool(idle)],
        *_start_up(idle),
        ["errors", shown["errors"]],
        ["cost", f"{shown['cost']} (agent {usd(costs['agent_usd'])}, benchmark {usd(costs['benchmark_usd'])})"],
        *([] if totals.arms else [["cost per solved simulation", usd(costs["per_solved_usd"])]]),
        ["lines", _lines(log)],
    ]
    others = [run for run in log.runs if run != log.run_id] if log.run_id else []
    held = f"The files hold {plural(len(others), 'other run')}: {', '.join(others[:5])}; choose one with --run ID, or --run all."
    note = held if others else ""
    return Section(
        "Run",
        ["", ""],
        rows,
        note=" ".join(filter(None, (recorded_note(log), *newer_format(log), *only_failed_note(log), *_sentences(log.notes), note))),
        key=True,
    )


ARMS_NOTE = "Times and tool calls are those of each simulation's last attempt; costs are those of all attempts."
_ARM: dict[str, tuple[str, Show]] = {
    "domain": ("arm", text), "simulations": ("simulations", count), "mean_reward": ("mean reward", number), "scored": ("scored", count),
    "solved": ("solved", count), "median_ms": ("median", duration), "tool_calls": ("tool calls", count), "tool_errors": ("failed", count),
    "cost_usd": ("cost", usd), "per_solved_usd": ("per solved", usd),
}  # fmt: skip
FLOOR_NOTE = (
    "Idle: tasks that an agent solves that makes no call; transfers: that only transfers the customer. By the audit of these tasks' texts "
    "(docs/audit.md). Rates are of scored simulations."
)
_FLOOR: dict[str, tuple[str, Show]] = {
    "domain": ("domain", text), "tasks": ("tasks", count), "audited": ("audited", count), "idle": ("idle", count),
    "transfers": ("transfers", count), "success": ("solved", share), "sound": ("sound", count), "sound_scored": ("scored", count),
    "sound_success": ("of them solved", share), "audit": ("audit", text),
}  # fmt: skip


def _pool(idle: Mapping[str, float | int | None]) -> str:
    if idle["makespan_ms"] is None:
        return ""
    starts = idle["starts"] or 0
    pauses = f" in {starts} starts, without the pauses" if starts > 1 else ""
    workers = idle["workers"] or 0
    return f"{pauses}, {workers} worker{'s' * (workers != 1)}, {share(idle['idle_share'])} idle at the end"


def _start_up(idle: Mapping[str, float | int | None]) -> list[list[str]]:
    known = idle["start_up_ms"] is not None
    return [["start-up", f"{duration(idle['start_up_ms'])}, before the first simulation: not in the wall time"]] if known else []


def outcome(log: RunLog, totals: Totals) -> list[list[str]]:
    """Return how many simulations there were and how they ended, and their mean reward with its denominator."""
    return [
        ["simulations", totals.shown["simulations"]],
        *(row for arm, found in totals.outcomes.items() for row in _scores(f", {arm}" if arm else "", found)),
        *_beside(log.simulations),
    ]


def _scores(of: str, found: Score) -> list[list[str]]:
    return [[f"mean reward{of}", found.headline], [f"solved{of}", f"{found.solved:,} of {found.scored:,} scored"]]


def _sentences(notes: Iterable[str]) -> list[str]:
    return [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in notes]


def _lines(log: RunLog) -> str:
    lines, rejected, values = (sum(getattr(reading, name) for reading in log.readings) for name in ("lines", "rejected", "values"))
    said = f"{lines:,} read, {rejected:,} could not be read"
    return f"{said}; {values:,} values are left out of their events" if values else said


def _beside(table: pd.DataFrame) -> list[list[str]]:
    """Return tau2's own reward, if another harness gave the reward."""
    beside: list[float] = list(as_floats(table["tau2_reward"])) if "tau2_reward" in table else []
    known = [reward for reward in beside if reward == reward]
    return [["mean reward by tau2's evaluator", f"{sum(known) / len(known):.4f} ({len(known)} scored)"]] if known else []


def rejected_section(log: RunLog) -> Section:
    """Return lines and values that could not be read."""
    rows = [[entry.file, str(entry.line), entry.reason] for entry in log.rejected[:10]]
    more = log.rejected_count - len(rows)
    note = "All of them are in rejected_lines.txt." + (f" {more:,} more." if more > 0 else "")
    return Section("Lines and values that could not be read", ["file", "line", "reason"], rows, frozenset(("line",)), note)
