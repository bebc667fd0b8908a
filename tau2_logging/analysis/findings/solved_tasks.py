"""Findings about the outcome: tasks that were never solved or solved sometimes, failures without a document that their task requires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from tau2_logging.analysis.findings.finding import SIMULATIONS, TOUCHED, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, listed, simulation_names
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import solved
from tau2_logging.analysis.tables.task_outcomes import task_outcomes
from tau2_logging.units import plural, share

LEAST_TASKS = 5
"""With fewer tasks that have a reward, nothing is told of tasks."""


def never_solved(run: RunFacts) -> Iterator[Finding]:
    """Tell of tasks without a solved simulation, if LEAST_TASKS tasks have a reward; with the deep analysis also the likely causes."""
    scored = _scored_tasks(run)
    never = scored[scored["solved"] == 0]
    if len(scored) < LEAST_TASKS or never.empty:
        return
    failed = run.simulations.merge(never[["domain", "task"]], on=["domain", "task"])
    failed = failed[failed["scored"]]
    yield Finding(
        "never_solved",
        f"{len(never):,} of {plural(len(scored), 'task')} {'were' if len(never) > 1 else 'was'} {_in_trials(never)}: "
        f"{_tasks(run, never)}.{_causes(run)}",
        _read_first(run),
        len(never) / len(scored),
        SIMULATIONS,
        Proof("cause_counts" if len(run.deep_table("cause_counts")) else "tasks", (), simulation_names(failed)),
        {"never_solved": len(never), "tasks": len(scored), "simulations": len(failed)},
        Saving(simulations=len(failed)),
    )


def sometimes_solved(run: RunFacts) -> Iterator[Finding]:
    """Tell of tasks that some trials solved and others did not, of at least LEAST_TASKS tasks that have a reward in two trials."""
    scored = _scored_tasks(run)
    several = scored[scored["scored"] >= 2]
    some = several[(several["solved"] > 0) & (several["solved"] < several["scored"])]
    if len(several) < LEAST_TASKS or some.empty:
        return
    both = run.simulations.merge(some[["domain", "task"]], on=["domain", "task"])
    failed = both[both["scored"] & ~both["solved"]]
    yield Finding(
        "sometimes_solved",
        f"{len(some):,} of {plural(len(several), 'task')} with several trials {'were' if len(some) > 1 else 'was'} solved in some trials "
        f"and not in others: {_tasks(run, some)}.",
        "Compare a solved trial with a failed one of the same task: what differs first is what to make reliable.",
        len(some) / len(several),
        TOUCHED,
        Proof("tasks", (), simulation_names(failed)),
        {"sometimes_solved": len(some), "tasks": len(several), "failed_simulations": len(failed)},
        Saving(simulations=len(failed)),
    )


def _scored_tasks(run: RunFacts) -> pd.DataFrame:
    table = task_outcomes(run.simulations)
    return table[table["scored"] > 0] if run.is_one_arm else table.head(0)


def _in_trials(never: pd.DataFrame) -> str:
    most = int(never["scored"].max())
    return "not solved" if most == 1 else f"never solved in up to {most} trials"


def _tasks(run: RunFacts, tasks: pd.DataFrame) -> str:
    several = run.simulations["domain"].nunique() > 1
    return listed(f"{row.domain}:{row.task}" if several else str(row.task) for row in tasks.itertuples())


def _causes(run: RunFacts) -> str:
    table = run.deep_table("cause_counts")
    if table.empty:
        return ""
    counts: Counter[str] = Counter()
    for row in table.itertuples():
        counts[str(row.cause)] += int(row.simulations)
    causes = ", ".join(f"{cause} ({number:,})" for cause, number in counts.most_common(3))
    return f" Likely causes of the {counts.total():,} simulations that were not solved: {causes}."


def _read_first(run: RunFacts) -> str:
    return (
        "Open the simulations to verify the causes, which are found by rules."
        if run.deep is not None
        else "Analyze with --deep to see why."
    )


LEAST_FAILURES, LEAST_MISSING, LEAST_SHARE = 5, 2, 0.2


def missing_documents(run: RunFacts) -> Iterator[Finding]:
    """Tell in how many failures a required document was never retrieved: of at least LEAST_FAILURES whose documents are known,
    LEAST_MISSING and LEAST_SHARE of them, and more often than in solved simulations, if there are any.
    """
    table = run.log.documents_found()
    known = table[table["found"].notna() & table["reward"].notna()]
    failed, fine = known[~solved(known)], known[solved(known)]
    missing = _missing(failed)
    if len(failed) < LEAST_FAILURES or len(missing) < max(LEAST_MISSING, LEAST_SHARE * len(failed)) or not run.is_one_arm:
        return
    if len(fine) and len(_missing(fine)) / len(fine) >= len(missing) / len(failed):
        return
    none = int((missing["found"] == 0).sum())
    yield Finding(
        "missing_documents",
        f"In {len(missing):,} of {plural(len(failed), 'failure')} a required document was never retrieved"
        f"{f', in {none:,} of them not one' if none else ''}. Failures found {_found(failed)} of their required documents"
        f"{f', solved simulations {_found(fine)}' if len(fine) else ''}.",
        "Read the queries of these simulations; --retrieval-config golden_retrieval shows what the agent solves if it has the documents.",
        len(missing) / max(1, len(run.simulations)),
        SIMULATIONS,
        Proof("documents_found", (), simulation_names(missing)),
        {"missing": len(missing), "failures": len(failed), "found_none": none, "solved": len(fine), "missing_solved": len(_missing(fine))},
        Saving(simulations=len(missing)),
    )


def _missing(table: pd.DataFrame) -> pd.DataFrame:
    return table[as_floats(table["found"]) < as_floats(table["required"])]


def _found(table: pd.DataFrame) -> str:
    return share(float(np.sum(as_floats(table["found"])) / np.sum(as_floats(table["required"]))))
