"""Findings about failures that are not the agent's."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from tau2_logging.analysis.deep.attribution.accusation import AGENT, FAULT_NAMES, UNKNOWN
from tau2_logging.analysis.findings.finding import SIMULATIONS, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, simulation_names

LEAST_OTHERS, LEAST_SHARE = 2, 0.1
"""Failures that are not the agent's, and their share of all failures, from which on they are told."""


def not_the_agents(run: RunFacts) -> Iterator[Finding]:
    """Tell of failures that are the fault of others than the agent, if there are LEAST_OTHERS and they are LEAST_SHARE of all."""
    table = run.deep_table("attribution")
    if table.empty or not run.is_one_arm:
        return
    others = table[~table["fault"].isin([AGENT, UNKNOWN])]
    share = len(others) / len(table)
    if len(others) < LEAST_OTHERS or share < LEAST_SHARE:
        return
    unknown = int(table["fault"].eq(UNKNOWN).sum())
    yield Finding(
        "not_the_agents",
        f"{len(others):,} of {len(table):,} failures are not the agent's but {_by_fault(others)}{_success(run)}"
        + (f"; of {unknown:,} the fault is unknown." if unknown else "."),
        "Open these simulations to verify; count them separately before you change the agent.",
        share,
        SIMULATIONS,
        Proof("attribution", (), simulation_names(others)),
        {"others": len(others), "failures": len(table), "unknown": unknown},
        Saving(simulations=len(others)),
        leads=True,
    )


def _by_fault(others: pd.DataFrame) -> str:
    counts = others["fault"].value_counts()
    names = [f"the {name}'" + "s" * (not name.endswith("s")) for name in (FAULT_NAMES[str(fault)] for fault in counts.index)]
    return names[0] if len(names) == 1 else ", ".join(f"{name} ({number:,})" for name, number in zip(names, counts, strict=True))


def _success(run: RunFacts) -> str:
    """Return what the success would be if only the agent's failures counted."""
    table = run.deep_table("agent_success")
    if len(table) != 1 or table["success_rate"].isna().any():
        return ""
    row = table.iloc[0]
    low, high = float(row["agent_only_rate_low"]), float(row["agent_only_rate_high"])
    if low == float(row["success_rate"]):
        return ""
    span = f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"
    return f". Leaving these out, it solves {span}, not {float(row['success_rate']):.0%}"
