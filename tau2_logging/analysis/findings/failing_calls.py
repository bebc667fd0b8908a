"""Findings about calls that fail: tools and models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import polars as pl

from tau2_logging.analysis.findings.finding import TOUCHED, Finding, Proof
from tau2_logging.analysis.findings.run_facts import RunFacts, line_names, short, simulation_names
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.statistics.intervals import wilson
from tau2_logging.units import plural, share

LEAST_FAILED = 5
LEAST_TOOL_SHARE, LEAST_MODEL_SHARE = 0.1, 0.01
_NORMAL = 1.96
LEAST_CUT, LEAST_CUT_SHARE = 3, 0.01


def failing_tool(run: RunFacts) -> Iterator[Finding]:
    """Tell of the tool that fails most: at least LEAST_FAILED calls, and surely (95 % interval) more than LEAST_TOOL_SHARE of its calls."""
    advice = "Read the error in the first lines; wrong arguments are the agent's, an exception in the tool is the environment's."
    yield from _failing(run, "failing_tool", ("tool_call",), "function", LEAST_TOOL_SHARE, advice)


def failing_model(run: RunFacts) -> Iterator[Finding]:
    """Tell of the model whose calls fail most: at least LEAST_FAILED, and surely more than LEAST_MODEL_SHARE of its calls."""
    advice = "Read the error in the first lines: a limit wants a lower --max-concurrency or --rate-limit, an outage another endpoint."
    yield from _failing(run, "failing_model", MODEL_CALL_TYPES, "model", LEAST_MODEL_SHARE, advice)


def _failing(run: RunFacts, key: str, types: Sequence[str], named_by: str, least: float, advice: str) -> Iterator[Finding]:
    table = run.log.errors()
    table = table[table["type"].isin(types) & table["calls"].notna()]
    sums = table.groupby(["type", "name"]).agg(n=("n", "sum"), calls=("calls", "first"))
    sums = sums.groupby("name", sort=False).sum().sort_values("n", ascending=False, kind="stable")
    sure = [name for name, n, calls in sums.itertuples() if n >= LEAST_FAILED and wilson(n / calls, calls, _NORMAL)[0] > least]
    if not sure:
        return
    failed, calls = int(sums.loc[sure[0], "n"]), int(sums.loc[sure[0], "calls"])
    events = _failed_events(run, types, named_by, sure[0])
    touched = len(events[KEY].drop_duplicates())
    most = table[table["name"] == sure[0]].groupby("error_type", sort=False)["n"].sum()
    others = f" {plural(len(sure) - 1, 'other')} {'fail' if len(sure) > 2 else 'fails'} often, too." if len(sure) > 1 else ""
    yield Finding(
        key,
        f"{short(sure[0])} failed in {failed:,} of {calls:,} calls ({share(failed / calls)}), {_most_often(most)}, in {touched:,} of "
        f"{plural(len(run.simulations), 'simulation')}.{others}",
        advice,
        touched / max(1, len(run.simulations)),
        TOUCHED,
        Proof("errors", line_names(events), simulation_names(events)),
        {"failed": failed, "calls": calls, "simulations": touched, "of_simulations": len(run.simulations)},
    )


def _most_often(kinds: pd.Series[int]) -> str:
    kind = short(kinds.idxmax())
    return f"each time with {kind}" if len(kinds) == 1 else f"most often with {kind} ({kinds.max():,})"


def _failed_events(run: RunFacts, types: Sequence[str], named_by: str, name: str) -> pd.DataFrame:
    events = run.log.select([*KEY, named_by, "file", "line"], types=types, where=pl.col("error"))
    return events[events[named_by].fillna("") == name]


def cut_replies(run: RunFacts) -> Iterator[Finding]:
    """Tell of the agent's replies that were cut at the length limit: at least LEAST_CUT, and LEAST_CUT_SHARE of its calls."""
    table = run.log.truncations()
    cut = table[table["type"] == "llm_call"]
    calls = len(run.log.select(["type"], types=["llm_call"])) if len(cut) >= LEAST_CUT else 0
    if not calls or len(cut) < LEAST_CUT_SHARE * calls:
        return
    touched = len(cut[["domain", "task", "trial"]].drop_duplicates())
    yield Finding(
        "cut_replies",
        f"{len(cut):,} of {calls:,} replies of the agent's model were cut at the length limit, in {touched:,} of "
        f"{plural(len(run.simulations), 'simulation')}: what was cut off, for example a tool call, is lost.",
        "Raise max_tokens in --agent-llm-args.",
        touched / max(1, len(run.simulations)),
        TOUCHED,
        Proof("truncations", line_names(cut), simulation_names(cut)),
        {"cut": len(cut), "calls": calls, "simulations": touched},
    )
