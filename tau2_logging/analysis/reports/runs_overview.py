"""Several runs beside one another: who they are, what came of them, and the tables of all, keyed by run (or pooled, if asked for)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.comparison.pooling import facts, setting_differences
from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.reports import console, csv_tables, deep_files
from tau2_logging.analysis.reports.html import page
from tau2_logging.analysis.reports.html.deep import overview_data
from tau2_logging.analysis.reports.html.table_data import table_data
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.runs_table import FILE, runs_table
from tau2_logging.analysis.reports.stats_json import SCHEMA_VERSION, statistics
from tau2_logging.analysis.reports.text.finding_lines import findings_as_markdown
from tau2_logging.analysis.reports.text.markdown_table import as_markdown
from tau2_logging.analysis.reports.text.plain import plain
from tau2_logging.analysis.reports.text.sections.cost_sections import cost_sections
from tau2_logging.analysis.reports.text.sections.deep_sections import brief_sections
from tau2_logging.analysis.reports.text.sections.latency_sections import latency_sections
from tau2_logging.analysis.reports.text.sections.run_sections import outcome
from tau2_logging.analysis.reports.text.sections.section import Section, Show, section, text
from tau2_logging.units import count, duration, money

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

FILES = (FILE, "settings_that_differ.csv", "summary.md", "stats.json", *page.FILES, deep_files.CSV_FILES, deep_files.JSON_FILE)
_EACH = "The details of each run, with pictures and timelines, are in the folder with its name."
_POOLED = "Rates and costs of all runs together: their settings and task texts agree. Times are in each run's folder."


def write(log: RunLog, analyses: Sequence[tuple[RunLog, ReportOptions]], output_dir: Path, name: str, options: ReportOptions) -> list[Path]:
    """Return what a format says of all runs; pictures, traces and events are of one run and are in its folder alone.

    `analyses`: each run with its own options.
    """
    if name == "json":
        return _json(log, analyses, output_dir, options)
    if name == "markdown":
        return _markdown(log, analyses, output_dir, options)
    return _WRITERS[name](log, output_dir, options) if name in _WRITERS else []


def settings_table(log: RunLog) -> pd.DataFrame:
    """Return settings in which the runs differ: a column for each run."""
    import pandas as pd

    runs = facts(log)
    rows = [{"setting": name, **dict(zip((run.run for run in runs), values, strict=True))} for name, values in _different(log).items()]
    return pd.DataFrame(rows, columns=pd.Index(["setting", *(run.run for run in runs)], dtype=object))


def _different(log: RunLog) -> dict[str, list[str | None]]:
    return setting_differences(facts(log))


_SHOWN: dict[str, tuple[str, Show]] = {
    "run": ("run", text), "domains": ("domains", text), "agent": ("agent", text), "agent_llm": ("agent's model", text),
    "user_llm": ("user's model", text), "outcome": ("mean reward", text), "solved": ("solved", count), "wall_ms": ("wall time", duration),
    "errors": ("failed calls", count), "cost_usd": ("cost", money), "per_solved_usd": ("per solved", money),
}  # fmt: skip


def sections(log: RunLog, options: ReportOptions) -> Iterator[Section]:
    """Yield the runs and their settings; of pooled runs also outcome, latency and cost of all together."""
    yield section("Runs", runs_table(log, options), _SHOWN, _POOLED if log.pooled else _EACH, key=True)
    settings = settings_table(log)
    yield section("Settings that differ", settings, {str(name): (str(name), text) for name in settings}, key=True)
    if log.pooled:
        yield Section("All runs pooled", ["", ""], outcome(log, totals_of(log, options.prices)), key=True)
        yield from latency_sections(log, options)
        yield from cost_sections(log, options)
    if options.deep is not None:
        yield from brief_sections(options.deep.tables)


def _console(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    console.show((found for found in sections(log, options) if found.rows), console.console())
    return []


def _csv(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    own = {"settings_that_differ.csv": partial(settings_table, log)}
    return csv_tables.write_tables({**own, **csv_tables.tables(log, options)}, output_dir, options)


def _json(log: RunLog, analyses: Sequence[tuple[RunLog, ReportOptions]], output_dir: Path, options: ReportOptions) -> list[Path]:
    head = {"schema": "tau2_logging.stats_of_runs", "schema_version": SCHEMA_VERSION, "runs": [one.run_id for one in log.by_run]}
    by_run = {str(one.run_id): statistics(one, own) for one, own in analyses}
    pooled = {"pooled": statistics(log, options)} if log.pooled else {}
    path = output_file(output_dir, "stats.json")
    data = plain({**head, "settings_that_differ": _different(log), "by_run": by_run, **pooled})
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return [path, *([] if options.deep is None else deep_files.write_json(options.deep, output_dir))]


def _markdown(log: RunLog, analyses: Sequence[tuple[RunLog, ReportOptions]], output_dir: Path, options: ReportOptions) -> list[Path]:
    path = output_file(output_dir, "summary.md")
    parts = list(filter(None, (findings_as_markdown(one, own) for one, own in analyses)))
    parts += [as_markdown(found) for found in sections(log, options) if found.rows and found.key]
    path.write_text(f"# {options.title or f'{len(log.by_run)} runs'}\n\n" + "\n".join(parts), encoding="utf-8")
    return [path, *([] if options.deep is None else deep_files.write_markdown(options.deep, output_dir, options.title))]


def _html(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    made = [
        table_data("Runs", runs_table(log, options), _POOLED if log.pooled else _EACH),
        table_data("Settings that differ", settings_table(log)),
    ]
    path = output_file(output_dir, page.FILES[0])
    title = options.title or f"{len(log.by_run)} runs"
    path.write_text(page.page(overview_data(title, log.files, [table for table in made if table], options)), encoding="utf-8")
    return [path]


_WRITERS = {"console": _console, "csv": _csv, "html": _html}
