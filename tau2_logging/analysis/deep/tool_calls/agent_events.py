"""What write tools changed, and what an agent that recovers put right or left out. All of it is known from events alone."""

from __future__ import annotations

import pandas as pd

from tau2_logging.analysis.deep.rate_table import rate_table
from tau2_logging.analysis.deep.reading.recorded import Recorded


def state_changes(recorded: Recorded) -> pd.DataFrame:
    """By tool: calls that changed a database of the calls that were examined (write tools), with interval. A successful write that changes
    nothing repeats what was so already.
    """
    calls = recorded.calls[recorded.calls["state_changed"].notna() & recorded.calls["error"].eq(False)]
    return rate_table(calls, ["domain", "requestor", "tool"], "state_changed", "changed", "changed", "successful_calls")


def corrections(recorded: Recorded) -> pd.DataFrame:
    """Return what an agent told its model to put right, by problem and outcome: times, simulations, the tool most often."""
    table = recorded.remarks[recorded.remarks["kind"] == "correction"]
    groups = table.groupby(["domain", "what", "outcome"], dropna=False)
    result = groups.agg(times=("kind", "size"), tool=("tool", _commonest)).reset_index()
    return result.rename(columns={"what": "problem", "tool": "most_often"}).sort_values(
        "times", ascending=False, kind="stable", ignore_index=True
    )


def _commonest(values: pd.Series) -> object:
    found = values.dropna().mode()
    return found.iloc[0] if len(found) else None


def context_reductions(recorded: Recorded) -> pd.DataFrame:
    """Return how an agent shortened its prompts, by strategy: times, tokens before and after over all of them, the share that was saved."""
    table = recorded.remarks[recorded.remarks["kind"] == "context_reduction"].astype({"tokens_before": float, "tokens_after": float})
    groups = table.groupby(["domain", "what"], dropna=False)
    result = groups.agg(times=("kind", "size"), tokens_before=("tokens_before", "sum"), tokens_after=("tokens_after", "sum")).reset_index()
    return result.rename(columns={"what": "strategy"}).assign(saved_share=1 - result["tokens_after"] / result["tokens_before"])
