"""What the arguments of calls were: given or not, of what type, right by the tool's schema, seen in the conversation or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.rate_table import rate_table
from tau2_logging.analysis.deep.reading.recorded import TASK_KEY, Recorded, cluster_codes
from tau2_logging.analysis.deep.tool_calls.taxonomy import SCHEMA_CHECKS
from tau2_logging.statistics.intervals import Rate, rate_columns, rate_of

_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}


def _each(calls: pd.DataFrame) -> Iterator[tuple[int, str, Any, Any]]:
    """Yield (index of the call, argument, value, whether it was seen)."""
    for index, given, seen in zip(calls.index, calls["arguments"], calls["seen"], strict=True):
        for name, value in (given if isinstance(given, dict) else {}).items():
            yield index, name, value, (seen or {}).get(name) if isinstance(seen, dict) else None


def argument_use(recorded: Recorded) -> pd.DataFrame:
    """By tool and argument: given in how many of the tool's calls (with interval), distinct values, JSON types, the commonest value and
    how often.
    """
    calls = recorded.calls[recorded.calls["arguments"].notna()]
    rows: list[tuple[Any, ...]] = []
    rates: list[Rate] = []
    for (domain, tool), group in calls.groupby(["domain", "tool"]):
        clusters, found = cluster_codes(group), _values(group)
        for name, values in found.items():
            texts = Counter(map(repr, values))
            kinds = Counter(_JSON_TYPES.get(type(value), "other") for value in values)
            text, times = texts.most_common(1)[0]
            rows.append((domain, tool, name, len(texts), ", ".join(f"{kind} {n}" for kind, n in kinds.most_common()), text[:80], times))
            rates.append(rate_of([name in given for given in group["arguments"]], clusters))
    names = pd.Index(["domain", "tool", "argument", "distinct", "types", "commonest", "times"])
    return pd.DataFrame(rows, columns=names).assign(**rate_columns(rates, "given", "given", "calls"))


def _values(calls: pd.DataFrame) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for _, name, value, _ in _each(calls):
        found.setdefault(name, []).append(value)
    return found


def schema_checks(recorded: Recorded) -> pd.DataFrame:
    """By tool and check (missing, unexpected, wrong_type, outside_enum): calls that break it of the calls that were checked, with
    interval, and which arguments it was. Only events hold the check against the tool's real signature; without them the table is empty.
    """
    rows: list[tuple[Any, ...]] = []
    rates: list[Rate] = []
    for (domain, tool), group in recorded.calls.groupby(["domain", "tool"]):
        for check in SCHEMA_CHECKS:
            known = group[group[check].notna()]
            names = Counter(name for found in known[check] for name in found)
            if names:
                rows.append((domain, tool, check, ", ".join(f"{name} {n}" for name, n in names.most_common(5))))
                rates.append(rate_of([bool(found) for found in known[check]], cluster_codes(known)))
    return pd.DataFrame(rows, columns=pd.Index(["domain", "tool", "check", "arguments"])).assign(
        **rate_columns(rates, "broken", "broken", "calls")
    )


def unseen_values(recorded: Recorded) -> pd.DataFrame:
    """By tool and argument: values that did not occur before (policy, messages, tool results) of the values that could be judged, with
    interval.

    A value that was not seen was made up, computed or known by heart. Values shorter than 3 letters and truths are not judged; the whole
    text of the conversation is needed, so that only results files tell.
    """
    flat = _flat_values(recorded)
    return rate_table(
        flat[flat["seen"].notna()], ["domain", "tool", "argument"], lambda t: ~t["seen"].astype(bool), "unseen", "unseen", "judged"
    )


def unseen_and_errors(recorded: Recorded) -> pd.DataFrame:
    """Return failed calls among those with a value that had not been seen, and among the others; by domain. Calls with nothing to judge
    do not count.
    """
    flat = _flat_values(recorded)
    judged = flat[flat["seen"].notna()]
    worst = judged.groupby("call").agg(unseen=("seen", lambda s: bool((~s.astype(bool)).any())))
    calls = recorded.calls.join(worst, how="inner")
    calls["values"] = calls["unseen"].map({True: "one not seen before", False: "all seen before"})
    return rate_table(calls, ["domain", "values"], "error", "error", "errors")


def _flat_values(recorded: Recorded) -> pd.DataFrame:
    rows = []
    calls = recorded.calls
    keys = list(calls[[*TASK_KEY, "tool"]].itertuples(index=False, name=None))
    for index, name, _, seen in _each(calls):
        rows.append((*keys[index], name, index, seen))
    return pd.DataFrame(rows, columns=pd.Index([*TASK_KEY, "tool", "argument", "call", "seen"])).astype({"seen": object})


def errors_by_argument_count(recorded: Recorded) -> pd.DataFrame:
    """Return failed calls by number of arguments: errors of calls with interval, by domain."""
    calls = recorded.calls[recorded.calls["argument_count"].notna()]
    calls = calls.assign(arguments_given=calls["argument_count"].astype(int))
    table = rate_table(calls, ["domain", "arguments_given"], "error", "error", "errors")
    return table.sort_values(["domain", "arguments_given"], ignore_index=True)
