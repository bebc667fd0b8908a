"""Which tool follows which, within one simulation and one requestor; never across the end of a simulation."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.reading.merge import key_of
from tau2_logging.analysis.deep.reading.recorded import TASK_KEY, Recorded, cluster_codes, records
from tau2_logging.statistics.intervals import Rate, rate_columns, rate_of

START, END, OTHERS = "start", "end", "other tools"


def transitions(recorded: Recorded) -> pd.DataFrame:
    """From one tool to the next: times, of how many times the first was called, the share with its interval; by domain and requestor.

    Every simulation starts at `start` and stops at `end`, so that the shares from one tool add up to 1.
    """
    rows: list[tuple[Any, ...]] = []
    rates: list[Rate] = []
    for key, group in _pairs(recorded).groupby(["domain", "requestor", "from_tool"], sort=True):
        clusters = cluster_codes(group)
        for to in group["to_tool"].value_counts().index:
            rows.append((*key, to))
            rates.append(rate_of(group["to_tool"].eq(to), clusters))
    table = pd.DataFrame(rows, columns=pd.Index(["domain", "requestor", "from_tool", "to_tool"]))
    table = table.assign(**rate_columns(rates, "share", "times", "of"))
    return table.sort_values(["times"], ascending=False, kind="stable", ignore_index=True)


def sequences(recorded: Recorded) -> dict[tuple[Any, ...], list[str]]:
    """Return the tools of each (simulation, requestor) in order."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for row in records(recorded.calls):
        found.setdefault((*key_of(row), row["requestor"]), []).append(str(row["tool"]))
    return found


def _pairs(recorded: Recorded) -> pd.DataFrame:
    rows = []
    for (_, domain, task, _, requestor), tools in sequences(recorded).items():
        path = [START, *tools, END]
        rows += [(domain, task, requestor, *pair) for pair in pairwise(path)]
    return pd.DataFrame(rows, columns=pd.Index([*TASK_KEY, "requestor", "from_tool", "to_tool"]))


def sankey(recorded: Recorded, requestor: str = "assistant", columns: int = 7, tools: int = 9) -> list[dict[str, Any]]:
    """For a picture, by domain: the n-th call of each simulation, and how many went from which tool to which.

    {domain, simulations, nodes: [[column, tool, simulations]], links: [[from node, to node, simulations]]}. Column n is the n-th call;
    tools beyond the commonest are `other tools`, a simulation that has stopped is at `end` in the column after its last call.
    """
    found = []
    for domain in recorded.simulations["domain"].drop_duplicates():
        paths = [path for key, path in sequences(recorded).items() if key[1] == domain and key[-1] == requestor]
        if paths:
            found.append({"domain": domain, "simulations": len(paths), **flow_of(paths, columns, tools)})
    return found


def flow_of(paths: list[list[str]], columns: int, tools: int) -> dict[str, Any]:
    """Return nodes (column, tool, simulations) and links (node, node, simulations) of sequences of calls. The `tools` most frequent tools
    are named; the rest are one."""
    counts = Counter(tool for path in paths for tool in path[:columns])
    kept = {tool for tool, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:tools]}
    shown = [[(n, tool if tool in kept else OTHERS) for n, tool in enumerate([*path, END][:columns])] for path in paths]
    shown = [[(n, END if at == len(path) else name) for at, (n, name) in enumerate(row)] for row, path in zip(shown, paths, strict=True)]
    nodes = Counter(node for row in shown for node in row)
    order = {node: place for place, node in enumerate(sorted(nodes, key=lambda node: (node[0], node[1] == END, -nodes[node], node[1])))}
    links = Counter((order[one], order[two]) for row in shown for one, two in pairwise(row))
    return {"nodes": [[*node, nodes[node]] for node in order], "links": [[*pair, times] for pair, times in sorted(links.items())]}
