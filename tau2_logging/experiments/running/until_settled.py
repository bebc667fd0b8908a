"""Running a plan only as far as it takes: task by task in random order, every arm and trial of a task at once, with a look after each
batch that claims too much at no time (`statistics.sequential`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tau2_logging.analysis.verdict.looks import ALL_TASKS, BUDGET, SETTLED, Looks, read_looks
from tau2_logging.analysis.verdict.sentences import points
from tau2_logging.errors import UserError
from tau2_logging.experiments.cells import by_task, collect
from tau2_logging.experiments.planning.plan_file import Experiment
from tau2_logging.experiments.running.run_experiment import STOPPED, budget_is_spent, progress, run_experiment
from tau2_logging.statistics.mean_difference import LEAST_TASKS, Interval
from tau2_logging.statistics.sequential import LEVEL, stopped_interval
from tau2_logging.units import plural

BATCH = 10
"""Tasks between two looks, if nothing else is said."""


@dataclass(frozen=True)
class StoppingRule:
    """When a plan is settled: each arm's difference from the reference is not 0, or not larger than `margin` (a share; None: no end by
    that). The level is divided by the number of arms."""

    batch: int = BATCH
    margin: float | None = None

    def settled(self, found: Interval) -> bool:
        """Return whether a difference is settled."""
        if found.low != found.low:
            return False
        within = self.margin is not None and -self.margin <= found.low and found.high <= self.margin
        return found.low > 0 or found.high < 0 or within


def run_until_settled(
    experiment: Experiment, changes: Mapping[str, Any], rounds: int, rule: StoppingRule, say: Callable[[str], None] = print
) -> int:
    """Run batch after batch; the exit code. Raises UserError for a plan of several domains."""
    looks = _begun(experiment)
    looks.write(experiment.run_dir)  # before anything is run: a first batch that is interrupted belongs to it, too
    while looks.ended is None:
        if looks.tried < len(looks.order) and not _budget_is_spent(experiment, changes):
            looks = replace(looks, tried=min(len(looks.order), looks.tried + rule.batch))
            code = run_experiment(sampled(experiment, looks), changes, rounds)
            if code in STOPPED:
                return code
            looks = _unfinished(looks) if _broken_off(experiment, looks, changes) else _looked(experiment, looks, rule, say)
        else:
            looks = replace(looks, ended=ALL_TASKS if looks.tried >= len(looks.order) else BUDGET)
        looks.write(experiment.run_dir)
    say(_ending(looks))
    return 0


def _begun(experiment: Experiment) -> Looks:
    """Return the looks so far; a task that was begun is run to its end before another is."""
    if len(experiment.plan.tasks) > 1:
        raise UserError("--until settled needs a plan of one domain: tasks of several are no sample of one; make a plan for each")
    known = read_looks(experiment.run_dir)
    if known is not None:
        return replace(known, ended=None) if known.ended == BUDGET else known
    if (experiment.run_dir / "run.json").exists():
        raise UserError(
            f"{experiment.plan.name} was begun without --until settled: which tasks were run did not depend on looks; finish it without"
        )
    (tasks,) = experiment.plan.tasks.values()
    order = list(tasks)
    random.Random(f"{experiment.plan.config.seed}|order").shuffle(order)
    return Looks(order)


def sampled(experiment: Experiment, looks: Looks) -> Experiment:
    """Return the experiment as if its plan held the tasks that have been tried, and no other."""
    plan = experiment.plan
    (domain,) = plan.tasks
    config = replace(plan.config, task_ids=tuple(looks.sample))
    return replace(experiment, plan=replace(plan, config=config, tasks={domain: looks.sample}))


def _looked(experiment: Experiment, looks: Looks, rule: StoppingRule, say: Callable[[str], None]) -> Looks:
    tried = sampled(experiment, looks)
    means = by_task(collect(tried), "success")
    plan = tried.plan
    fractions = (*looks.fractions, looks.tried / len(looks.order))
    step, level = 1 / plan.config.num_trials, LEVEL / len(plan.compared)
    found = {arm: stopped_interval(means[arm] - means[plan.reference], fractions, step, level) for arm in plan.compared}
    arms = "; ".join(_told(arm, one, rule) for arm, one in found.items())
    say(f"look {len(looks.looks) + 1}: {looks.tried} of {len(looks.order)} tasks; {arms}")
    rows = {arm: {"tasks": one.tasks, "difference": one.estimate, "low": one.low, "high": one.high} for arm, one in found.items()}
    look = {"tasks": looks.tried, "arms": {arm: {name: _exact(value) for name, value in row.items()} for arm, row in rows.items()}}
    ended = SETTLED if all(map(rule.settled, found.values())) else None
    return replace(looks, looks=[*looks.looks, look], ended=ended)


def _exact(value: float) -> float | None:
    return None if value != value else value


def _told(arm: str, found: Interval, rule: StoppingRule) -> str:
    if found.low != found.low:
        return f"{arm}: {plural(found.tasks, 'task')} scored, {LEAST_TASKS} are needed"
    settled = "settled" if rule.settled(found) else "open"
    return f"{arm} {points(found.estimate)} points ({points(found.low)} to {points(found.high)}), {settled}"


def _budget_is_spent(experiment: Experiment, changes: Mapping[str, Any]) -> bool:
    return budget_is_spent(experiment, replace(experiment.plan.config, **changes))


def _broken_off(experiment: Experiment, looks: Looks, changes: Mapping[str, Any]) -> bool:
    """Return whether the budget ended in the middle of a batch: what it left out is not missing by chance, and is not looked at."""
    return _budget_is_spent(experiment, changes) and any(item.missing for item in progress(sampled(experiment, looks)))


def _unfinished(looks: Looks) -> Looks:
    return replace(looks, tried=int(looks.looks[-1]["tasks"]) if looks.looks else 0, ended=BUDGET)


def _ending(looks: Looks) -> str:
    ends = {SETTLED: "settled", BUDGET: "the budget is spent, and it is not settled", ALL_TASKS: "all tasks are done"}
    why = ends[looks.ended or SETTLED]
    left = len(looks.order) - looks.tried
    saved = f"; {left} tasks ({100 * left / len(looks.order):.0f} %) were not needed" if looks.ended == SETTLED and left else ""
    return f"{why} after {looks.tried} of {len(looks.order)} tasks{saved}"
