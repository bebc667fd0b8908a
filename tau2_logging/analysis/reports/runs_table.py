"""One row a run: who it was, what came of it, how long it took and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.measures.comparison.pooling import run_settings
from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.reports.text.names import run_folder
from tau2_logging.analysis.reports.text.sections.section import names

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

FILE = "runs.csv"
_SETTINGS = ("agent", "agent_llm", "user", "user_llm", "judge_llm")


def runs_table(log: RunLog, options: ReportOptions) -> pd.DataFrame:
    """Return one row a run: its folder (if there are several), domains, agent and models, outcome with its denominator, wall time,
    errors, cost.

    What is not known is NaN; so are the rates of a run of several arms, whose outcome names each arm. Errors count failed calls of every
    attempt.
    """
    import pandas as pd

    rows = pd.DataFrame([_row(one, options) for one in log.by_run])
    return rows if len(rows) > 1 else rows.drop(columns="folder")


def _row(log: RunLog, options: ReportOptions) -> dict[str, Any]:
    settings, totals = run_settings(log), totals_of(log, options.prices)
    figures = {name: value for name, value in totals.as_json().items() if name != "statuses"}
    return {
        "run": log.run_id or "", "folder": run_folder(log), "domains": names(log.domains),
        **{name: settings.get(name) for name in _SETTINGS}, "outcome": totals.headline, "endings": totals.endings, **figures,
        "scored": totals.score.scored, "solved": totals.score.solved, "mean_reward": None if totals.arms else totals.score.mean,
        "agent_cost_usd": totals.costs["agent_usd"], "per_solved_usd": None if totals.arms else totals.costs["per_solved_usd"],
    }  # fmt: skip
