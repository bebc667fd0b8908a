"""Faults counted: shares of the simulations that were not solved, and the agent's success if only its own failures counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.attribution.accusation import AGENT, UNKNOWN
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import Recorded, cluster_codes
from tau2_logging.analysis.deep.rewards import solved
from tau2_logging.statistics.intervals import rate_columns, rate_of

_MOST_RULES = 3


def fault_counts(recorded: Recorded) -> pd.DataFrame:
    """Return each fault by domain (or arm): of how many of the simulations that were not solved, with interval, and the rules that said so;
    the shares of a domain add up to 1."""
    table = attribution(recorded)
    rows: list[tuple[Any, ...]] = []
    rates = []
    rules = []
    for domain, group in table.groupby("domain"):
        for fault in group["fault"].value_counts().index:
            mine = group["fault"].eq(fault)
            rows.append((domain, fault))
            rates.append(rate_of(mine, cluster_codes(group)))
            rules.append(_rules(group[mine]))
    counted = pd.DataFrame(rows, columns=pd.Index(["domain", "fault"]))
    return counted.assign(**rate_columns(rates, "share", "simulations", "not_solved"), rules=rules)


def _rules(group: pd.DataFrame) -> str | None:
    counts = Counter(str(rule) for rule in group["rule"] if isinstance(rule, str))
    return ", ".join(f"{rule} ({number})" for rule, number in counts.most_common(_MOST_RULES)) or None


def agent_success(recorded: Recorded) -> pd.DataFrame:
    """Return the success of each domain (or arm) as it is counted, solved of scored, and if only the agent's failures counted: simulations
    that failed by somebody else's fault are left out. `agent_only_rate_low` takes those of unknown fault as the agent's,
    `agent_only_rate_high` leaves them out.
    """
    faults = attribution(recorded)
    rows = []
    for domain, group in recorded.simulations.groupby("domain"):
        of_domain = faults[faults["domain"] == domain]["fault"]
        won, scored = int(solved(group).eq(True).sum()), int(group["reward"].notna().sum())
        unknown = int(of_domain.eq(UNKNOWN).sum())
        others = int((~of_domain.isin([AGENT, UNKNOWN])).sum())
        rows.append({
            "domain": domain, "simulations": len(group), "scored": scored, "solved": won, "success_rate": _share(won, scored),
            "agents": int(of_domain.eq(AGENT).sum()), "others": others, "unknown": unknown,
            "agent_only_rate_low": _share(won, len(group) - others), "agent_only_rate_high": _share(won, len(group) - others - unknown),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
