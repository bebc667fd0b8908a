"""Gates for CI: objectives a run must meet, goodput, and "not slower than that other run".

    ttft:500               every model call of the agent: first token within 500 ms
    e2e:10000  tpot:50     every such call: the whole call, the time per output token (vLLM's definitions)
    task:300000            every simulation ends within 300 s
    ttft:500@0.99          99 % of them do
    llm_call.p95:10000     a percentile (p50, p90, p95, p99), mean or max of any type of call
    llm_call.error_rate:0.01    task.error_rate:0
    cost_per_success:0.05  USD of the whole run per solved simulation        cost:12.5   USD of the whole run

A call or simulation that failed meets nothing: it counts as infinitely long (failure-adjusted percentiles, beside which the plain ones are
shown). A figure that the log does not hold breaks the gate too: a gate that cannot be checked has not been passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.measures.costs.cost_tables import cost_summary
from tau2_logging.analysis.measures.latency import LATENCY_TYPES, failures, tpot_ms
from tau2_logging.analysis.measures.percentiles import percentile
from tau2_logging.analysis.measures.provenance import only_failed, without_failed_calls
from tau2_logging.analysis.measures.run_time.makespan import idle_tail
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.errors import UserError
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    from tau2_logging.analysis.measures.comparison.compare_runs import RunComparison
    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.tables.log_data import LogData

REQUEST_METRICS = ("ttft", "tpot", "e2e")
RUN_METRICS = ("cost_per_success", "cost")
_STATISTICS = ("p50", "p90", "p95", "p99", "mean", "max", "error_rate")
_SLO = re.compile(r"(?P<name>[a-z_0-9]+)(?:\.(?P<statistic>[a-z_0-9]+))?:(?P<limit>\d+(?:\.\d+)?)(?:@(?P<share>\d(?:\.\d+)?))?")
_FORM = "write METRIC:LIMIT, as in ttft:500, llm_call.p95:10000, task:300000, cost_per_success:0.05"


@dataclass(frozen=True)
class Objective:
    """One `--slo`: a metric, perhaps a statistic of it, the limit (ms, USD or a share), and what share of calls must meet it."""

    text: str
    name: str
    statistic: str | None
    limit: float
    share: float = 1.0


@dataclass(frozen=True)
class Result:
    """A gate and how it went. `value`: failure-adjusted; `plain`: over what did not fail. None if the log does not say, or the figure is
    about failures or money itself.
    """

    gate: str
    met: bool
    value: float | None
    plain: float | None
    limit: float
    unit: str
    detail: str


def parse_objective(text: str) -> Objective:
    """Return the objective of a `--slo`. Raises UserError if it is none."""
    match = _SLO.fullmatch(text.strip())
    if match is None:
        raise UserError(f"--slo {text!r} is not an objective; {_FORM}")
    name, statistic = match["name"], match["statistic"]
    known = (*REQUEST_METRICS, "task", *LATENCY_TYPES, *(() if statistic else RUN_METRICS))
    if name not in known:
        raise UserError(f"--slo {text!r}: no metric {name!r}; choose among {', '.join(dict.fromkeys(known))}")
    if statistic is not None and statistic not in _STATISTICS:
        raise UserError(f"--slo {text!r}: no statistic {statistic!r}; choose among {', '.join(_STATISTICS)}")
    share = float(match["share"] or 1)
    if not 0 < share <= 1:
        raise UserError(f"--slo {text!r}: the share after @ must be above 0 and at most 1")
    return Objective(text.strip(), name, statistic, float(match["limit"]), share)


def check(log: LogData, objectives: Sequence[Objective], prices: PriceTable | None = None) -> list[Result]:
    """Return the result of each objective, and at last the goodput of requests and of tasks if any objective is about them."""
    results = [_check_one(log, objective, prices) for objective in objectives]
    return [*results, *goodput(log, objectives)]


def _check_one(log: LogData, objective: Objective, prices: PriceTable | None) -> Result:
    if objective.name in RUN_METRICS:
        return _check_cost(log, objective, prices)
    values, failed = measured(log, objective.name)
    if np.isnan(values[~failed]).all() and not (failed.any() and objective.statistic == "error_rate"):
        return _not_measured(objective, f"the log holds no {objective.name}")
    if objective.statistic == "error_rate" and objective.name in MODEL_CALL_TYPES and without_failed_calls(log):
        return _not_measured(objective, "results files hold no failed model calls")
    if ("llm_call" if objective.name in REQUEST_METRICS else objective.name) in only_failed(log):
        return _not_measured(objective, f"the log's level leaves out all {objective.name} but failed ones")
    if objective.statistic == "error_rate":
        rate = float(failed.mean())
        return Result(
            objective.text, rate <= objective.limit, rate, None, objective.limit, "share", f"{failed.sum()} of {len(failed)} failed"
        )
    if objective.statistic is None:
        return _check_each(objective, values, failed)
    adjusted = np.where(failed, np.inf, values)
    adjusted = adjusted[~np.isnan(adjusted)]
    value, plain = _statistic(adjusted, objective.statistic), _statistic(values[~failed & ~np.isnan(values)], objective.statistic)
    met = bool(value <= objective.limit)
    return Result(objective.text, met, value, plain, objective.limit, "ms", f"{failed.sum()} of {len(failed)} failed")


def _not_measured(objective: Objective, why: str) -> Result:
    unit = "USD" if objective.name in RUN_METRICS else "share" if objective.statistic == "error_rate" else "ms"
    return Result(objective.text, False, None, None, objective.limit, unit, f"not measured: {why}")


def _check_each(objective: Objective, values: Any, failed: Any) -> Result:
    good = ~failed & (values <= objective.limit)
    measured_ones = values[~failed & ~np.isnan(values)]
    share, plain = float(good.mean()), float((measured_ones <= objective.limit).mean())
    silent = int((np.isnan(values) & ~failed).sum())
    detail = f"{good.sum()} of {len(good)} meet it, {failed.sum()} failed" + (f", {silent} do not say" if silent else "")
    return Result(objective.text, share >= objective.share, share, plain, objective.share, "share", detail)


def _check_cost(log: LogData, objective: Objective, prices: PriceTable | None) -> Result:
    summary = cost_summary(log, prices)
    value = summary["per_solved_usd" if objective.name == "cost_per_success" else "total_usd"]
    if value is None:
        why = "no simulation was solved" if not summary["solved"] and objective.name == "cost_per_success" else ""
        why = f"{summary['unknown_calls']} calls have no known price" if summary["unknown_calls"] else why
        return _not_measured(objective, why)
    return Result(objective.text, value <= objective.limit, value, None, objective.limit, "USD", f"{summary['solved']} simulations solved")


def _statistic(values: Any, name: str) -> float:
    if not len(values):
        return float("nan")
    if name == "mean":
        return float(values.mean())
    return float(values.max()) if name == "max" else percentile(values, float(name[1:]))


_MEASURED = ("duration_ms", "total_duration_ms", "queue_ms", "ttft_ms", "decode_ms", "output_tokens", "error", "status", "termination")


def measured(log: LogData, name: str) -> tuple[Any, Any]:
    """Return what a metric measured, in ms, and which of them failed. Requests (ttft, tpot, e2e) are the agent's model calls."""
    if name == "task":
        simulations = log.simulations
        return as_floats(simulations["duration_ms"]), (simulations["status"] != "ok").to_numpy(dtype=bool)
    type_ = "llm_call" if name in REQUEST_METRICS else name
    calls = log.select(_MEASURED, types=[type_])
    failed = failures(calls)
    if name == "ttft":
        return as_floats(calls["ttft_ms"]), failed
    if name == "tpot":
        single = as_floats(calls["output_tokens"]) <= 1  # no time between tokens: 0, as in vLLM
        return np.where(single, 0.0, as_floats(tpot_ms(calls))), failed
    return as_floats(calls["duration_ms"].fillna(calls["total_duration_ms"])), failed


