"""What judged verdicts differ by: the task, the user, the trial, how strict a judge is, which conversations judges disagree on, and a
judge's own noise.

Estimates are by the method of moments on complete data, in which every judge judged every conversation equally often: Searle, Casella and
McCulloch (1992), "Variance Components", chapters 3 and 5. Judges are those that were asked, no sample of others. Intervals resample tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tau2_logging.statistics.intervals import LEAST_CLUSTERS
from tau2_logging.statistics.resampled import resampled_ends

RESAMPLES = 1000
TASK, USER, TRIAL, JUDGE, DISAGREEMENT, NOISE = "task", "user", "trial", "judge", "judge and conversation", "judge again"


@dataclass(frozen=True)
class VariancePart:
    """`variance` that a part has in verdicts of 0 and 1, with its interval (95 %, NaN for fewer than 5 tasks); its `share` of all parts.

    An estimate below 0 counts as 0 in the share. NaN with a `remark`: the data cannot tell.
    """

    name: str
    variance: float
    low: float
    high: float
    share: float
    remark: str = ""


def variance_parts(verdicts: Any, tasks: Sequence[object], users: Sequence[object], seed: int = 0) -> list[VariancePart]:
    """Return the parts of verdicts, an array of conversations x judges x repetitions of 0 and 1; `tasks`, `users` of the conversations."""
    values = np.asarray(verdicts, dtype=float)
    _, task = np.unique(np.asarray(list(map(str, tasks))), return_inverse=True)
    _, user = np.unique(np.asarray(list(map(str, users))), return_inverse=True)
    found = _estimates(values, task, user)
    low, high = _intervals(values, task, user, seed)
    whole = sum(max(0.0, value) for value in found.values() if not np.isnan(value))
    return [
        VariancePart(
            name, value, low[name], high[name], max(value, 0.0) / whole if whole > 0 else float("nan"),
            _UNKNOWN[name] if np.isnan(value) else "",
        )
        for name, value in found.items()
    ]  # fmt: skip


_UNKNOWN = {
    TASK: "there is one task",
    USER: "no task was played with two users",
    TRIAL: "no task was played twice",
    JUDGE: "there is one judge",
    DISAGREEMENT: "there is one judge",
    NOISE: "no judge was asked twice (--trials)",
}


def _estimates(values: Any, task: Any, user: Any) -> dict[str, float]:
    conversations, judges, times = values.shape
    nothing = float("nan")
    noise = float(values.var(axis=2, ddof=1).mean()) if times > 1 else nothing
    cells = values.mean(axis=2)
    means = cells.mean(axis=1)
    apart = judge = disagreement = nothing
    if judges > 1 and conversations > 1:
        by_judge = cells.mean(axis=0)
        rest = cells - means[:, None] - by_judge[None, :] + cells.mean()
        apart = float((rest**2).sum() / ((conversations - 1) * (judges - 1)))
        judge = float(by_judge.var(ddof=1) - apart / conversations)
        disagreement = apart - (noise / times if times > 1 else 0.0)
    inside = apart / judges if judges > 1 else (noise / times if times > 1 else 0.0)
    by_task, by_user, trial = _nested(means, task, user)
    return {
        TASK: by_task, USER: by_user, TRIAL: trial - (0.0 if np.isnan(inside) else inside), JUDGE: judge, DISAGREEMENT: disagreement,
        NOISE: noise,
    }  # fmt: skip


def _nested(means: Any, task: Any, user: Any) -> tuple[float, float, float]:
    """Return the variances of tasks, of users within a task, and of conversations within both, of unequal numbers (Searle et al., 5.3)."""
    cells = task * (int(user.max()) + 1) + user
    n, in_task, in_cell = len(means), _sizes(task), _sizes(cells)
    of_cell = np.array([task[cells == cell][0] for cell in np.unique(cells)])
    task_sizes = in_task[np.searchsorted(np.unique(task), of_cell)]
    tasks, groups = len(in_task), len(in_cell)
    between_tasks = float((in_task * (_means(means, task) - means.mean()) ** 2).sum())
    between_cells = float((in_cell * (_means(means, cells) - means.mean()) ** 2).sum()) - between_tasks
    within = float(((means - _means(means, cells)[np.searchsorted(np.unique(cells), cells)]) ** 2).sum())
    nothing = float("nan")
    trial = within / (n - groups) if n > groups else nothing
    spread = float((in_cell**2 / task_sizes).sum())
    user_part = (between_cells / (groups - tasks) - trial) / ((n - spread) / (groups - tasks)) if groups > tasks and n > groups else nothing
    if tasks < 2:
        return nothing, user_part, trial
    of_users = (spread - float((in_cell**2).sum()) / n) / (tasks - 1)
    of_tasks = (n - float((in_task**2).sum()) / n) / (tasks - 1)
    known = (0.0 if np.isnan(trial) else trial) + (0.0 if np.isnan(user_part) else of_users * user_part)
    return (between_tasks / (tasks - 1) - known) / of_tasks, user_part, trial


def _sizes(codes: Any) -> Any:
    return np.unique(codes, return_counts=True)[1].astype(float)


def _means(values: Any, codes: Any) -> Any:
    _, places = np.unique(codes, return_inverse=True)
    return np.bincount(places, weights=values) / np.bincount(places)


def _intervals(values: Any, task: Any, user: Any, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    names = (TASK, USER, TRIAL, JUDGE, DISAGREEMENT, NOISE)
    tasks = np.unique(task)
    if len(tasks) < LEAST_CLUSTERS:
        nothing = dict.fromkeys(names, float("nan"))
        return nothing, nothing
    draw = np.random.default_rng(seed)
    places = [np.flatnonzero(task == one) for one in tasks]
    rows = []
    for _ in range(RESAMPLES):
        chosen = draw.integers(len(tasks), size=len(tasks))
        at = np.concatenate([places[one] for one in chosen])
        as_new = np.repeat(np.arange(len(tasks)), [len(places[one]) for one in chosen])
        rows.append(list(_estimates(values[at], as_new, user[at]).values()))
    ends = dict(zip(names, (resampled_ends(column, len(tasks)) for column in np.array(rows).T), strict=True))
    return {name: low for name, (low, _) in ends.items()}, {name: high for name, (_, high) in ends.items()}
