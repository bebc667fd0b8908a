"""What kind of error a failed call is, read from the text that the model was given. The first rule that fits decides.

The rules are written against the texts of tau2's airline, retail, telecom and mock tools, of Python's own call errors and of pydantic's
validation; what none of them fits is `other`, and shown with its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.reading.recorded import TASK_KEY, Recorded, Row, cluster_codes, filled, records
from tau2_logging.statistics.intervals import Rate, rate_columns, rate_of

HALLUCINATED_TOOL = "hallucinated tool"
SCHEMA = "schema violation"
UNKNOWN_ENTITY = "unknown entity"
POLICY = "policy refusal"
PRECONDITION = "precondition"
MALFORMED = "malformed JSON"
TRANSFER = "transfer"
PROVIDER = "provider"
OTHER = "other"

SCHEMA_CHECKS = ("missing", "unexpected", "wrong_type", "outside_enum")
"""What a call may be found to have done to its tool's signature, by events alone."""


@dataclass(frozen=True)
class Rule:
    """An error whose text the pattern is found in is of that kind; `because` says what the text tells."""

    kind: str
    pattern: str
    because: str


RULES = (
    Rule(HALLUCINATED_TOOL, r"\btool '[^']*' not found|\btools not available|tool calls are not allowed", "no such tool is offered"),
    Rule(
        MALFORMED,
        r"json ?decode|not valid json|invalid json|malformed|expecting (value|property name|',')|unterminated string",
        "arguments or reply are not JSON",
    ),
    Rule(
        SCHEMA,
        r"unexpected keyword argument|missing \d+ required (positional|keyword)|multiple values for argument|takes \d+ positional",
        "arguments that the tool's signature does not have, or lacks",
    ),
    Rule(
        SCHEMA,
        r"validation errors? for|input should be|field required|invalid (reason|policy type|environment type|characters)"
        r"|unknown id format|not a valid|invalid literal|could not convert|does not match format",
        "a value outside the type, enum or format",
    ),
    Rule(
        SCHEMA,
        r"object has no attribute|object is not (subscriptable|iterable|callable)|indices must be|unsupported operand|unhashable type"
        r"|not supported between",
        "a value of the wrong type reached the tool's code",
    ),
    Rule(
        PRECONDITION,
        r"plan not found for this line|not available on|not enough|insufficient|balance is not|non-(pending|delivered)|already"
        r"|must be (active|suspended)|is not overdue|there should be exactly one|does not match|status",
        "the state of the database forbids it now",
    ),
    Rule(
        UNKNOWN_ENTITY,
        r"not found|does not exist|no such|unknown (user|order|item|customer|line|flight)",
        "an identifier that the database does not hold",
    ),
    Rule(
        UNKNOWN_ENTITY,
        r"^(error: )?(keyerror: ?)?['\"][^'\"]*['\"]$",
        "a key that the database does not hold (a KeyError says nothing more)",
    ),
    Rule(
        POLICY,
        r"cannot be|can only|not allowed|not permitted|should (be|match)|must be|too many|exceeds|only .* (can|may)|policy",
        "a rule of the domain forbids it, whatever the state",
    ),
    Rule(
        PROVIDER,
        r"timeout|timed out|rate limit|connection|server error|service unavailable|overloaded",
        "the model's provider or the network",
    ),
)
"""In this order: a tool that is not found is no entity, a plan that a line does not have is a state."""

KINDS = (SCHEMA, UNKNOWN_ENTITY, POLICY, PRECONDITION, HALLUCINATED_TOOL, MALFORMED, TRANSFER, PROVIDER, OTHER)

TRANSFER_WORD = "transfer_to_human"


def kind_of_error(text: object) -> str:
    """Return the kind of a failed call, by its text."""
    words = " ".join(str(text or "").split()).lower()
    return next((rule.kind for rule in RULES if re.search(rule.pattern, words)), OTHER)


def kind_of_failure(call: Row) -> str:
    """Return the kind of a failed call. An entity that is not found because its identifier has not the type that the tool's signature
    asks for (`Customer with ID ['C1001'] not found`) is a schema violation; events say so, results files alone do not."""
    kind = kind_of_error(call["error_text"])
    broken = any(isinstance(found := call.get(name), list) and found for name in SCHEMA_CHECKS)
    return SCHEMA if broken and kind in (UNKNOWN_ENTITY, OTHER) else kind


def with_kinds(calls: pd.DataFrame) -> pd.DataFrame:
    """Return failed calls with the column `kind`."""
    failed = calls[calls["error"].eq(True)]
    return failed.assign(kind=[kind_of_failure(call) for call in records(failed)])


def error_kinds(recorded: Recorded) -> pd.DataFrame:
    """Return each kind of error by domain: how many of how many calls, with interval, in how many simulations, the tool most hit, an
    example.

    `transfer` counts hand-overs to a human that the task's reference actions do not have, of all simulations whose reference actions are
    known; `malformed JSON` and `provider` also count failed model calls, of all model calls.
    """
    failed = with_kinds(recorded.calls)
    rows: list[Row] = []
    rates: list[Rate] = []
    for domain, calls in recorded.calls.groupby("domain", dropna=False):
        of_domain = failed[failed["domain"] == domain]
        kinds = pd.Series(None, index=calls.index, dtype=object)
        kinds.loc[of_domain.index] = of_domain["kind"]
        for kind, group in of_domain.groupby("kind"):
            rows.append({"domain": domain, "kind": kind, "of": "tool calls", **_example(group)})
            rates.append(rate_of(kinds.eq(kind).to_numpy(), cluster_codes(calls)))
    _add(rows, rates, _transfers(recorded))
    _add(rows, rates, _model_errors(recorded))
    columns = ["domain", "kind", "of", "most_in", "example", "simulations"]
    table = pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=columns)
    table = pd.concat(
        [table[["domain", "kind", "of"]], pd.DataFrame(rate_columns(rates, "error", "errors", "calls")), table[columns[3:]]], axis=1
    )
    return table.sort_values(["errors"], ascending=False, kind="stable", ignore_index=True)


