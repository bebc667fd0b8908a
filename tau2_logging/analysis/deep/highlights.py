"""The ends of tables that people ask for first: the slowest, the best, the strongest; and a few figures of the whole record."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded
from tau2_logging.analysis.deep.rewards import success_by
from tau2_logging.analysis.deep.tool_calls.execution import execution_by


def basic_stats(recorded: Recorded) -> dict[str, Any]:
    """Return counts of the record, and two rates that are never mixed: `success_rate`, the tool calls without an error of those of which
    it is known, and `task_success_rate`, the solved simulations of the scored ones.

    A rate is NaN if there is nothing to divide by, and of several runs or domains, which are not one sample.
    """
    calls, simulations = recorded.calls, recorded.simulations
    alike = len(simulations[["run", "domain"]].drop_duplicates()) == 1
    return {
        "total_simulations": len(simulations),
        "total_tasks": len(simulations[["domain", "task"]].drop_duplicates()),
        "total_tool_calls": len(calls),
        "failed_tool_calls": int(calls["error"].eq(True).sum()),
        "success_rate": 1 - float(execution_by(recorded)["error_rate"].iloc[0]) if alike else math.nan,
        "task_success_rate": float(success_by(recorded)["success_rate"].iloc[0]) if alike else math.nan,
    }


def slowest_calls(recorded: Recorded, most: int = 20) -> pd.DataFrame:
    """Return the tool calls that took longest by the clock, in ms."""
    timed = recorded.calls.dropna(subset=["duration_ms"]).nlargest(most, "duration_ms")
    return timed[[*RUN_KEY, "requestor", "tool", "arguments", "duration_ms", "error"]].reset_index(drop=True)


def slowest(tools: pd.DataFrame) -> pd.DataFrame:
    """Return `slow_tools` by the mean time of a call, the slowest first."""
    return _sorted(tools, "mean_ms")


def best(tools: pd.DataFrame) -> pd.DataFrame:
    """Return `tool_efficiency` by the share of calls on the reference path, the best first."""
    return _sorted(tools, "on_path_rate")


def strongest(associations: pd.DataFrame) -> pd.DataFrame:
    """Return associations by the size of their effect, the largest first; `p_holm` says which are more than chance."""
    return _sorted(associations.assign(_size=associations["delta"].astype(float).abs()), "_size").drop(columns="_size")


def complexity_of(values: pd.DataFrame) -> pd.DataFrame:
    """Return the distribution of the complexity of arguments, 0 to 1, out of `values`."""
    return values[values["of"] == "complexity of arguments"].reset_index(drop=True)


def _sorted(table: pd.DataFrame, column: str) -> pd.DataFrame:
    return table.sort_values(column, ascending=False, kind="stable", ignore_index=True)
