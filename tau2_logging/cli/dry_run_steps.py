"""`--dry-run`: what a run would do, and what is known of its cost and time before it is started."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.costs.prices import default_prices, read_prices
from tau2_logging.errors import UserError
from tau2_logging.events.call_arguments import shown_arguments
from tau2_logging.events.domain_label import plain_domain
from tau2_logging.events.secrets.masking import mask_text
from tau2_logging.experiments.planning.run_forecast import RunForecast, SimulationForecast, forecast, total
from tau2_logging.runner.executors import choose_executor
from tau2_logging.runner.session import plan_of
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.runner.settings.options import PROCESSES
from tau2_logging.runner.work.run_plan import RunPlan
from tau2_logging.sinks.domain_files import events_path
from tau2_logging.units import duration, money, plural

EXIT_READY, EXIT_REFUSED = 0, 1
_WIDTH = 140
"""Columns if the output is not a terminal."""
_LIMITS = (
    ("max_cost", "--max-cost {:g} USD"), ("max_tokens_total", "--max-tokens-total {:,}"), ("task_timeout", "--task-timeout {:g} s"),
    ("request_timeout", "--request-timeout {:g} s"), ("max_steps", "--max-steps {}"),
)  # fmt: skip


def dry_run(config: RunConfig, like: str | None = None, prices_file: str | None = None) -> int:
    """Print the plan of a run; 0 if it could be started, 1 if something would be refused. Raises UserError if there can be no plan."""
    prices = read_prices(prices_file).over(default_prices()) if prices_file else default_prices()
    plan, refused = plan_of(config)
    log = _earlier(config, like)
    forecasts = {label: forecast(settings, label, log, prices) for label, settings in plan.settings.items()}
    lines = [*_plan_lines(config, plan), *_forecast_lines(config, plan.planned(), forecasts)]
    print("dry run: nothing is started and nothing is written")
    for name, text in lines:
        print(_fitted(text, f"  {name:<13} "))
    if refused is not None:
        print(_fitted(refused, "not ready: "))
    return EXIT_REFUSED if refused is not None else EXIT_READY


def _fitted(text: str, start: str) -> str:
    """Return a text after its name, in as many lines as the terminal needs; words stay whole."""
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
    return textwrap.fill(
        text, width, initial_indent=start, subsequent_indent=" " * len(start), break_long_words=False, break_on_hyphens=False
    )


def _plan_lines(config: RunConfig, plan: RunPlan) -> Iterator[tuple[str, str]]:
    trials = "trial" if config.num_trials == 1 else "trials"
    for label, number in plan.planned().items():
        yield "simulations", f"{label}: {plural(len(plan.tasks(label)), 'task')} x {config.num_trials} {trials} = {number}"
    choice = choose_executor(config, len(plan.units))
    place = f"{choice.workers or 'some'} worker processes" if choice.executor == PROCESSES else choice.executor
    yield "", f"{len(plan.units)} in all, {config.max_concurrency} at a time in {place}, seed {config.seed}"
    yield "agent", f"{config.agent}, {_model(config.agent_model)}"
    yield "user", f"{config.user or 'user_simulator'}, {_model(config.user_model)}"
    yield "judge", "tau2's own, where a reward needs one" if config.judge_model is None else _model(config.judge_model)
    for expert in config.experts:
        yield "expert", f"{expert.alias}, {expert.model}"
    limits = [text.format(getattr(config, name)) for name, text in _LIMITS if getattr(config, name) is not None]
    yield "limits", ", ".join([*limits, *(f"--rate-limit {text}" for text in config.rate_limits)])
    logs = ", ".join(str(events_path(config.log_dir, domain)) for domain in config.domains)
    yield "log", f"{logs} ({config.log_level})" if config.profile else "none (--no-profile)"


def _model(model: ModelChoice) -> str:
    return f"{model.llm} {json.dumps(shown_arguments(model.call_args, mask_text))}"


def _forecast_lines(
    config: RunConfig, planned: Mapping[str, int], forecasts: Mapping[str, SimulationForecast]
) -> Iterator[tuple[str, str]]:
    found = total(forecasts, planned, config.max_concurrency)
    yield "cost", _cost(found, forecasts, planned)
    if found.usd != 0:
        bases = {item.basis: label for label, item in forecasts.items()}
        yield from (("", basis if len(bases) == 1 else f"{label}: {basis}") for basis, label in bases.items())
    if found.seconds is None:
        yield "time", "unknown: no earlier run with these models"
        yield "", "the same command with -n 5, without --dry-run, makes both known"
    else:
        yield "time", f"about {duration(found.seconds * 1000)}, if {config.max_concurrency} at a time are as fast as they were then"


def _cost(found: RunForecast, forecasts: Mapping[str, SimulationForecast], planned: Mapping[str, int]) -> str:
    if found.usd is None:
        return "unknown"
    if found.usd == 0:
        return "free"
    each = money(found.usd / max(sum(planned.values()), 1))
    span = f" ({money(found.low)} to {money(found.high)})" if found.low is not None and found.high is not None else ""
    return f"about {money(found.usd)}{span}, {each} a simulation"


def _earlier(config: RunConfig, like: str | None) -> RunLog | None:
    """Return the earlier run to forecast from: the one that was named, or the latest of these domains. Raises UserError."""
    if like is not None:
        return load_log(like)
    logs = [events_path(config.log_dir, plain_domain(domain)) for domain in config.domains]
    there = [path for path in map(Path, logs) if path.is_file()]
    try:
        return load_log(there) if there else None
    except UserError:  # no run in it yet
        return None
