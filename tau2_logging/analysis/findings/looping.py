"""Findings about agents that make the same calls again and again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tau2_logging.analysis.findings.finding import SIMULATIONS, TOUCHED, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, short, simulation_names
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.statistics.score import is_solved

LEAST_SIMULATIONS = 2
TIMES = 3
_NAMES = ["domain", "task", "trial"]
_ADVICE = "Open one and look at what the tool answered: an agent that sees its error again may need it explained, or a limit on repeats."


def loops(run: RunFacts) -> Iterator[Finding]:
    """Tell of loops in at least LEAST_SIMULATIONS simulations: with the deep analysis the same calls TIMES in a row, else calls with the
    same arguments TIMES in a simulation (which only a log at level DEBUG holds).
    """
    if run.deep is not None:
        yield from _in_a_row(run)
    else:
        yield from _repeated(run)


def _in_a_row(run: RunFacts) -> Iterator[Finding]:
    table = run.deep_table("loops")
    found = table.drop_duplicates(_NAMES) if len(table) else table
    if len(found) < LEAST_SIMULATIONS:
        return
    rewards = as_floats(found["reward"])
    lost = found[~np.isnan(rewards) & ~np.array([is_solved(reward) for reward in rewards])]
    longest, all_of_them = table.iloc[0], max(1, len(run.simulations))
    yield Finding(
        "loops",
        f"In {len(found):,} of {len(run.simulations):,} simulations the same calls were made at least {TIMES} times in a row, and "
        f"{len(lost):,} of these were not solved; the longest: {short(longest['tools'])}, {int(longest['times']):,} times.",
        _ADVICE,
        len(lost) / all_of_them if len(lost) else len(found) / all_of_them,
        SIMULATIONS if len(lost) else TOUCHED,
        Proof("loops", (), simulation_names(lost if len(lost) else found)),
        {"simulations": len(found), "of_simulations": len(run.simulations), "not_solved": len(lost), "longest": int(longest["times"])},
        Saving(simulations=len(lost)),
    )


def _repeated(run: RunFacts) -> Iterator[Finding]:
    table = run.log.repeated_calls()
    table = table[table["n"] >= TIMES]
    found = table.drop_duplicates(_NAMES) if len(table) else pd.DataFrame()
    if len(found) < LEAST_SIMULATIONS:
        return
    longest = table.iloc[0]
    yield Finding(
        "loops",
        f"In {len(found):,} of {len(run.simulations):,} simulations a call was made at least {TIMES} times with the same arguments, most "
        f"often {short(longest['function'])}, {int(longest['n']):,} times in one simulation.",
        _ADVICE,
        len(found) / max(1, len(run.simulations)),
        TOUCHED,
        Proof("repeated_calls", (), simulation_names(found)),
        {"simulations": len(found), "of_simulations": len(run.simulations), "most": int(longest["n"])},
    )
