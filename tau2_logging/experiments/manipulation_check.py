"""Did a variant change how the user writes? Without that, a difference between arms is no effect of the variant.

For each arm with a variant: the prompt has to have reached the model (`injection`), and every marker that the variant was declared to
move has to have moved that way against the reference, within task. Cue phrases have to be more than in the placebo too, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.experiments.cells import KEY, by_task
from tau2_logging.experiments.effects import effects
from tau2_logging.experiments.injection import Injection
from tau2_logging.experiments.markers import markers
from tau2_logging.experiments.planning.plan_file import ExperimentPlan
from tau2_logging.statistics.multiplicity import benjamini_hochberg

PLACEBO = "placebo"
MARKERS = ("cue_phrases", "exclamations", "politeness", "hedges", "questions", "words", "sentiment")
DELIVERED, NOT_DELIVERED, NO_VARIANT, UNDECLARED = "delivered", "not delivered", "no variant", "prompt delivered, nothing declared"


@dataclass(frozen=True)
class Verdict:
    """Whether an arm's variant was delivered, and why not."""

    arm: str
    verdict: str
    reasons: tuple[str, ...] = ()

    @property
    def may_speak(self) -> bool:
        """Whether `analyze` may speak of an effect of this arm."""
        return self.verdict != NOT_DELIVERED


def marker_table(plan: ExperimentPlan, cells: pd.DataFrame, seed: int = 0, resamples: int = 9999) -> pd.DataFrame:
    """Return a row for each domain, arm with a variant, what it is held against (reference, placebo) and marker: both means, their paired
    difference with 95 % interval, p (adjusted by Benjamini and Hochberg within domain, arm and comparison), and which way was declared.
    """
    rows = []
    for arm in _with_text(plan):
        variant = plan.arm(arm).variant
        assert variant is not None
        for other in dict.fromkeys((plan.reference, *([PLACEBO] if PLACEBO in plan.arms else []))):
            if other == arm:
                continue
            for domain in plan.tasks:
                counted = _counted(cells[cells["domain"].eq(domain)], (arm, other), variant.cues)
                for marker in MARKERS:
                    rows.append({"domain": domain, **_row(counted, arm, other, marker, variant.expect, seed, resamples)})
    return _adjusted(pd.DataFrame(rows))


def _with_text(plan: ExperimentPlan) -> list[str]:
    """Return arms that a text was given to; one without is tau2's own user."""
    return [arm.name for arm in plan.config.arms if arm.variant is not None and arm.variant.text and arm.name != plan.reference]


def _counted(cells: pd.DataFrame, arms: tuple[str, str], cues: tuple[str, ...]) -> pd.DataFrame:
    chosen = cells[cells["arm"].isin(arms) & cells["status"].eq("ok")]
    found = pd.DataFrame([markers(texts, cues) for texts in chosen["user_texts"]], index=chosen.index, columns=list(MARKERS), dtype=float)
    return pd.concat([chosen[KEY], found], axis=1)


def _row(counted: pd.DataFrame, arm: str, other: str, marker: str, expect: Mapping[str, str], seed: int, resamples: int) -> dict[str, Any]:
    means = by_task(counted, marker).reindex(columns=[other, arm])
    (effect,) = effects(means, other, [arm], seed, resamples, exploring=True)
    interval = effect.comparison.interval
    both = means.dropna()
    return {
        "arm": arm, "against": other, "marker": marker, "declared": expect.get(marker),
        "mean": both[arm].mean(), "mean_other": both[other].mean(),
        "difference": interval.estimate, "difference_low": interval.low, "difference_high": interval.high, "p": effect.comparison.p,
        "tasks": interval.tasks, "remark": interval.remark,
    }  # fmt: skip


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    if table.empty:
        return table
    adjusted = table.groupby(["domain", "arm", "against"], sort=False)["p"].transform(lambda column: benjamini_hochberg(list(column)))
    table.insert(list(table.columns).index("p") + 1, "p_adjusted", adjusted)
    return table


def verdicts(plan: ExperimentPlan, table: pd.DataFrame, injected: Mapping[str, Injection]) -> list[Verdict]:
    """Return one for each arm but the reference."""
    return [_verdict(plan, arm, table, injected.get(arm)) for arm in plan.compared]


def _verdict(plan: ExperimentPlan, arm: str, table: pd.DataFrame, injected: Injection | None) -> Verdict:
    variant = plan.arm(arm).variant
    if variant is None or not variant.text:
        return Verdict(arm, NO_VARIANT)
    reasons = _undelivered_prompt(injected)
    for _, row in table[table["arm"].eq(arm)].iterrows():
        if not isinstance(row["declared"], str) or (row["against"] != plan.reference and row["marker"] != "cue_phrases"):
            continue
        if not _moved(row):
            where = f" in {row['domain']}" if len(plan.tasks) > 1 else ""
            reasons.append(f"{row['marker']} did not go {row['declared']} against {row['against']}{where}: {_shown(row)}")
    if reasons:
        return Verdict(arm, NOT_DELIVERED, tuple(reasons))
    return Verdict(arm, DELIVERED if variant.expect else UNDECLARED)


def _undelivered_prompt(injected: Injection | None) -> list[str]:
    if injected is None or not injected.calls:
        return ["the log has no calls of the user's model, so the prompts that it was sent are unknown"]
    if injected.wrong:
        return [f"{len(injected.wrong)} prompts are not the variant's, the first of task {injected.wrong[0][1]}"]
    return [f"{injected.unmarked} calls do not say which prompt they were sent"] if injected.unmarked else []


def _moved(row: pd.Series[Any]) -> bool:
    if row["difference"] != row["difference"]:
        return False
    bound = row["difference_low"] if row["declared"] == "up" else -row["difference_high"]
    if np.isnan(bound):  # too few tasks, or all alike: then the sign has to do, and the remark says so
        bound = row["difference"] if row["declared"] == "up" else -row["difference"]
    return bool(bound > 0)


def _shown(row: pd.Series[Any]) -> str:
    if np.isnan(row["difference"]):
        return "no task has results in both arms"
    if np.isnan(row["difference_low"]):
        return f"{row['difference']:+.3f} over {row['tasks']} tasks, too few, or too much alike, for an interval"
    return f"{row['difference']:+.3f} ({row['difference_low']:+.3f} to {row['difference_high']:+.3f}) over {row['tasks']} tasks"