def _add(rows: list[Row], rates: list[Rate], found: list[tuple[Row, Rate]]) -> None:
    rows += [row for row, _ in found]
    rates += [rate for _, rate in found]


def _example(group: pd.DataFrame) -> Row:
    texts = filled(group["error_text"], "").astype(str)
    most = group["tool"].value_counts()
    simulations = group[["run", "domain", "task", "trial"]].drop_duplicates()
    return {"most_in": f"{most.index[0]} ({most.iloc[0]})", "example": texts.value_counts().index[0][:200], "simulations": len(simulations)}


def _transfers(recorded: Recorded) -> list[tuple[Row, Rate]]:
    """Return simulations handed over to a human that should not have been."""
    wanted = {(row["domain"], row["task"]) for row in records(recorded.gold) if TRANSFER_WORD in str(row["tool"])}
    known = set(recorded.gold[TASK_KEY].itertuples(index=False, name=None))
    keys = ["run", *TASK_KEY, "trial"]
    calls = recorded.calls[recorded.calls["tool"].astype(str).str.contains(TRANSFER_WORD) & recorded.calls["error"].eq(False)]
    done = set(calls[keys].itertuples(index=False, name=None))
    found = []
    tasks = recorded.simulations[TASK_KEY].itertuples(index=False, name=None)
    simulations = recorded.simulations[np.array([task in known for task in tasks], dtype=bool)]  # a list would be columns if it is empty
    for domain, group in simulations.groupby("domain"):
        hit = [row in done and row[1:3] not in wanted for row in group[keys].itertuples(index=False, name=None)]
        if any(hit):
            text = "transferred to a human although the reference actions do not"
            row = {"domain": domain, "kind": TRANSFER, "of": "simulations", "example": text, "simulations": sum(hit)}
            found.append((row, rate_of(hit, cluster_codes(group))))
    return found


def _model_errors(recorded: Recorded) -> list[tuple[Row, Rate]]:
    """Return failed model calls, known from the log alone."""
    replies = recorded.replies
    if replies["error_type"].isna().all():
        return []
    kinds = replies["error_type"].map(lambda text: None if text is None or text != text else _kind_of_model_error(text))
    found = []
    for (domain, kind), group in replies.assign(kind=kinds).dropna(subset=["kind"]).groupby(["domain", "kind"]):
        of_domain = replies["domain"].eq(domain)
        example = {**_example(group.assign(error_text=group["error_type"], tool=group["role"]))}
        rate = rate_of(kinds[of_domain].eq(kind), cluster_codes(replies[of_domain]))
        found.append(({"domain": domain, "kind": kind, "of": "model calls", **example}, rate))
    return found


def _kind_of_model_error(text: object) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(text))
    kind = kind_of_error(words)
    return kind if kind == MALFORMED else PROVIDER


def error_examples(recorded: Recorded, most: int = 5) -> pd.DataFrame:
    """Return the commonest texts of each kind: how often, the tool, and one simulation to look at."""
    failed = with_kinds(recorded.calls)
    groups = failed.groupby(["domain", "kind", "tool", "error_text"], dropna=False, sort=True)
    table = groups.agg(times=("error", "size"), task=("task", "first"), trial=("trial", "first")).reset_index()
    table = table.sort_values(["times"], ascending=False, kind="stable")
    return table.groupby(["domain", "kind"], sort=False).head(most).sort_values(["domain", "kind"], kind="stable", ignore_index=True)


def after_errors(recorded: Recorded) -> pd.DataFrame:
    """Return what followed a failed call in its simulation, by kind: the same tool succeeded later, failed again, or was not tried again.

    Without calls of tools that do not exist, which cannot succeed.
    """
    calls = recorded.calls
    failed = with_kinds(calls)
    failed = failed[failed["kind"] != HALLUCINATED_TOOL]
    tries: dict[tuple[Any, ...], list[Row]] = {}
    for row in records(calls):
        tries.setdefault(_same_tool(row), []).append(row)
    failed = failed.assign(after=[_after(row, tries[_same_tool(row)]) for row in records(failed)])
    rows, rates = [], []
    for (domain, kind), group in failed.groupby(["domain", "kind"]):
        for after in ("succeeded later", "failed again", "not tried again"):
            rows.append({"domain": domain, "kind": kind, "the_same_tool": after})
            rates.append(rate_of(group["after"].eq(after), cluster_codes(group)))
    return pd.DataFrame(rows, columns=["domain", "kind", "the_same_tool"]).assign(**rate_columns(rates, "share", "times", "errors"))


def _same_tool(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("run", *TASK_KEY, "trial", "tool", "requestor"))


def _after(row: Row, tries: list[Row]) -> str:
    later = [other["error"] for other in tries if other["position"] > row["position"]]
    return "succeeded later" if False in later else "failed again" if later else "not tried again"
