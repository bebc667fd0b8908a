"""Why each failed simulation failed: the first cause of a list that the record gives evidence for.

A cause is read from the record by rule, not proven. The order of CAUSES is that of asking: a simulation that went round in circles until
its steps ran out also lacks actions, but the circle is the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.reading.merge import Key, by_simulation, key_of, text_key
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, cluster_codes, frame, records
from tau2_logging.analysis.deep.recall import as_json, describe, gold_actions, matches
from tau2_logging.analysis.deep.rewards import solved
from tau2_logging.analysis.deep.tool_calls.loops import loops
from tau2_logging.analysis.deep.tool_calls.taxonomy import TRANSFER_WORD, kind_of_failure
from tau2_logging.statistics.intervals import rate_columns, rate_of
from tau2_logging.statistics.score import SOLVED_WITHIN

COLUMNS = (
    *RUN_KEY,
    "reward",
    "cause",
    "evidence",
    "lost_parts",
    "actions_made",
    "actions",
    "failed_calls",
    "calls",
    "first_error_kind",
    "termination",
    "measured",
)


@dataclass(frozen=True)
class Evidence:
    """What is known of one simulation."""

    simulation: Row
    calls: list[Row]
    actions: list[Row]
    loop: Row | None
    spare: frozenset[int] = frozenset()
    """Reference actions that a solved simulation of the same task went without (not made, or refused every time)."""

    @property
    def missed(self) -> list[Row]:
        """Reference actions that were not made, without the spare ones: those that write; else those that may have cost the reward, which
        one that only reads did not if the actions themselves are not scored."""
        missed = [action for action in self.actions if not action["made"] and action["index"] not in self.spare]
        writes = [action for action in missed if action["tool_type"] == "write"]
        return writes or (missed if self.may_have_cost("ACTION") else [action for action in missed if action["tool_type"] is None])

    @property
    def tried(self) -> list[Row]:
        """Missed actions whose tool was called with other arguments, in a call that is no other reference action."""
        return [action for action in self.missed if action["same_tool"] and not self._is_another(action)]

    @property
    def never_tried(self) -> list[Row]:
        """The other missed actions."""
        tried = {action["index"] for action in self.tried}
        return [action for action in self.missed if action["index"] not in tried]

    def _is_another(self, action: Row) -> bool:
        nearest = {"tool": action["tool"], "arguments": action["nearest"]}
        return any(matches(one["tool"], one["wanted"], one["compare"], nearest) for one in self.actions if one["made"])

    def may_have_cost(self, *parts: str) -> bool:
        """Return whether one of these parts of the reward was lost, or it is not known which were."""
        return not self.simulation["parts"] or bool(set(lost_parts(self.simulation)).intersection(parts))

    def unmet(self, kind: str) -> list[str]:
        """Return the checks of the evaluator that were not met."""
        return [str(text) for text, met in (self.simulation["checks"] or {}).get(kind, ()) if met is False]


def _not_scored(found: Evidence) -> str | None:
    simulation = found.simulation
    reason = str(simulation["termination"])
    scored = simulation["reward"] == simulation["reward"]
    if scored and (reason == "agent_error" or not reason.endswith("_error")):
        return None
    if simulation["status"] in ("error", "timeout", "unfinished"):
        return f"the run ended it: {simulation['status']}{_ended_in(found)}"
    return f"{reason}{_ended_in(found)}"


def _no_usable_reply(found: Evidence) -> str | None:
    if found.simulation["termination"] != "agent_error":
        return None
    return f"agent_error{_ended_in(found)}"


def _ended_in(found: Evidence) -> str:
    text = found.simulation["ended_in"]
    return f": {text}" if isinstance(text, str) else ""


def _loop(found: Evidence) -> str | None:
    if found.loop is None or found.simulation["termination"] not in ("max_steps", "too_many_errors"):
        return None
    error = (
        f", {found.loop['failed']} of {found.loop['calls']} calls failed, the last: {found.loop['last_error']}"
        if found.loop["failed"]
        else ""
    )
    return f"{found.loop['tools']} {found.loop['times']} times in a row{error}"


def _too_many_errors(found: Evidence) -> str | None:
    if found.simulation["termination"] != "too_many_errors":
        return None
    last = next((call["error_text"] for call in reversed(found.calls) if call["error"] is True), None)
    return f"the last: {last}"


def _out_of_steps(found: Evidence) -> str | None:
    return f"{len(found.calls)} calls" if found.simulation["termination"] == "max_steps" else None


def _transferred(found: Evidence) -> str | None:
    never = found.never_tried if found.may_have_cost(*_STATE) else []
    if not never or any(TRANSFER_WORD in str(action["tool"]) for action in found.actions):
        return None
    at = next((call["position"] for call in found.calls if TRANSFER_WORD in str(call["tool"]) and call["error"] is not True), None)
    return None if at is None else f"call {at + 1}, and {never[0]['tool']} was not made{_more(never)}"


def _failed_action(found: Evidence) -> str | None:
    if not found.may_have_cost(*_STATE):
        return None
    for action in found.actions:
        if action["made"] and action["failed"] and action["index"] not in found.spare and action["tool_type"] != "read":
            call = next(call for call in reversed(found.calls) if matches(action["tool"], action["wanted"], action["compare"], call))
            return f"{action['tool']}: {call['error_text']}"
    return None


def _wrong_arguments(found: Evidence) -> str | None:
    near = found.tried if found.may_have_cost(*_STATE) else []
    return f"{near[0]['tool']}: {describe(near[0]['differing'])}{_more(near)}" if near else None


def _not_attempted(found: Evidence) -> str | None:
    never = found.never_tried if found.may_have_cost(*_STATE) else []
    if not never:
        return None
    again = " for it" if never[0]["same_tool"] else ""
    return f"{never[0]['tool']} was never called{again}{_more(never)}"


_STATE = ("DB", "ACTION", "ENV_ASSERTION")
"""The parts of a reward that an action can cost."""


def _more(actions: list[Row]) -> str:
    return f" (and {len(actions) - 1} more)" if len(actions) > 1 else ""


def _unmet(kind: str, part: str) -> Callable[[Evidence], str | None]:
    return lambda found: "; ".join(found.unmet(kind)[:3]) or None if found.may_have_cost(part) else None


def _extra_change(found: Evidence) -> str | None:
    if "DB" not in lost_parts(found.simulation):
        return None
    others = [
        call for call in found.calls if call["tool_type"] == "write" and call["error"] is False and not _is_reference(call, found.actions)
    ]
    if others:
        return f"{others[0]['tool']} {as_json(others[0]['arguments'])} is not a reference action{_more(others)}"
    if not found.actions:
        return None
    return "every reference action was made, and the database still differs: something else was changed, or in another order"


def _is_reference(call: Row, actions: list[Row]) -> bool:
    return any(matches(action["tool"], action["wanted"], action["compare"], call) for action in actions)


CAUSES: tuple[tuple[str, str, Callable[[Evidence], str | None]], ...] = (
    ("not scored", "the run, the agent or the user ended in an error or a timeout", _not_scored),
    (
        "no usable reply",
        "the agent's model returned nothing that tau2 can use: an empty reply, a malformed call, a refusal, a prompt that was too long",
        _no_usable_reply,
    ),
    ("loop", "the same calls at least 3 times in a row, until steps or errors ran out", _loop),
    ("too many errors", "tau2 stopped it because of its failed calls", _too_many_errors),
    ("out of steps", "tau2's step limit", _out_of_steps),
    ("action failed", "a reference action was made, and the tool returned an error every time", _failed_action),
    ("wrong arguments", "a reference action was not made; its tool was called with other arguments", _wrong_arguments),
    (
        "transferred to a human",
        "a reference action was not tried; the agent transferred the user, as no reference action does",
        _transferred,
    ),
    ("action not attempted", "a reference action was not made; no call was a try at it", _not_attempted),
    ("information not given", "the agent did not say what the user had to be told", _unmet("communicate", "COMMUNICATE")),
    ("environment assertion", "the environment's final state is not as required", _unmet("environment", "ENV_ASSERTION")),
    ("assertion on the conversation", "the judge did not find what had to be said or done", _unmet("assertions", "NL_ASSERTION")),
    ("extra change", "no reference action that writes is missing, and the database differs", _extra_change),
)
"""Cause, what it means, and what gives evidence for it."""

UNKNOWN = "unknown"


def lost_parts(simulation: Row) -> list[str]:
    """Return the parts of the reward that are below 1."""
    return [str(part) for part, value in (simulation["parts"] or {}).items() if value < 1 - SOLVED_WITHIN]


def root_causes(recorded: Recorded) -> pd.DataFrame:
    """Return one row for each simulation that was not solved, or not scored: reward, cause, evidence, the parts of the reward that were
    lost, reference actions made of those there are, failed calls of calls, the kind of the first error, tau2's reason of the end, and the
    decisive turn if `branch --scan` has measured it.
    """
    rows = [{**_row(found), "measured": _decided(recorded, found.simulation)} for found in evidence(recorded)]
    return frame(rows, COLUMNS).astype({"reward": float})


def evidence(recorded: Recorded, gold: Iterable[Row] | None = None) -> Iterator[Evidence]:
    """Yield what is known of each simulation that was not solved, or not scored. `gold`: the rows of `gold_actions`, if they are there."""
    good = solved(recorded.simulations).eq(True)
    calls = by_simulation(records(recorded.calls))
    actions = by_simulation(records(gold_actions(recorded)) if gold is None else gold)
    circles = {key_of(row): row for row in reversed(records(loops(recorded)))}
    spare = _spare_actions(records(recorded.simulations[good]), actions)
    for row in records(recorded.simulations[~good]):
        key = key_of(row)
        yield Evidence(row, calls[key], actions[key], circles.get(key), frozenset(spare[row["domain"], row["task"]]))


def _decided(recorded: Recorded, simulation: Row) -> str | None:
    one = recorded.measured.get(text_key(simulation))
    return None if one is None else one.decided()


def _spare_actions(simulations: list[Row], actions: Mapping[Key, list[Row]]) -> defaultdict[tuple[Any, Any], set[int]]:
    found: defaultdict[tuple[Any, Any], set[int]] = defaultdict(set)
    for simulation in simulations:
        spare = [action["index"] for action in actions.get(key_of(simulation), ()) if not action["made"] or action["failed"]]
        found[simulation["domain"], simulation["task"]].update(spare)
    return found


def cause_of(found: Evidence) -> tuple[str, str | None]:
    """Return (the first cause that there is evidence for, the evidence)."""
    return next(((name, text) for name, _, find in CAUSES if (text := find(found))), (UNKNOWN, None))


def _row(found: Evidence) -> Row:
    cause, evidence = cause_of(found)
    failed = [call for call in found.calls if call["error"] is True]
    return {
        **{name: found.simulation[name] for name in (*RUN_KEY, "reward", "termination")}, "cause": cause, "evidence": evidence,
        "lost_parts": ", ".join(lost_parts(found.simulation)) or None, "actions": len(found.actions),
        "actions_made": sum(bool(action["made"]) for action in found.actions), "failed_calls": len(failed), "calls": len(found.calls),
        "first_error_kind": kind_of_failure(failed[0]) if failed else None,
    }  # fmt: skip


def cause_counts(recorded: Recorded) -> pd.DataFrame:
    """Return each cause of how many of the simulations that were not solved, with interval; the shares of a domain add up to 1."""
    table = root_causes(recorded)
    rows: list[tuple[Any, ...]] = []
    rates = []
    for domain, group in table.groupby("domain"):
        for cause in group["cause"].value_counts().index:
            rows.append((domain, cause))
            rates.append(rate_of(group["cause"].eq(cause), cluster_codes(group)))
    return pd.DataFrame(rows, columns=pd.Index(["domain", "cause"])).assign(**rate_columns(rates, "share", "simulations", "not_solved"))
