"""`stats.json`: every figure for programs, in a schema with a version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.findings.ranked import findings_of
from tau2_logging.analysis.measures.comparison.arms import arms_table
from tau2_logging.analysis.measures.costs.cost_tables import priced_calls
from tau2_logging.analysis.measures.latency import DIMENSIONS
from tau2_logging.analysis.measures.provenance import newer_format, only_failed_note
from tau2_logging.analysis.measures.run_time import makespan
from tau2_logging.analysis.measures.run_time.time_budget import total_budget
from tau2_logging.analysis.measures.run_totals import Totals, totals_of
from tau2_logging.analysis.reports import deep_files
from tau2_logging.analysis.reports.csv_tables import VOICE_FILES
from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.text.plain import indented, plain, records
from tau2_logging.analysis.tables.voice.speech_tables import has_speech
from tau2_logging.events.roles import TOKEN_FIELDS

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

NAME = "json"
FILES = ("stats.json", deep_files.JSON_FILE)
SCHEMA_VERSION = 1


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write stats.json, and deep.json if there is a deep analysis."""
    attempts = Attempts()
    attempts.make(FILES[0], _write_statistics, log, output_dir, options)
    if options.deep is not None:
        attempts.make(FILES[1], deep_files.write_json, options.deep, output_dir)
    return attempts.written()


def _write_statistics(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    path = output_file(output_dir, FILES[0])
    path.write_text(indented(plain(statistics(log, options))) + "\n", encoding="utf-8")
    return [path]


def statistics(log: RunLog, options: ReportOptions) -> dict[str, Any]:
    """Return the content of stats.json. Absent and infinite figures become null."""
    latency, totals = log.latency(), totals_of(log, options.prices)
    result = {
        "schema": "tau2_logging.stats",
        "schema_version": SCHEMA_VERSION,
        "run": log.run_id,
        "runs": log.runs,
        "notes": [*log.notes, *newer_format(log), *only_failed_note(log)],
        "files": [vars(reading) for reading in log.readings],
        "domains": log.domains,
        "arms": records(arms_table(log, options.prices)),
        "findings": [found.as_json() for found in findings_of(log, options.deep, options.prices)],
        "totals": totals.as_json(),
        "floor": records(log.floor()),
        "latency": {row.pop("type"): row for row in records(latency)},
        **{f"latency_by_{name}": records(log.latency(name)) for name in DIMENSIONS},
        "tokens": tokens(log),
        "cost": {**totals.costs, "by_model": records(log.costs(prices=options.prices))},
        "tasks": tasks(log, totals),
        "budget": records(total_budget(log.budget())),
        "makespan": makespan.idle_tail(log),
        "concurrency": records(log.concurrency()),
        "context_growth": records(log.context_growth()),
        "worker_processes": records(log.worker_processes()),
        "model_servers": records(log.model_servers()),
        "waiting_at_servers": records(log.waiting_at_servers()),
        "calls_by_endpoint": records(log.calls_by_endpoint()),
        "slower_with_load": records(log.slower_with_load()),
        "repeated_prompts": records(log.repeated_prompts(prices=options.prices)),
        "longest_first": records(log.longest_first()),
        "outages": records(log.outages()),
        "server_waits": records(log.server_waits()),
        "searches": records(log.searches()),
        "documents_found": records(log.documents_found()),
        "agent_recovery": records(log.recovery()),
        "shortened_prompts": records(log.shortened_prompts()),
        "outliers": outliers(log, options),
        "gates": list(options.slo),
        "rejected_lines": sum(reading.rejected for reading in log.readings),
        "rejected_values": sum(reading.values for reading in log.readings),
    }
    if has_speech(log):
        result["voice"] = {name.removeprefix("voice_"): records(getattr(log, name)()) for name in VOICE_FILES.values()}
    if options.price_as:
        result["priced_as"] = records(log.priced_as(options.price_as, options.prices))
    if options.what_if:
        result["what_if"] = [forecast.as_json() for forecast in options.what_if]
    if options.compare is not None:
        found = log.compare(options.compare)
        result["compare"] = {name: records(value) if hasattr(value, "to_dict") else value for name, value in vars(found).items()}
    return result


def tokens(log: RunLog) -> dict[str, Any]:
    """Return the tokens of all calls and by role; null if no call said."""
    calls = priced_calls(log)
    sums = {name: calls[name].sum(min_count=1) for name in TOKEN_FIELDS}
    by_role = {
        str(role): {name: group[name].sum(min_count=1) for name in TOKEN_FIELDS} for role, group in calls.groupby("role", sort=False)
    }
    return {**sums, "by_role": by_role}


def tasks(log: RunLog, totals: Totals) -> dict[str, Any]:
    """Return counts by outcome, mean reward of those that have one with its denominator, and the simulations themselves."""
    found = totals.score.as_json()
    if totals.arms:
        rates = dict.fromkeys(("mean_reward", "mean_reward_if_unscored_failed"))  # over arms they would be the rates of none
        found = {**found, **rates, "headline": totals.headline, "by_arm": {arm: one.as_json() for arm, one in totals.arms.items()}}
    return {"n": found.pop("simulations"), **totals.statuses, **found, "simulations": records(log.simulations)}


def outliers(log: RunLog, options: ReportOptions) -> dict[str, Any]:
    """Return what stands out, table by table."""
    return {
        "slowest_calls": records(log.outliers(options.top)),
        "errors": records(log.errors()),
        "retries": records(log.retries()),
        "truncations": records(log.truncations()),
        "unfinished": records(log.stuck()),
        "repeated_calls": records(log.repeated_calls()),
        "stragglers": records(log.stragglers()),
    }
