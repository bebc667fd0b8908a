"""The lines that a run prints at its start and at its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tau2_logging.events.benchmark_data import data_sentence
from tau2_logging.invocation import ANALYZE, RUN, command, from_here
from tau2_logging.models.recorded import PromptDiffers, RecordingEnded
from tau2_logging.runner.run_end import Ending
from tau2_logging.runner.run_stop import Stop
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.checkpoint import Row, results_path
from tau2_logging.runner.work.run_folder import RunFolder
from tau2_logging.runner.work.run_plan import RunPlan
from tau2_logging.sinks.domain_files import events_path
from tau2_logging.sinks.totals import LiveTotals
from tau2_logging.units import plural


@dataclass(frozen=True)
class NextCommands:
    """What to do after a run: how to `analyze` it, and how to `go_on` if it is not finished."""

    analyze: str
    go_on: str

    @staticmethod
    def of_run(config: RunConfig, folder: RunFolder) -> NextCommands:
        """Return those of a run that was started alone. A run that was resumed need not be the latest in its log."""
        logs = [from_here(events_path(config.log_dir, domain)) for domain in config.domains]
        this = ["--run", folder.run_id] if folder.resumed else []
        resume = shlex.quote(from_here(folder.directory))
        return NextCommands(f"{command(ANALYZE)} {shlex.join([*logs, *this])}", f"{command(RUN)} --resume {resume}")


def opening_lines(config: RunConfig, plan: RunPlan, folder: RunFolder, data: str) -> Iterator[str]:
    """Yield what is run, and what may not be meant so."""
    if config.all_scripted:
        yield (
            "No real model is evaluated: the built-in scripted models play agent, user and judge. "
            "Name one with --model gpt-4.1 (see README)."
        )
    replayed = {role: model for role, model in config.role_models().items() if model is not None and model.recorded}
    if replayed:
        yield (
            f"Recordings answer for {' and '.join(replayed)}: what they answer is not asked again and costs nothing; its tokens are the "
            "recorded ones."
        )
    if config.ttft == "on":
        yield (
            "--ttft on: calls are made as streams. A server may parse streamed tool calls differently from whole ones, so results may "
            "differ from a run without it; answers that look wrong are requested again without a stream."
        )
    if config.task_set is not None:
        yield f"only sound tasks: {', '.join(f'{len(plan.tasks(label))} of {label}' for label in plan.settings)}"
    for domain, number in plan.left_out.items():
        if number:
            yield f"{domain}: {plural(number, 'task')} left out that agent {config.agent} cannot do"
    total = len(plan.units)
    if folder.resumed:
        played = f"; {len(folder.played)} are played and are only evaluated" if folder.played else ""
        yield f"resuming run {folder.run_id}: {len(folder.done)} of {total} simulations are done{played}"
    yield f"run {folder.run_id}: {plural(total - len(folder.done), 'simulation')}, {config.max_concurrency} at a time"
    yield f"data: {data_sentence(data)}"


def result_lines(config: RunConfig, plan: RunPlan, folder: RunFolder, totals: LiveTotals, following: NextCommands) -> Iterator[str]:
    """Yield the rewards, where results are, what to do next."""
    for label, item in totals.domains.items():
        yield f"{label}: mean reward {item.score.headline}"
    yield f"results: {shlex.join(str(results_path(folder.directory, label)) for label in plan.settings)}"
    if config.profile:
        yield f"next:    {following.analyze}"
    if config.writes_events:
        yield f"events:  {folder.directory}/events_<domain>.jsonl"


def ending_lines(plan: RunPlan, stop: Stop, ending: Ending, following: NextCommands) -> Iterator[str]:
    """Yield what went wrong with files, why the run stopped before its end, and how to finish it."""
    for problem in ending.problems:
        yield f"error: {problem}"
    if stop.end is not None:
        yield f"stopped: {stop.end.text}; {stop.end.advice}"
    unfinished = len(plan.units) - ending.kept
    if unfinished:
        are = "is" if unfinished == 1 else "are"
        yield f"{unfinished} of {plural(len(plan.units), 'simulation')} {are} not finished; go on with: {following.go_on}"


def left_lines(rows: Sequence[Row], played: int) -> Iterator[str]:
    """Yield how many simulations left their recording, and where the first one did."""
    if rows:
        domain, task, trial = rows[0].key
        what = rows[0].left_recording or (rows[0].error or "").partition(": ")[2]
        yield f"{len(rows)} of {played} replayed simulations differ from the recording; task {task} trial {trial} of {domain}: {what}"


def left_its_recording(row: Row) -> bool:
    """Return whether a replayed simulation met a prompt that is not the recorded one, or the end of its recording."""
    return row.left_recording is not None or (row.error or "").startswith((PromptDiffers.__name__, RecordingEnded.__name__))


def damaged_note(rows: Sequence[str]) -> str:
    """Return which rows of an earlier start are passed over."""
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"note: edited or damaged rows are skipped, and their simulations are run again: {rows[0]}{more}"
