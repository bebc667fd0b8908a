"""How tool use is spread: Gini (1912), Shannon (1948)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.reading.recorded import Recorded, cluster_codes
from tau2_logging.statistics.intervals import Array, Rate, rate_columns, rate_of


def gini(counts: Any) -> float:
    """Return Gini's coefficient ΣᵢΣⱼ|xᵢ - xⱼ| / (2 k² mean x) of the calls of k tools: 0 is equal use, (k-1)/k is all calls on one of
    them."""
    x: Array = np.sort(np.asarray(counts, dtype=float))
    if not len(x) or not x.sum():
        return float("nan")
    k = len(x)
    return float((2 * np.arange(1, k + 1) - k - 1) @ x / (k * x.sum()))


def shannon(counts: Any) -> float:
    """Return Shannon's entropy -Σ p log2 p of the tools' shares, in bits: 0 is one tool, log2 k is k tools alike."""
    x = np.asarray(counts, dtype=float)
    shares = x[x > 0] / x.sum() if x.sum() else x[:0]
    return float(-(shares * np.log2(shares)).sum() + 0.0) if len(shares) else float("nan")


def diversity(recorded: Recorded) -> pd.DataFrame:
    """By domain and requestor: calls, tools used, Gini over the tools that were used at least once, entropy (bits), evenness
    (entropy / log2 of the tools; 1 is alike) and the effective number of tools 2^entropy. Tools that were offered and never used are not
    in the record.
    """
    rows = []
    for (domain, requestor), group in recorded.calls.groupby(["domain", "requestor"], dropna=False):
        counts = group["tool"].value_counts().to_numpy()
        bits = shannon(counts)
        evenness = bits / np.log2(len(counts)) if len(counts) > 1 else np.nan
        rows.append((domain, requestor, len(group), len(counts), gini(counts), bits, evenness, 2**bits))
    names = ["domain", "requestor", "calls", "tools_used", "gini", "entropy_bits", "evenness", "effective_tools"]
    return pd.DataFrame(rows, columns=pd.Index(names))


def tool_shares(recorded: Recorded) -> pd.DataFrame:
    """Return what share of the calls of a domain each tool has, with interval; the shares of a domain and requestor add up to 1."""
    rows: list[tuple[Any, ...]] = []
    rates: list[Rate] = []
    for (domain, requestor), group in recorded.calls.groupby(["domain", "requestor"], dropna=False):
        clusters = cluster_codes(group)
        for tool in group["tool"].value_counts().index:
            rows.append((domain, requestor, tool))
            rates.append(rate_of(group["tool"].eq(tool), clusters))
    table = pd.DataFrame(rows, columns=pd.Index(["domain", "requestor", "tool"]))
    return table.assign(**rate_columns(rates, "share", "calls", "of_calls"))
