"""The analysis of an experiment, as tables. Which arm may be spoken of is decided here, once, for every report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.verdict.looks import Looks
from tau2_logging.experiments.cells import MISSING, TERMINATIONS, by_task
from tau2_logging.experiments.effects import LEVEL, effects
from tau2_logging.experiments.manipulation_check import Verdict
from tau2_logging.experiments.planning.plan_file import ExperimentPlan
from tau2_logging.statistics.mcnemar import mcnemar_exact
from tau2_logging.statistics.mean_difference import mean_interval
from tau2_logging.statistics.multiplicity import benjamini_hochberg, holm
from tau2_logging.statistics.pass_k import pass_hat_k

SECONDARY = {
    "cost_usd": "cost, USD", "input_tokens": "input tokens", "output_tokens": "output tokens", "turns": "turns of the user",
    "steps": "steps", "tool_errors": "tool errors", "agent_call_s": "agent's model call, s", "duration_s": "duration, s",
}  # fmt: skip
NOTHING_SAID = "not delivered: no effect is reported"


@dataclass(frozen=True)
class Table:
    """A table with its key (JSON, CSV file), title and note."""

    key: str
    title: str
    frame: pd.DataFrame
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """Everything a report shows."""

    plan: ExperimentPlan
    verdicts: tuple[Verdict, ...]
    tables: tuple[Table, ...]
    conclusions: tuple[str, ...]
    cells: pd.DataFrame = field(repr=False)

    def table(self, key: str) -> pd.DataFrame:
        """Return the table of a key, empty if there is none."""
        return next((table.frame for table in self.tables if table.key == key), pd.DataFrame())


def analyze(
    plan: ExperimentPlan, cells: pd.DataFrame, verdicts: Sequence[Verdict], marker_rows: pd.DataFrame, more: Sequence[Table] = (),
    resamples: int = 9999, looks: Looks | None = None,
) -> Findings:  # fmt: skip
    """Return the findings from cells (`cells.collect`), verdicts and markers (`manipulation`). The plan's seed makes them repeatable.

    `looks`: those that decided how many tasks were run; the plan then holds these tasks alone.
    """
    spoken = [verdict.arm for verdict in verdicts if verdict.may_speak]
    primary = primary_table(plan, cells, verdicts, resamples, fractions=() if looks is None else looks.fractions)
    note = _PRIMARY_NOTE if looks is None else f"{_LOOKED_NOTE} {looks.sentence}"
    tables = [
        Table("primary", f"Success compared with {plan.reference}", primary, note),
        Table("pass_k", "pass^k by arm", pass_k_table(plan, cells), _PASS_NOTE),
        Table(
            "delivery",
            "Were the variants delivered?",
            _delivery(verdicts),
            "An arm whose variant was not delivered has no effect to report.",
        ),
        Table("cells", "Cells", cell_counts(plan, cells), "Missing cells are never 0: errors and timeouts are not scored."),
        Table(
            "secondary",
            f"Cost, tokens, turns, latency compared with {plan.reference}",
            secondary_table(plan, cells, spoken, resamples),
            _EXPLORING,
        ),
        Table("terminations", "How conversations end", termination_table(plan, cells, spoken, resamples), _EXPLORING),
    ]
    if plan.config.num_trials == 1:
        tables.append(
            Table(
                "mcnemar", "McNemar's exact test (one trial)", mcnemar_table(plan, cells, spoken), "Tasks that only one of the two solved."
            )
        )
    tables += [
        Table(
            "flips",
            "Which tasks flipped",
            flip_table(plan, cells, spoken),
            "Tasks whose share of solved trials differs from the reference's.",
        ),
        Table(
            "markers", "How the user writes", marker_rows, "Paired within task; p adjusted by Benjamini and Hochberg for each comparison."
        ),
        *more,
    ]
    kept = tuple(table for table in tables if not table.frame.empty)
    said = [*conclusions(plan, primary), *([] if looks is None else [looks.sentence])]
    return Findings(plan, tuple(verdicts), kept, tuple(said), cells)


_PRIMARY_NOTE = (
    "Task-level paired difference of the share of solved trials, 95 % interval over tasks (docs/compare.md); p of the sign-flip "
    "permutation test, p holm adjusted over the arms by Holm."
)
_LOOKED_NOTE = (
    "Task-level paired difference of the share of solved trials; interval and p of a group-sequential plan (repeated confidence "
    "interval), p holm adjusted over the arms by Holm."
)
_PASS_NOTE = "C(c, k) / C(n, k), mean over tasks with at least k trials; 95 % interval over tasks (docs/compare.md)."
_EXPLORING = "Exploratory: paired by task, 95 % intervals over tasks (Student's t), p adjusted by Benjamini and Hochberg over the table."


def primary_table(
    plan: ExperimentPlan, cells: pd.DataFrame, verdicts: Sequence[Verdict], resamples: int = 9999, fractions: Sequence[float] = ()
) -> pd.DataFrame:
    """Return a row for each arm: rates, difference with interval, p; of an arm that was not delivered only that."""
    spoken = [verdict.arm for verdict in verdicts if verdict.may_speak]
    rows = [row for domain, mine in of_domains(plan, cells) for row in _primary_rows(plan, mine, domain, spoken, resamples, fractions)]
    columns = ["domain", "arm", "tasks", "success_rate", "reference_rate", "difference", "difference_low", "difference_high", "p", "p_holm",
               "remark"]  # fmt: skip
    found = pd.DataFrame(rows, columns=columns)
    found["p_holm"] = found["p_holm"].astype(float)
    known = found["p"].notna()
    found.loc[known, "p_holm"] = holm(list(found.loc[known, "p"]))
    return found


def step_of(plan: ExperimentPlan) -> float:
    """Return the smallest change of a task's share of solved trials."""
    return 1 / plan.config.num_trials