def goodput(log: LogData, objectives: Iterable[Objective]) -> list[Result]:
    """Return vLLM's goodput: of requests (and of tasks) the share, and how many a second, that meet every objective about each of them."""
    each = [objective for objective in objectives if objective.statistic is None]
    results = []
    for what, names in (("requests", REQUEST_METRICS), ("tasks", ("task",))):
        mine = [objective for objective in each if objective.name in names]
        if mine:
            results.append(_goodput(log, what, mine))
    return results


def _goodput(log: LogData, what: str, objectives: list[Objective]) -> Result:
    good: Any = True
    needed = min(objective.share for objective in objectives)
    for objective in objectives:
        values, failed = measured(log, objective.name)
        if why := _not_held(log, objective, values, failed):
            return Result(f"goodput of {what}", False, None, None, needed, "share", f"not measured: {why}")
        good = good & ~failed & (values <= objective.limit)
    worked = good[~failed] if np.size(good) else good
    span = (idle_tail(log)["makespan_ms"] or 0.0) / 1000
    share = float(np.mean(good)) if np.size(good) else 0.0
    rate = f", {np.sum(good) / span:.4g} a second" if span > 0 else ""
    detail = f"{np.sum(good)} of {np.size(good)} meet {' and '.join(objective.text for objective in objectives)}{rate}"
    plain = float(np.mean(worked)) if np.size(worked) else None
    return Result(f"goodput of {what}", share >= needed, share, plain, needed, "share", detail)


