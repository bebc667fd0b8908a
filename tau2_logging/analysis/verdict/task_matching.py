"""Which tasks two sides have in common: by domain, id and the text of the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tau2_logging.analysis.verdict.sides import TASK, ComparedRun, Task

ANY = "no domain in common"
"""The domain of a pair that has none in common."""


@dataclass(frozen=True)
class Matching:
    """Tasks of one domain: in both, in one alone, and in both under one id with different texts."""

    both: Sequence[Task]
    only_a: Sequence[Task]
    only_b: Sequence[Task]
    told_differently: Sequence[Task]


def matched(a: ComparedRun, b: ComparedRun, domain: str) -> Matching:
    """Return the tasks of a domain, in the order of the first side."""
    mine, theirs = (_tasks(side, domain) for side in (a, b))
    shared = [task for task in mine if task in theirs]
    changed = [task for task in shared if task in a.texts and task in b.texts and a.texts[task] != b.texts[task]]
    both = [task for task in shared if task not in changed]
    return Matching(both, [task for task in mine if task not in theirs], [task for task in theirs if task not in mine], changed)


def _tasks(side: ComparedRun, domain: str) -> dict[Task, None]:
    rows = side.simulations if domain == ANY else side.simulations[side.simulations["domain"] == domain]
    return dict.fromkeys(zip(rows["domain"], rows["task"], strict=True))


def domains_of(a: ComparedRun, b: ComparedRun) -> list[str]:
    """Return the domains that both did: tasks of two domains are never one sample. `ANY` if there is none."""
    theirs = set(b.simulations["domain"])
    return [name for name in dict.fromkeys(a.simulations["domain"]) if name in theirs] or [ANY]


def outcomes_by_task(side: ComparedRun, tasks: Sequence[Task], unscored: float = np.nan) -> pd.DataFrame:
    """Return trials, scored, solved and share of each task, in their order. `unscored`: what a simulation without a score counts as."""
    rows = side.simulations.assign(outcome=side.simulations["outcome"].fillna(unscored))
    groups = rows.groupby(TASK, sort=False)["outcome"]
    table = pd.DataFrame({"trials": groups.size(), "scored": groups.count(), "solved": groups.sum()})
    table = table.reindex(pd.MultiIndex.from_tuples(list(tasks), names=TASK)) if tasks else table.iloc[:0]
    return table.assign(share=table["solved"] / table["scored"].where(table["scored"] > 0))
