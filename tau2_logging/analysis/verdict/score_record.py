"""A run's score as one record of every_eval_ever's schema (0.3.0), in which results of many benchmarks are collected."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tau2_logging.analysis.measures.comparison.pooling import run_settings
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.errors import UserError
from tau2_logging.statistics.intervals import CONFIDENCE, rate_of
from tau2_logging.statistics.pass_k import mean_pass_hat
from tau2_logging.statistics.score import is_solved
from tau2_logging.units import plural

SCHEMA_VERSION = "0.3.0"
_NOT_KNOWN = {"deployment_type": "unknown", "model_availability": "unknown"}
"""What the schema asks of a model and no log says."""

_SOURCE = "https://github.com/sierra-research/tau2-bench"

Json = dict[str, Any]


def score_record(log: RunLog, organization: str, relationship: str) -> Json:
    """Return the record of one run: pass^k of each domain. Raises UserError for several runs, or if nothing is scored."""
    if len(runs := [str(one.run_id) for one in log.by_run]) > 1:
        raise UserError(f"a record is of one run, and here are {', '.join(runs)}; name one with --run")
    settings = run_settings(log)
    results = [one for domain, rows in log.simulations.groupby("domain", sort=False) for one in _results(str(domain), rows, settings)]
    if not results:
        raise UserError("no simulation has a reward; there is no score to record")
    now = str(time.time())
    model = settings.get("agent_llm") or "unknown"
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"tau2-bench/{model.replace('/', '_')}/{now}",
        "retrieved_timestamp": now,
        "source_metadata": {
            "source_name": "tau2-logging", "source_type": "evaluation_run", "source_organization_name": organization,
            "evaluator_relationship": relationship,
        },
        "eval_library": {"name": "tau2-bench", "version": settings.get("tau2_version") or "unknown"},
        "model_info": {"name": model, "id": model, "additional_details": {
            **_NOT_KNOWN, **_texts(settings, "agent", "agent_args", "agent_llm_args"),
        }},
        "evaluation_results": results,
    }  # fmt: skip


def _results(domain: str, rows: pd.DataFrame, settings: Mapping[str, str]) -> list[Json]:
    scored = rows[rows["reward"].notna()]
    if scored.empty:
        return []
    solved = scored["reward"].map(is_solved)
    interval = rate_of(solved.tolist(), scored["task"].tolist())
    details = {
        "simulations": str(len(rows)), "scored": str(len(scored)), "solved": str(int(solved.sum())), "tasks": str(scored["task"].nunique()),
        **_texts(settings, "user", "user_llm", "user_llm_args", "judge_llm", "tau2_data", "retrieval_config", "max_steps", "harness"),
    }  # fmt: skip
    found = []
    for k, score in mean_pass_hat({str(task): list(group) for task, group in scored.groupby("task")["reward"]}).items():
        told: Json = {"score": score, "details": details}
        if k == 1 and not math.isnan(interval.low):
            told["uncertainty"] = {
                "confidence_interval": {
                    "lower": interval.low, "upper": interval.high, "confidence_level": CONFIDENCE, "method": "Wilson, clustered by task",
                },
                "num_samples": len(scored),
            }  # fmt: skip
        found.append(
            {"evaluation_name": f"tau2-bench {domain}", "source_data": _source(), "metric_config": _metric(k), "score_details": told}
        )
    return found


def _source() -> Json:
    return {"dataset_name": "tau2-bench", "source_type": "url", "url": [_SOURCE]}


def _metric(k: int) -> Json:
    return {
        "evaluation_description": f"mean over tasks of the chance that all of {plural(k, 'trial')} have full reward",
        "metric_id": "pass_hat_k", "metric_name": f"pass^{k}", "metric_kind": "pass_rate", "metric_unit": "proportion",
        "metric_parameters": {"k": k}, "lower_is_better": False, "score_type": "continuous", "min_score": 0, "max_score": 1,
    }  # fmt: skip


def _texts(settings: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: settings[name] for name in names if settings.get(name)}
