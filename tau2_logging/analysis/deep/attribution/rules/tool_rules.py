"""The tools' fault: a reference action was called rightly and the tool broke, or a read contradicts what the database held."""

from __future__ import annotations

import json
import re

from tau2_logging.analysis.deep.attribution.accusation import TOOLS, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase, call_failed, may_write, named_things, only_reads
from tau2_logging.analysis.deep.reading.recorded import Row

_BROKEN = re.compile(
    r"traceback|internal (server )?error|timed? ?out|connection|unavailable|nonetype|has no attribute|object is not|list index|recursion"
    r"|broken pipe|\bexception\b",
    re.IGNORECASE,
)


def _broke(case: FailedCase) -> Shown | None:
    """A reference write failed every time, and the last error is no refusal."""
    for action in case.evidence.actions:
        if action["made"] and action["failed"] and action["index"] not in case.evidence.spare:
            calls = [call for call in case.evidence.calls if call["tool"] == action["tool"] and call["arguments"] == action["wanted"]]
            errors = [call for call in calls if call_failed(call)]
            if errors and len(errors) == len(calls) and all(_is_broken(call) for call in errors) and not case.extra:
                return Shown(errors[-1]["turn"], f"{action['tool']} was called as the reference does and broke: {_error(errors[-1])[:120]}")
    return None


def _error(call: Row) -> str:
    return str(call["error_text"] or call["result"] or "")


def _is_broken(call: Row) -> bool:
    return bool(_BROKEN.search(_error(call)))


def _unreadable(case: FailedCase) -> Shown | None:
    """What a missing reference write is done to could not be read: every read of it broke, and the agent had tried again."""
    for action in () if case.extra else case.missing:
        names = named_things(action["wanted"])
        reads = [call for call in case.evidence.calls if only_reads(call["tool"], call["tool_type"]) and _is_about(call, names)]
        if len(reads) > 1 and all(call_failed(call) and _is_broken(call) for call in reads):
            return Shown(reads[-1]["turn"], f"{sorted(names)[0]} could not be read: {_error(reads[-1])[:120]}")
    return None


def _is_about(call: Row, names: set[str]) -> bool:
    return bool(named_things(call["arguments"] or {}) & names)


def _contradicts(case: FailedCase) -> Shown | None:
    """The same read gave two results with no write between them."""
    if not case.missing or case.extra:
        return None
    seen: dict[str, str] = {}
    for call in case.evidence.calls:
        if not only_reads(call["tool"], call["tool_type"]):
            seen.clear()
        elif not call_failed(call):
            key = f"{call['tool']} {json.dumps(call['arguments'], sort_keys=True, default=str)}"
            text = str(call["result"] or "")
            if key in seen and seen[key] != text:
                return Shown(call["turn"], f"{call['tool']} returned two different results without a write between them")
            seen[key] = text
    return None


def _on_purpose(case: FailedCase) -> Shown | None:
    """A fault of `--tool-faults` hit a call, and the same call did not succeed later; or the wait for a slow tool used up the time."""
    hit = [call for call in case.evidence.calls if isinstance(call.get("injected"), str)]
    if case.extra_beyond(case.missing):
        return None
    for call in hit:
        if call["injected"] == "slow":
            if str(case.simulation["status"]) == "timeout":
                return Shown(call["turn"], f"{call['tool']} was slow on purpose, and the simulation ran out of time")
        elif _counts(case, call) and not any(_makes_up_for(later, call) for later in case.evidence.calls):
            return Shown(call["turn"], f"{call['tool']} failed on purpose ({call['injected']}), and the call did not succeed later")
    return None


def _counts(case: FailedCase, call: Row) -> bool:
    """Return whether the call may have cost the reward: a read, or a write of which a reference action is missing."""
    return not may_write(call["tool"], call["tool_type"]) or call["tool"] in {action["tool"] for action in case.missing}


def _makes_up_for(later: Row, call: Row) -> bool:
    alike = later["tool"] == call["tool"] and later["arguments"] == call["arguments"] and later["position"] > call["position"]
    return alike and not call_failed(later) and later.get("injected") in (None, "slow")


ON_PURPOSE = FaultRule("fault on purpose", TOOLS, "what `--tool-faults` did to calls, later calls", _on_purpose)
"""Asked before the infrastructure's rules: a slow tool may have used up the time."""

RULES = (
    FaultRule("tool broke", TOOLS, "errors of reference calls", _broke),
    FaultRule("what was needed could not be read", TOOLS, "errors of reads, missing reference writes", _unreadable),
    FaultRule("results contradict each other", TOOLS, "results of equal reads", _contradicts),
)
