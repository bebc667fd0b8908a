"""The lines that a run prints at its start and at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from tau2_logging.invocation import ANALYZE, RUN, command
from tau2_logging.runner.run_end import Ending
from tau2_logging.runner.run_stop import Stop
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.options import THREADS
from tau2_logging.runner.work.run_folder import RunFolder
from tau2_logging.runner.work.run_plan import RunPlan
from tau2_logging.sinks.domain_files import events_path
from tau2_logging.sinks.totals import LiveTotals

_MANY_THREADS = 32


def opening_lines(config: RunConfig, plan: RunPlan, folder: RunFolder) -> Iterator[str]:
    """Yield what is run, and what may not be meant so."""
    if config.all_scripted:
        yield (
            "No real model is evaluated: the built-in scripted models play agent, user and judge. "
            "Name one with --agent-llm gpt-4.1 --user-llm gpt-4.1 (see README)."
        )
    if config.executor == THREADS and config.max_concurrency > _MANY_THREADS and (os.cpu_count() or 1) > 1:
        yield (
            f"{config.max_concurrency} simulations at a time share one interpreter, and calls wait for it; "
            "--executor processes gives each core one (docs/executors.md)"
        )
    if config.ttft == "on":
        yield (
            "--ttft on: calls are made as streams. A server may parse streamed tool calls differently from whole ones, so results may "
            "differ from a run without it; answers that look wrong are requested again without a stream."
        )
    for domain, number in plan.left_out.items():
        if number:
            yield f"{domain}: {number} tasks left out that agent {config.agent} cannot do"
    total = len(plan.units)
    if folder.resumed:
        yield f"resuming run {folder.run_id}: {len(folder.done)} of {total} simulations are done"
    yield f"run {folder.run_id}: {total - len(folder.done)} simulations, {config.max_concurrency} at a time"


def result_lines(config: RunConfig, plan: RunPlan, folder: RunFolder, totals: LiveTotals) -> Iterator[str]:
    """Yield the rewards, where results are, what to do next."""
    for label, item in totals.domains.items():
        yield f"{label}: mean reward {item.score.headline}"
    yield f"results: {folder.directory}/results_<domain>.json ({', '.join(plan.settings)})"
    if config.profile:
        logs = " ".join(str(events_path(config.log_dir, domain)) for domain in config.domains)
        yield f"next:    {command(ANALYZE)} --log_file {logs} --output_dir analysis_results/"
    if config.writes_events:
        yield f"events:  {folder.directory}/events_<domain>.jsonl"


def ending_lines(plan: RunPlan, folder: RunFolder, stop: Stop, ending: Ending) -> Iterator[str]:
    """Yield what went wrong with files, why the run stopped before its end, and how to finish it."""
    for problem in ending.problems:
        yield f"error: {problem}"
    if stop.end is not None:
        yield f"stopped: {stop.end.text}; {stop.end.advice}"
    unfinished = len(plan.units) - ending.kept
    if unfinished:
        yield (f"{unfinished} of {len(plan.units)} simulations are not finished; go on with: {command(RUN)} --resume {folder.directory}")


def damaged_note(rows: Sequence[str]) -> str:
    """Return which rows of an earlier start are passed over."""
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"note: edited or damaged rows are skipped, and their simulations are run again: {rows[0]}{more}"
