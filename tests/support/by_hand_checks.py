"""What the analysis makes of a results file, against the figures that were worked out by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import RunLog
from tau2_logging.analysis.deep import LogAnalyzer
from tests.support.by_hand import Figures, pass_hat, reference_actions


def check_log(found: Figures, log: RunLog) -> None:
    """Calls, tokens, money, latencies, tools and outcomes of a log that was made of a file."""
    calls = log.calls
    assert Counter(calls["type"]) == found.calls
    totals = calls.reindex(columns=["input_tokens", "output_tokens", "cached_tokens", "cost_usd"]).sum()  # what no call has is no column
    assert totals["input_tokens"] == found.tokens["prompt_tokens"]
    assert totals["output_tokens"] == found.tokens["completion_tokens"]
    assert totals["cached_tokens"] == found.cached
    assert totals["cost_usd"] == pytest.approx(found.cost_usd)
    latency = log.latency().set_index("type")
    for type_, times in found.waited_ms.items():
        assert latency.loc[type_, "n"] == len(times)
        assert latency.loc[type_, "mean_ms"] == pytest.approx(sum(times) / len(times), abs=0.001)
        assert latency.loc[type_, "max_ms"] == pytest.approx(max(times), abs=0.001)
    used = calls[calls["type"] == "tool_call"].groupby("function")["error"]
    assert {str(name): [len(errors), int(errors.sum())] for name, errors in used} == found.tools
    rows = {(row["task"], int(row["trial"])): row for row in log.simulations.to_dict("records")}
    assert rows.keys() == found.ends.keys()
    for key, (reward, termination, seconds) in found.ends.items():
        assert rows[key]["reward"] == reward or (reward is None and rows[key]["reward"] != rows[key]["reward"])
        assert rows[key]["termination"] == termination
        assert rows[key]["duration_ms"] == pytest.approx(seconds * 1000, abs=0.001)


def check_deep(found: Figures, data: dict[str, Any], path: Path) -> None:
    """Failed tool calls, recall and pass^k of the deep analysis."""
    tables = {table.kind.key: table.frame for table in LogAnalyzer(path).tables}
    if found.tools:
        executed = tables["execution"]
        assert executed["calls"].sum() == sum(calls for calls, _ in found.tools.values())
        assert executed["errors"].sum() == sum(errors for _, errors in found.tools.values())
    if "recall" in tables:
        assert (tables["recall"]["made"].sum(), tables["recall"]["actions"].sum()) == reference_actions(data)
    for row in tables["pass_k"].to_dict("records"):
        if row["pass_k_rate"] == row["pass_k_rate"]:  # absent where there are too few tasks
            assert row["pass_k_rate"] == pytest.approx(pass_hat(found, int(row["k"])))
