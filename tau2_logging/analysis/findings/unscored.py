"""Findings about simulations that gave no result: without a score, or stopped at the time limit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tau2_logging.analysis.findings.finding import SIMULATIONS, TIME, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, short, simulation_names
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY, UNKNOWN, score
from tau2_logging.units import duration, plural

_HOW = {"error": "ended in error", "timeout": "timed out", "unfinished": "never ended", "ok": "had no reward"}
TIMEOUT = "timeout"
LEAST_OUT = 2
_LIMITS = {"max_steps": ("steps", "--max-steps"), "too_many_errors": ("tool errors", "--max-errors")}


def not_scored(run: RunFacts) -> Iterator[Finding]:
    """Tell of simulations without a score, however few: the mean reward is not of them. Not of a log that knows no outcomes."""
    table = run.simulations
    missing = table[~table["scored"] & (table["status"] != UNKNOWN)]
    if missing.empty:
        return
    ends = missing["status"].value_counts()
    how = ", ".join(f"{number:,} {_HOW.get(str(status), f'ended in {status}')}" for status, number in ends.items())
    yield Finding(
        "not_scored",
        f"{len(missing):,} of {plural(len(table), 'simulation')} {'have' if len(missing) > 1 else 'has'} no score: {how}"
        f"{_errors(missing)}.{_mean(run)}",
        f"Run them again with --resume and the run's folder{_folder(run)}; until then compare no mean reward with another run's.",
        len(missing) / len(table),
        SIMULATIONS,
        Proof("tasks", (), simulation_names(missing)),
        {"not_scored": len(missing), "simulations": len(table), "by_status": {str(key): int(value) for key, value in ends.items()}},
        Saving(simulations=len(missing)),
    )


def _folder(run: RunFacts) -> str:
    return f" (runs/{short(run.log.run_id)}, beside the log)" if run.log.run_id else ""


def _errors(missing: pd.DataFrame) -> str:
    kinds = missing["error_type"].dropna().value_counts()
    return f" (most often {short(kinds.index[0])})" if len(kinds) else ""


def _mean(run: RunFacts) -> str:
    found = score(run.simulations)
    if found.mean is None or not run.is_one_arm:
        return ""
    return f" The mean reward of {found.mean:.3f} is of the other {found.scored:,}; with these as failed it is {found.mean_if_failed:.3f}."


def time_outs(run: RunFacts) -> Iterator[Finding]:
    """Tell of simulations that were stopped at the time limit, and what they waited on."""
    stopped = run.log.stuck()
    stopped = stopped[stopped["status"] == TIMEOUT]
    if stopped.empty:
        return
    limits = run.log.select(["limit_ms"], types=["stuck"])["limit_ms"].dropna()
    lost = run.simulations.merge(stopped[KEY], on=KEY)
    lost_ms = float(np.nansum(as_floats(lost["duration_ms"])))
    yield Finding(
        "time_outs",
        f"{len(stopped):,} of {plural(len(run.simulations), 'simulation')} {'were' if len(stopped) > 1 else 'was'} stopped at the time "
        f"limit{f' of {duration(limits.max())}' if len(limits) else ''}{_waited_on(stopped)}.",
        "If they were working, raise --task-timeout; if they were waiting, set --request-timeout so that a call is made again.",
        run.time_share(lost_ms),
        TIME,
        Proof("unfinished", (), simulation_names(stopped)),
        {"time_outs": len(stopped), "simulations": len(run.simulations), "lost_ms": lost_ms},
        Saving(run.wall_part(lost_ms), simulations=len(stopped)),
    )


def _waited_on(stopped: pd.DataFrame) -> str:
    known = stopped.dropna(subset=["waiting_on"])
    if known.empty:
        return ""
    what, number = known["waiting_on"].value_counts().index[0], int(known["waiting_on"].value_counts().iloc[0])
    models = known.loc[known["waiting_on"] == what, "model"].dropna()
    return f"; {number:,} of them waited on {short(what)}{f' ({short(models.iloc[0])})' if len(models) else ''}"


def out_of_steps(run: RunFacts) -> Iterator[Finding]:
    """Tell of at least LEAST_OUT simulations that a limit on steps or tool errors ended: they count as failed."""
    ended = run.simulations[run.simulations["termination"].isin(list(_LIMITS))]
    if len(ended) < LEAST_OUT:
        return
    counts = ended["termination"].value_counts()
    limits = [
        f"the limit on {_LIMITS[str(reason)][0]}" + (f" ({number:,})" if len(counts) > 1 else "") for reason, number in counts.items()
    ]
    flags = " and ".join(_LIMITS[str(reason)][1] for reason in counts.index)
    lost = int((~ended["solved"]).sum())
    yield Finding(
        "out_of_steps",
        f"{len(ended):,} of {plural(len(run.simulations), 'simulation')} were ended by {' or '.join(limits)}; tau2 counts them as failed.",
        f"See whether they went in circles; if they made progress, raise {flags}.",
        len(ended) / len(run.simulations),
        SIMULATIONS,
        Proof("tasks", (), simulation_names(ended)),
        {"ended": len(ended), "simulations": len(run.simulations), "by_limit": {str(key): int(value) for key, value in counts.items()}},
        Saving(simulations=lost),
    )
