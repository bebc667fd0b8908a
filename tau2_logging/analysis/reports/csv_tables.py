"""The tables as CSV files, full precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.comparison.arms import arms_table
from tau2_logging.analysis.measures.latency import DIMENSIONS
from tau2_logging.analysis.reports import deep_files
from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.runs_table import FILE as RUNS
from tau2_logging.analysis.reports.runs_table import runs_table
from tau2_logging.analysis.reports.table_files import write_events_csv
from tau2_logging.analysis.tables.keyed import keyed

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

NAME = "csv"
_VOICE = ("turn_taking", "speaking_time", "work", "usage", "cost", "tools", "simulations")
VOICE_FILES = {f"voice_{name}.csv": f"voice_{name}" for name in _VOICE}
"""File -> method of RunLog."""
FILES = (
    RUNS, "arms.csv", "latency_by_type.csv", *(f"latency_by_{name}.csv" for name in DIMENSIONS), "cost_table.csv", "experts.csv",
    "tasks.csv",
    "time_budget.csv", "critical_path.csv", "slowest_calls.csv", "errors.csv", "model_servers.csv", "waiting_at_servers.csv",
    "outages.csv", "server_waits.csv", "agent_recovery.csv", "shortened_prompts.csv", *VOICE_FILES, "events.csv",
    deep_files.CSV_FILES,
)  # fmt: skip
ALWAYS = (
    RUNS, "latency_by_type.csv", "cost_table.csv", "tasks.csv", "time_budget.csv", "critical_path.csv", "slowest_calls.csv", "errors.csv",
)  # fmt: skip
"""Files that are written with a heading alone, too."""


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write one file a table; those of a dimension, of experts or of servers that the log does not have are left out. events.csv, nearly
    as large as the log, has to be asked for."""
    attempts = Attempts()
    attempts.make("tables", write_tables, tables(log, options), output_dir, options)
    if options.events_csv:
        attempts.make("events.csv", _write_events, log, output_file(output_dir, "events.csv"))
    return attempts.written()


def write_tables(made: Mapping[str, Callable[[], pd.DataFrame]], output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write tables by file name, and those of the deep analysis."""
    attempts = Attempts()
    for name, table in made.items():
        attempts.make(name, _write, table, output_file(output_dir, name), name in ALWAYS)
    if options.deep is not None:
        attempts.make(deep_files.CSV_FILES, deep_files.write_csv, options.deep, output_dir)
    return attempts.written()


def tables(log: RunLog, options: ReportOptions) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return file name and how its table is made, without the events themselves."""
    return {
        RUNS: partial(runs_table, log, options),
        "arms.csv": partial(_arms, log, options),
        "latency_by_type.csv": log.latency,
        **{f"latency_by_{name}.csv": partial(log.latency, name) for name in DIMENSIONS},
        "cost_table.csv": partial(log.costs, prices=options.prices),
        "experts.csv": partial(log.experts, options.prices),
        "tasks.csv": partial(_tasks, log, options),
        "time_budget.csv": log.budget,
        "critical_path.csv": log.critical_path,
        "slowest_calls.csv": partial(log.outliers, options.top),
        "errors.csv": log.errors,
        "model_servers.csv": log.model_servers,
        "waiting_at_servers.csv": log.waiting_at_servers,
        "outages.csv": log.outages,
        "server_waits.csv": log.server_waits,
        "agent_recovery.csv": log.recovery,
        "shortened_prompts.csv": log.shortened_prompts,
        **{file: getattr(log, method) for file, method in VOICE_FILES.items()},
    }


def _arms(log: RunLog, options: ReportOptions) -> pd.DataFrame:
    return keyed((str(one.run_id), arms_table(one, options.prices)) for one in log.by_run)


def _tasks(log: RunLog, options: ReportOptions) -> pd.DataFrame:
    costs = log.task_costs(options.prices).rename(columns=lambda name: f"priced_{name}" if name.endswith("cost_usd") else name)
    return log.simulations.merge(costs, on=["run", "domain", "task", "trial"], how="left")


def _write(made: Callable[[], pd.DataFrame], path: Path, always: bool) -> list[Path]:
    table = made()
    if table.empty and not always:
        return []
    table.to_csv(path, index=False, lineterminator="\n")
    return [path]


def _write_events(log: RunLog, path: Path) -> list[Path]:
    write_events_csv(log, path)
    return [path]
