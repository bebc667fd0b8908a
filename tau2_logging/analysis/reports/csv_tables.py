"""The tables as CSV files, full precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.latency import DIMENSIONS
from tau2_logging.analysis.options import output_file
from tau2_logging.analysis.reports import deep_files
from tau2_logging.analysis.table_files import write_csv

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.options import ReportOptions
    from tau2_logging.analysis.table import RunLog

NAME = "csv"
FILES = (
    "latency_by_type.csv", *(f"latency_by_{name}.csv" for name in DIMENSIONS), "cost_table.csv", "experts.csv", "tasks.csv",
    "time_budget.csv", "critical_path.csv", "slowest_calls.csv", "errors.csv", "model_servers.csv", "events.csv",
    deep_files.CSV_FILES,
)  # fmt: skip


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write one file a table; those of a dimension that the log does not have are left out."""
    paths = [_write(table, output_file(output_dir, name)) for name, table in tables(log, options).items()]
    events = output_file(output_dir, "events.csv")
    write_csv(log.events, events)
    deep = [] if options.deep is None else deep_files.write_csv(options.deep, output_dir)
    return [*paths, events, *deep]


def tables(log: RunLog, options: ReportOptions) -> dict[str, pd.DataFrame]:
    """File name and table, without the events themselves."""
    found = {"latency_by_type.csv": log.latency()}
    for name in DIMENSIONS:
        table = log.latency(name)
        if len(table):
            found[f"latency_by_{name}.csv"] = table
    costs = log.task_costs(options.prices).rename(columns=lambda name: f"priced_{name}" if name.endswith("cost_usd") else name)
    keys = ["run", "domain", "task", "trial"]
    found["cost_table.csv"] = log.costs(prices=options.prices)
    experts = log.experts(options.prices)
    if len(experts):
        found["experts.csv"] = experts
    found["tasks.csv"] = log.simulations.merge(costs, on=keys, how="left")
    found["time_budget.csv"] = log.budget()
    found["critical_path.csv"] = log.critical_path()
    found["slowest_calls.csv"] = log.outliers(options.top)
    found["errors.csv"] = log.errors()
    servers = log.model_servers()
    if len(servers):
        found["model_servers.csv"] = servers
    return found


def _write(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False, lineterminator="\n")
    return path
