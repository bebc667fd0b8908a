"""The first outcome: did the tool execute? A tool message with error=True is a failed call, whatever the task's reward."""

from __future__ import annotations

import pandas as pd

from tau2_logging.analysis.deep.rate_table import rate_table
from tau2_logging.analysis.deep.reading.recorded import Recorded, cluster_codes, filled
from tau2_logging.analysis.deep.tool_calls.taxonomy import HALLUCINATED_TOOL, kind_of_error
from tau2_logging.statistics.intervals import cliffs_delta, score_test


def execution_by(recorded: Recorded, *by: str) -> pd.DataFrame:
    """Return failed tool calls of calls: errors, calls, tasks, error_rate with its 95 % interval (clustered by task), by columns of the
    calls."""
    table = rate_table(with_known_types(recorded.calls), list(by), "error", "error", "errors")
    return table[[*by, *(name for name in table if name not in by)]]


def with_known_types(calls: pd.DataFrame) -> pd.DataFrame:
    """Return the calls; a tool of which nothing says whether it reads or writes is `unknown`, one that the environment does not have `no
    such tool`.
    """
    invented = calls["error"].eq(True) & calls["error_text"].map(kind_of_error).eq(HALLUCINATED_TOOL)
    types = calls["tool_type"].mask(calls["tool_type"].isna() & invented, "no such tool")
    return calls.assign(tool_type=filled(types, "unknown"))


def requestors(recorded: Recorded) -> pd.DataFrame:
    """Return agent and user side by side, by domain: calls, distinct tools, calls a simulation, failed calls with interval, time of a
    call.

    `difference_p`: two-sided p of no difference in failures between the two (score test clustered by task), on the first row of a pair;
    `delta` is Cliff's (positive: the user's calls fail more often).
    """
    table = execution_by(recorded, "domain", "requestor")
    calls = recorded.calls
    groups = calls.groupby(["domain", "requestor"], dropna=False)
    extra = groups.agg(distinct_tools=("tool", "nunique"), median_ms=("duration_ms", "median")).reset_index()
    table = table.merge(extra, on=["domain", "requestor"], how="left")
    of_domain = recorded.simulations.groupby("domain", dropna=False).size()
    table["calls_per_simulation"] = table["calls"] / table["domain"].map(of_domain).astype(float)
    compared = pd.DataFrame(
        [_difference(domain, group) for domain, group in calls.groupby("domain")], columns=["domain", "delta", "difference_p"]
    )
    table = table.merge(compared, on="domain", how="left")
    return table.sort_values(["domain", "requestor"], ignore_index=True)


def _difference(domain: object, calls: pd.DataFrame) -> tuple[object, float, float]:
    calls = calls[calls["error"].notna()]
    user = (calls["requestor"] == "user").to_numpy(dtype=float)
    if calls["requestor"].nunique() < 2:
        return domain, float("nan"), float("nan")
    error = calls["error"].astype(float).to_numpy()
    return domain, cliffs_delta(error, user), score_test(user, error, cluster_codes(calls))[1]