def _not_held(log: LogData, objective: Objective, values: Any, failed: Any) -> str:
    """Return why nothing can be said about calls one by one; empty if it can."""
    type_ = "llm_call" if objective.name in REQUEST_METRICS else objective.name
    if type_ in only_failed(log):
        return f"the log's level leaves out all {type_} but failed ones"
    return f"the log holds no {objective.name}" if np.isnan(values[~failed]).all() and not (len(failed) and failed.all()) else ""


def parse_percent(text: str, flag: str = "--fail-if-slower") -> float:
    """Return `10%` or `0.1` as 0.1. Raises UserError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text.strip())
    if match is None:
        raise UserError(f"{flag} {text!r} is not a share; write 10% or 0.1")
    return float(match[1]) / (100 if match[2] else 1)


def check_slower(comparison: RunComparison, allowed: float) -> list[Result]:
    """Return one gate each for task duration and the agent's model calls: broken if they are more than the allowed share slower and noise
    alone does not explain it. If too few tasks are in both runs for a verdict, or a log's level leaves the calls out, the gate is not
    measured, and so not met.
    """
    rows = [row for row in comparison.latency.to_dict("records") if row["type"] in ("task_end", "llm_call")]
    found = [_not_slower(row, allowed) for row in rows]
    if "llm_call" in comparison.not_compared:
        found.append(_not_compared("llm_call not", allowed, comparison.not_compared["llm_call"]))
    return found or [_not_compared("not", allowed, "no type of call is in both runs")]


def _not_compared(gate: str, allowed: float, why: str) -> Result:
    return Result(f"{gate} {allowed:.4g} slower", False, None, None, allowed, "share", f"not measured: {why}")


def _not_slower(row: dict[Any, Any], allowed: float) -> Result:
    gate = f"{'task' if row['type'] == 'task_end' else row['type']} not {allowed:.4g} slower"
    if row["significant"] is None:
        return Result(gate, False, None, None, allowed, "share", str(row["remark"]))
    interval = f"95 % CI {row['low_ms']:+.1f} to {row['high_ms']:+.1f} ms, p (Holm) {row['p_holm']:.2g}"
    detail = f"median {row['median_ms']:.1f} ms, was {row['median_other_ms']:.1f}; {interval}; {row['tasks']} tasks"
    met = not (row["change"] > allowed and row["significant"])
    return Result(gate, met, row["change"], None, allowed, "share", detail)


def as_rows(results: Iterable[Result]) -> tuple[dict[str, object], ...]:
    """Return results as plain rows, for reports, each with its `status`: met, BROKEN, or not measured, which is not met either."""
    return tuple({**asdict(result), "status": _status(result)} for result in results)


def _status(result: Result) -> str:
    if result.met:
        return "met"
    return "not measured" if result.value is None else "BROKEN"
