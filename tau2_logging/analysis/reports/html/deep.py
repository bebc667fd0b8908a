"""report.html of results files alone, without a log: the pages of the deep analysis, and no page about times that nobody measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.measures.comparison.arms import has_arms
from tau2_logging.analysis.reports.html.content import meanings
from tau2_logging.analysis.reports.html.pages import PAGES, add_deep
from tau2_logging.analysis.reports.html.table_data import Table
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors
from tau2_logging.analysis.timeline.timeline import LANES
from tau2_logging.units import share

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.reports.report_options import ReportOptions

_SEVERAL = "Several runs; the details of each are in the folder with its name."
_NO_RUN: dict[str, Any] = {
    "sims": {"n": 0, "domain": [], "slot": [], "start": [], "end": [], "counted": [], "first": [0], "first_step": [0], "detail": []},
    "calls": {"lane": [], "name": [], "length": [], "start": [], "error": []}, "steps": {"start": [], "length": []}, "strings": [],
    "flow": {"roles": {}, "simulations": []}, "end": 0, "findings": [], "breaks": [], "bad": [], "budgets": [], "histograms": [],
    "left_out": "", "without_detail": 0, "without_row": 0, "most_calls": 0,
}  # fmt: skip


def report_data_without_log(deep: LogAnalyzer, options: ReportOptions) -> dict[str, Any]:
    """Return everything the page shows, as `html_content.report_data` gives it of a log."""
    names = ", ".join(deep.runs)
    title = options.title or (names if len(names) < 60 else f"{len(deep.runs)} results files")
    subtitle = "From results files, without a log." + (f" {_SEVERAL}" if len(deep.runs) > 1 else "")
    return _page_data(title, subtitle, deep.recorded.sources, [], replace(options, deep=deep))


def overview_data(title: str, files: Sequence[str], tables: Sequence[Table], options: ReportOptions) -> dict[str, Any]:
    """Return what the page above the folders of several runs shows: tables of the runs, and those of the deep analysis, keyed by run."""
    return _page_data(title, _SEVERAL, files, tables, options)


def _page_data(title: str, subtitle: str, files: Sequence[str], tables: Sequence[Table], options: ReportOptions) -> dict[str, Any]:
    pages: dict[str, list[Table]] = {"overview": list(tables), **{page: [] for page in PAGES}}
    if options.deep is not None:
        add_deep(pages, options.deep)
    return {
        **_NO_RUN,
        "lanes": list(LANES),
        "title": title,
        "subtitle": subtitle,
        "notes": [] if options.deep is None else [[note, True] for note in options.deep.notes],
        "tiles": [] if options.deep is None else tiles(options.deep),
        "pages": pages,
        "names": {name: title for name, title in PAGES.items() if pages[name] and name not in ("latency", "about")},
        "facts": [["files", ", ".join(files)], *([["made with", options.command]] if options.command else [])],
        "meanings": meanings(options),
        "experiment": None,
        "sankey": [] if options.deep is None else options.deep.get_sankey(),
        "roles": ROLE_LABELS,
        "colors": {theme: colors(theme) for theme in ("light", "dark")},
    }


def tiles(deep: LogAnalyzer) -> list[Sequence[str | None]]:
    """Return the three outcomes, each with what it is a share of; of several runs, those of each."""
    if deep.pooled or len(deep.runs) < 2:
        return _tiles(deep)
    return [[f"{what}, {run}", *rest] for run in deep.runs for what, *rest in _tiles(deep.of_run(run))]


def _by_arm(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each arm with its name, or all of them: rates of arms are not added up."""
    if not has_arms(table["domain"]):
        return [("", table)]
    return [(f", {domain}", rows) for domain, rows in table.groupby("domain", sort=False)]


def _tiles(deep: LogAnalyzer) -> list[Sequence[str | None]]:
    calls, simulations = deep.recorded.calls, deep.recorded.simulations
    failed = int(calls["error"].eq(True).sum())
    found: list[Sequence[str | None]] = [
        ["simulations", f"{len(simulations):,}", f"{simulations[['domain', 'task']].drop_duplicates().shape[0]:,} tasks"]
    ]
    for name, part, of, what in (("solved", "success", "simulations", "scored"), ("recall", "recall", "actions", "reference actions")):
        table = next((table.frame for table in deep.tables if table.kind.key == part), None)
        for arm, rows in [] if table is None else _by_arm(table):
            hits, whole = int(rows["solved" if part == "success" else "made"].sum()), int(rows[of].sum())
            found.append([f"{name}{arm}", f"{hits:,} of {whole:,}", f"{what}; {share(hits / whole)}" if whole else what])
    return [*found, ["failed tool calls", f"{failed:,} of {len(calls):,}", share(failed / len(calls)) if len(calls) else None]]
