"""Which tables are on which page of report.html. The tables are the analysis's own: the same as in the terminal and the files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from tau2_logging.analysis.deep.table_kinds import GROUPS, TIME
from tau2_logging.analysis.measures.comparison.arms import arms_table
from tau2_logging.analysis.measures.costs.cost_tables import cost_summary
from tau2_logging.analysis.measures.latency import METRIC_NOTES, SHARE_NOTE, shown_dimensions
from tau2_logging.analysis.measures.run_time.critical_path import critical_kinds
from tau2_logging.analysis.measures.run_time.time_budget import total_budget
from tau2_logging.analysis.measures.servers.server_load import LOAD_COLUMNS, TIME_COLUMNS
from tau2_logging.analysis.reports.html.table_data import Rows, Table, counted_rows, table_data
from tau2_logging.analysis.reports.text.sections.latency_sections import SEARCHES_NOTE
from tau2_logging.analysis.reports.text.sections.run_sections import ARMS_NOTE
from tau2_logging.analysis.reports.text.sections.server_sections import SERVER_NOTE, WAITING_NOTE
from tau2_logging.analysis.reports.text.sections.time_sections import BUDGET_NOTE, WORKER_NOTE, chain_note
from tau2_logging.analysis.reports.text.sections.trouble_sections import (
    DOCUMENTS_NOTE,
    OUTAGES_NOTE,
    PROMPTS_NOTE,
    RECOVERY_NOTE,
    WAITS_NOTE,
)
from tau2_logging.analysis.reports.text.sections.voice_columns import VOICE_TABLES
from tau2_logging.analysis.timeline.timeline import Timeline
from tau2_logging.units import duration, money, share

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

SLOW_NOTE = (
    "Servers of a model that has several. p: of no difference from the others, by ranks, with any dependence within a task; more: what the "
    "calls took longer than at the others' median."
)
LOAD_NOTE = "The quarter of the calls with the fewest of their kind in flight when they began, and the quarter with the most; p as above."
PROMPTS_AGAIN_NOTE = (
    "Repeated: the length of the prompt before in the same conversation, which the next one begins with. Savings are those of prompts of "
    "at least 1,024 tokens at the provider's price for cached input."
)
PAGES = {
    **{group: name for group, name in GROUPS.items() if group != TIME},
    "latency": "Latency",
    "voice": "Voice",
    "time": "Time",
    "cost": "Cost",
    "trouble": "Trouble",
    "compare": "Compare",
    "gates": "Gates",
    "about": "About",
}
"""Page of a table, and what it is called; a page without a table has no tab, but for Latency and About."""


def sections(log: RunLog, timeline: Timeline, options: ReportOptions) -> dict[str, list[Table]]:
    """Return tables by page; a table without rows is left out."""
    rows_of = counted_rows(timeline)
    found: dict[str, list[Table]] = {"overview": [], **{page: [] for page in PAGES}}
    for page, table in _all(log, options, rows_of):
        if table is not None:
            found[page].append(table)
    if options.deep is not None:
        add_deep(found, options.deep, rows_of)
    return found


def add_deep(found: dict[str, list[Table]], deep: LogAnalyzer, rows_of: Rows | None = None) -> None:
    """Add the tables of the deep analysis, each on the page of its group; those about time after the others about time."""
    for table in deep.tables:
        data = table_data(table.kind.title, table.frame, table.kind.note, rows_of)
        if data is not None:
            found["time" if table.kind.group == TIME else table.kind.group].append(data)


def _all(log: RunLog, options: ReportOptions, rows_of: Rows) -> Iterator[tuple[str, Table | None]]:
    for page, tables in (
        ("overview", _arms(log, options)), ("latency", _latency(log)), ("voice", _voice(log, rows_of)), ("time", _time(log, rows_of)),
        ("cost", _cost(log, options, rows_of)), ("trouble", _trouble(log, options, rows_of)),
        ("compare", _compare(log, options, rows_of)), ("gates", _gates(options)),
        ("about", _rejected(log)),
    ):  # fmt: skip
        for table in tables:
            yield page, table


def _arms(log: RunLog, options: ReportOptions) -> Iterator[Table | None]:
    yield table_data("Arms", arms_table(log, options.prices), ARMS_NOTE)


def _latency(log: RunLog) -> Iterator[Table | None]:
    yield table_data("By type", log.latency(), SHARE_NOTE + METRIC_NOTES)
    yield table_data("Searches of documents", log.searches(), SEARCHES_NOTE)
    for name in shown_dimensions(log):
        yield table_data(f"By {name}", log.latency(name))


def _voice(log: RunLog, rows_of: Rows) -> Iterator[Table | None]:
    for title, method, _, note in VOICE_TABLES:
        yield table_data(title.removeprefix("Voice: ").capitalize(), getattr(log, method)(), note, rows_of)


def _time(log: RunLog, rows_of: Rows) -> Iterator[Table | None]:
    budget = log.budget()
    yield table_data("Time budget", total_budget(budget), BUDGET_NOTE)
    yield from _servers(log)
    path = log.critical_path()
    yield table_data("Critical path: what decided how long the run took", critical_kinds(path), chain_note(log))
    yield table_data("Calls and waits on the critical path", path, "In order of time.", rows_of)
    yield table_data("Stragglers", log.stragglers(), "Simulations that ended after 95 % of them had.", rows_of)
    yield table_data("Concurrency", log.concurrency(), "How many were open at once, weighted by time.")
    yield table_data("Worker processes", log.worker_processes(), WORKER_NOTE)
    yield table_data("Agent's model calls by how many were in flight", log.latency_by_concurrency())
    yield table_data("Context growth", log.context_growth(), "By the agent's n-th call in a simulation.")
    yield table_data("Time budget by simulation", budget, "", rows_of)


def _servers(log: RunLog) -> Iterator[Table | None]:
    table = log.model_servers()
    yield table_data("Model servers", table[["endpoint", *TIME_COLUMNS]], SERVER_NOTE)
    yield table_data("Waiting at the server", log.waiting_at_servers(), WAITING_NOTE)
    yield table_data("Load of the model servers", table[["endpoint", *LOAD_COLUMNS]])
    yield table_data("Model calls by server", log.calls_by_endpoint(), SLOW_NOTE)
    yield table_data("Model calls with few and many in flight", log.slower_with_load(), LOAD_NOTE)


def _cost(log: RunLog, options: ReportOptions, rows_of: Rows) -> Iterator[Table | None]:
    note = "Prices as logged by the run, else from the price table. A price that is not known is unknown, never 0."
    yield table_data("In all", pd.DataFrame([cost_summary(log, options.prices)]), note)
    yield table_data("By role and model", log.costs(prices=options.prices))
    yield table_data("Prompts sent again", log.repeated_prompts(prices=options.prices), PROMPTS_AGAIN_NOTE)
    yield table_data("Experts", log.experts(options.prices), "By alias; share of the total time of all simulations.")
    if options.price_as:
        yield table_data("The same tokens on other models", log.priced_as(options.price_as, options.prices))
    yield table_data("By simulation", log.task_costs(options.prices), "", rows_of)


def _trouble(log: RunLog, options: ReportOptions, rows_of: Rows) -> Iterator[Table | None]:
    yield table_data("Never ended", log.stuck(), "And what they last waited on.", rows_of)
    yield table_data("Errors", log.errors(), "The line is that of the first.")
    yield table_data("Slowest calls", log.outliers(max(options.top, 100)), "", rows_of)
    yield table_data("Retries", log.retries())
    yield table_data("Waits for servers that were down", log.server_waits(), WAITS_NOTE)
    yield table_data("Outages of model servers", log.outages(), OUTAGES_NOTE)
    yield table_data("Recovery from wrong replies", log.recovery(), RECOVERY_NOTE)
    yield table_data("Prompts made shorter", log.shortened_prompts(), PROMPTS_NOTE)
    yield table_data("Cut at the length limit", log.truncations(), "", rows_of)
    yield table_data("Required documents by simulation", log.documents_found(), DOCUMENTS_NOTE, rows_of)
    yield table_data("Repeated identical tool calls", log.repeated_calls(), "", rows_of)


def _compare(log: RunLog, options: ReportOptions, rows_of: Rows) -> Iterator[Table | None]:
    if options.compare is None:
        return
    found = log.compare(options.compare)
    yield table_data("Reward and cost", found.totals)
    yield table_data("Settings that differ", found.settings)
    yield table_data("Latency", found.latency, found.note)
    yield table_data("Simulations in both", found.simulations, "", rows_of)


def _gates(options: ReportOptions) -> Iterator[Table | None]:
    rows = []
    for gate in options.slo:
        shown = {name: _in_unit(gate[name], str(gate["unit"])) for name in ("value", "plain", "limit")}
        rows.append({"status": str(gate["status"]).lower(), "gate": gate["gate"], **shown, "detail": gate["detail"]})
    frame = pd.DataFrame(rows).rename(columns={"plain": "without failures"})
    yield table_data(
        "Gates", frame, "A failed call counts as infinitely long. Goodput as vLLM defines it: the share that meets every objective."
    )


def _in_unit(value: object, unit: str) -> str:
    if not isinstance(value, (int, float)) or math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "infinite"
    return duration(value) if unit == "ms" else money(value) if unit == "USD" else share(value)


def _rejected(log: RunLog) -> Iterator[Table | None]:
    frame = pd.DataFrame([{"file": bad.file, "line": bad.line, "reason": bad.reason, "text": bad.text[:300]} for bad in log.rejected[:200]])
    yield table_data("Lines and values that could not be read", frame, f"{log.rejected_count:,} in all; rejected_lines.txt has every one.")
