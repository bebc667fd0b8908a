"""What run_local.py does with its options. Returns the exit code; raises UserError for bad input."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tau2_logging.cli.analyze_timing import parsed
from tau2_logging.cli.listing import list_domains, list_tasks
from tau2_logging.errors import UserError
from tau2_logging.invocation import ANALYZE, program
from tau2_logging.leaving import exit_code, tell
from tau2_logging.runner.harness.tau2_harness import check_tau2
from tau2_logging.runner.model_calls.server_questions import with_served_model
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.from_options import new_config, notes_on, resumed_config
from tau2_logging.sinks.domain_files import events_path


def carry_out_options(given: Mapping[str, Any], words: list[str]) -> int:
    """List, check or run; `words` are the command line."""
    if "list_domains" in given:
        return list_domains()
    if "list_tasks" in given:
        return list_tasks(given["list_tasks"], given.get("task_split"))
    config, resume = resumed_config(given) if "resume" in given else (_new(given), None)
    check_tau2()
    if "check" in given:
        return _check(config)
    if "dry_run" in given:
        return _dry_run(config, given)
    if "open" in given and not config.profile:
        raise UserError("--open shows what the log says, and --no-profile writes none; leave one of them out")
    code = _run(config, resume, words)
    if "open" in given and code in (0, 1):
        _open_report(config, resume)
    return code


def _new(given: Mapping[str, Any]) -> RunConfig:
    config = new_config(with_served_model(given))
    for note in notes_on(config):
        tell(note)
    return config


def _check(config: RunConfig) -> int:
    from tau2_logging.runner.model_calls.preflight import check  # imports litellm, which takes seconds

    return check(config)


def _dry_run(config: RunConfig, given: Mapping[str, Any]) -> int:
    from tau2_logging.cli.dry_run_steps import dry_run  # imports the analysis, which takes a second

    return dry_run(config, given.get("like"), given.get("prices"))


def _open_report(config: RunConfig, resume: Path | None) -> None:
    """Analyze the log and open the page; what goes wrong is said and changes nothing of how the run ended."""
    from tau2_logging.cli.analyze_steps import analyze  # imports pandas, which takes a second

    this = [] if resume is None else ["--run", resume.resolve().name]
    quiet = ["--quiet"] if config.quiet else []
    words = [*(str(events_path(config.log_dir, domain)) for domain in config.domains), "--open", *this, *quiet]
    exit_code(program(ANALYZE), lambda: analyze(parsed(words), words))


def _run(config: RunConfig, resume: Path | None, words: list[str]) -> int:
    from tau2_logging.runner.session import run  # imports litellm, which takes seconds

    return run(config, resume, words)