def of_domains(plan: ExperimentPlan, cells: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the cells of each domain: tasks of two domains are never one sample."""
    return [(domain, cells[cells["domain"].eq(domain)]) for domain in plan.tasks]


def _keyed(plan: ExperimentPlan, cells: pd.DataFrame, make: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Return a table of each domain, under one another."""
    tables = [make(mine).assign(domain=domain) for domain, mine in of_domains(plan, cells)]
    whole = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    return whole[["domain", *(name for name in whole if name != "domain")]]


def _primary_rows(
    plan: ExperimentPlan, cells: pd.DataFrame, domain: str, spoken: Sequence[str], resamples: int, fractions: Sequence[float]
) -> Iterator[dict[str, Any]]:
    means = by_task(cells, "success")
    compared = effects(means, plan.reference, spoken, plan.config.seed, resamples, step_of(plan), fractions=fractions)
    found = {effect.arm: effect for effect in compared}
    for arm in plan.compared:
        effect = found.get(arm)
        if effect is None:
            yield {"domain": domain, "arm": arm, "remark": NOTHING_SAID}
            continue
        both = means[[plan.reference, arm]].dropna()
        interval = effect.comparison.interval
        yield (
            {
                "domain": domain,
                "arm": arm,
                "tasks": interval.tasks,
                "success_rate": both[arm].mean(),
                "reference_rate": both[plan.reference].mean(),
                "difference": interval.estimate,
                "difference_low": interval.low,
                "difference_high": interval.high,
                "p": effect.comparison.p,
                "remark": interval.remark or None,
            }
        )


def pass_k_table(plan: ExperimentPlan, cells: pd.DataFrame) -> pd.DataFrame:
    """Return pass^1 to pass^k of each arm with intervals, by domain."""
    return _keyed(plan, cells, lambda mine: _pass_k(plan, mine))


def _pass_k(plan: ExperimentPlan, cells: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for arm in plan.arms:
        mine = cells[cells["arm"].eq(arm) & cells["status"].eq("ok")]
        counts = mine.groupby(["domain", "task"], sort=False)["success"].agg(["sum", "count"])
        for k in range(1, plan.config.num_trials + 1):
            estimates = [pass_hat_k(int(c), int(n), k) for c, n in zip(counts["sum"], counts["count"], strict=True)]
            interval = mean_interval(estimates, step_of(plan), (0.0, 1.0))
            rows.append(
                {"arm": arm, "k": k, "tasks": interval.tasks, "pass_k_rate": interval.estimate, "pass_k_rate_low": interval.low,
                 "pass_k_rate_high": interval.high, "remark": interval.remark or None}
            )  # fmt: skip
    return pd.DataFrame(rows)


def cell_counts(plan: ExperimentPlan, cells: pd.DataFrame) -> pd.DataFrame:
    """Return what there is of each arm, by domain."""
    return _keyed(plan, cells, lambda mine: _counts(plan, mine))


def _counts(plan: ExperimentPlan, cells: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for arm in plan.arms:
        mine = cells[cells["arm"].eq(arm)]
        status = mine["status"]
        bad = {name: int(status.eq(name).sum()) for name in ("error", "timeout", MISSING)}
        failed = int((status.eq("ok") & mine["termination"].eq("agent_error")).sum())
        rows.append({"arm": arm, "planned": len(status), "scored": int(status.eq("ok").sum()), "model_failures": failed, **bad})
    return pd.DataFrame(rows)


def secondary_table(plan: ExperimentPlan, cells: pd.DataFrame, arms: Sequence[str], resamples: int = 9999) -> pd.DataFrame:
    """Return everything that is measured besides success, compared in the same paired way."""
    scored = cells[cells["status"].eq("ok")].copy()
    scored["duration_s"] = scored["duration_ms"] / 1000
    scored["agent_call_s"] = scored["llm_ms"] / scored["agent_calls"].where(scored["agent_calls"] > 0) / 1000
    means = {(domain, label): by_task(mine, name) for domain, mine in of_domains(plan, scored) for name, label in SECONDARY.items()}
    return _explored(plan, means, arms, "measure", resamples, None)


def termination_table(plan: ExperimentPlan, cells: pd.DataFrame, arms: Sequence[str], resamples: int = 9999) -> pd.DataFrame:
    """Return the shares of the ways in which conversations end, for those that occur."""
    scored = cells[cells["status"].eq("ok")]
    occurring = [name for name in TERMINATIONS if scored["termination"].eq(name).any()]
    shares = {
        (domain, name): by_task(mine.assign(share=mine["termination"].eq(name).astype(float)), "share")
        for domain, mine in of_domains(plan, scored)
        for name in occurring
    }
    return _explored(plan, shares, arms, "termination", resamples, step_of(plan))


def _explored(
    plan: ExperimentPlan,
    means: Mapping[tuple[str, str], pd.DataFrame],
    arms: Sequence[str],
    what: str,
    resamples: int,
    step: float | None,
) -> pd.DataFrame:
    rows = []
    for (domain, name), table in means.items():
        table = table.reindex(columns=list(plan.arms))
        for effect in effects(table, plan.reference, arms, plan.config.seed, resamples, step, exploring=True):
            interval, both = effect.comparison.interval, table[[plan.reference, effect.arm]].dropna()
            if both.empty:
                continue
            rows.append(
                {"domain": domain, what: name, "arm": effect.arm, "mean": both[effect.arm].mean(), "reference": both[plan.reference].mean(),
                 "difference": interval.estimate, "difference_low": interval.low, "difference_high": interval.high,
                 "p": effect.comparison.p, "tasks": interval.tasks, "remark": interval.remark or None}
            )  # fmt: skip
    found = pd.DataFrame(rows)
    if not found.empty:
        found.insert(list(found.columns).index("p") + 1, "p_adjusted", benjamini_hochberg(list(found["p"])))
    return found


def mcnemar_table(plan: ExperimentPlan, cells: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """For one trial a task: discordant tasks and the exact p, adjusted by Holm over arms and domains."""
    means = {domain: by_task(mine, "success") for domain, mine in of_domains(plan, cells)}
    found = [(domain, arm, mcnemar_exact(table[plan.reference], table[arm])) for domain, table in means.items() for arm in arms]
    adjusted = holm([item.p for *_, item in found])
    return pd.DataFrame(
        [
            {"domain": domain, "arm": arm, "tasks": item.tasks, "lost": item.lost, "won": item.won, "p": item.p, "p_holm": p}
            for (domain, arm, item), p in zip(found, adjusted, strict=True)
        ]
    )


def flip_table(plan: ExperimentPlan, cells: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """Return a row for each task and arm whose share of solved trials differs from the reference's, the largest losses first."""
    scored = cells[cells["status"].eq("ok")]
    counts = scored.groupby(["domain", "task", "arm"], sort=False)["success"].agg(["sum", "count"])
    means = by_task(cells, "success")
    rows = []
    for arm in arms:
        for place, difference in (means[arm] - means[plan.reference]).items():
            if np.isnan(difference) or abs(difference) < 1e-9:
                continue
            domain, task = place
            was, now = (counts.loc[(domain, task, name)] for name in (plan.reference, arm))
            rows.append(
                {"domain": domain, "task": task, "arm": arm, "reference": f"{was['sum']:.0f} of {was['count']:.0f}",
                 "in_arm": f"{now['sum']:.0f} of {now['count']:.0f}", "difference": difference}
            )  # fmt: skip
    found = pd.DataFrame(rows, columns=["domain", "task", "arm", "reference", "in_arm", "difference"])
    return found.sort_values("difference", kind="stable", ignore_index=True)


def _delivery(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    return pd.DataFrame([{"arm": item.arm, "verdict": item.verdict, "reason": "; ".join(item.reasons) or None} for item in verdicts])


def conclusions(plan: ExperimentPlan, primary: pd.DataFrame) -> list[str]:
    """Return what may be said, a sentence an arm."""
    return [_sentence(plan, {**row, "arm": _name(plan, row)}) for row in primary.to_dict("records")]


def _name(plan: ExperimentPlan, row: Mapping[Any, Any]) -> str:
    return f"{row['arm']} in {row['domain']}" if len(plan.tasks) > 1 else str(row["arm"])


def _sentence(plan: ExperimentPlan, row: Mapping[Any, Any]) -> str:
    if row["remark"] == NOTHING_SAID:
        return f"{row['arm']}: the variant was not delivered, so no effect is reported."
    if np.isnan(row["difference"]):
        return f"{row['arm']}: no task has results in both arms."
    if np.isnan(row["difference_low"]):
        seen = f"{100 * row['difference']:+.1f} points against {plan.reference} in {row['tasks']:.0f} tasks"
        return f"{row['arm']}: {seen}, too few, or too much alike, for an interval or a test."
    where = f"{100 * row['difference']:+.1f} points against {plan.reference} (95 % {100 * row['difference_low']:+.1f} to "
    where += f"{100 * row['difference_high']:+.1f}, p holm {row['p_holm']:.4f}, {row['tasks']:.0f} tasks)"
    if row["p_holm"] < LEVEL:
        return f"{row['arm']}: {'lower' if row['difference'] < 0 else 'higher'} success, {where}."
    hidden = 100 * max(abs(row["difference_low"]), abs(row["difference_high"]))
    return f"{row['arm']}: no difference shown, {where}; one of up to {hidden:.1f} points could be hidden."
