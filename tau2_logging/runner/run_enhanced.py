"""One call that runs a domain with structured events on, for scripts and notebooks."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, ModelChoice, RunConfig


def run_enhanced_simulation(
    domain: str,
    tasks: Sequence[Any] | None = None,
    agent: str = "llm_agent",
    user: str | None = None,
    llm_agent: str | None = None,
    llm_args_agent: Mapping[str, Any] | None = None,
    llm_user: str | None = None,
    llm_args_user: Mapping[str, Any] | None = None,
    num_trials: int = 1,
    max_steps: int = 200,
    max_errors: int = 10,
    save_dir: str | Path = "logs",
    max_concurrency: int = 3,
    seed: int = 300,
    log_level: str = "PROFILE",
    **more: Any,
) -> tuple[Any, tuple[Path, Path]]:
    """Run tasks of a domain with structured events on. Returns (tau2's Results, (their file, the file of events)).

    `tasks` are tau2's Task objects (None: the domain's base split), the models litellm's names (None: the scripted ones), `save_dir` is
    where logs go, `more` any other setting of RunConfig (agent_args, task_timeout, masking, ...). Raises UserError for bad input.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # litellm reads it when it is imported, and would try a download
    from tau2_logging.runner.session import run_in

    unknown = sorted(more.keys() - RunConfig.__dataclass_fields__.keys())
    if unknown:
        raise UserError(f"run_enhanced_simulation takes no {', '.join(unknown)}; see RunConfig for what it takes")
    scripted = llm_agent is None and llm_user is None
    config = RunConfig(
        **{
            "domains": (domain,),
            "agent": agent,
            "user": user,
            "agent_model": ModelChoice(llm_agent or SCRIPTED_AGENT, dict(llm_args_agent or {}), named=llm_agent is not None),
            "user_model": ModelChoice(llm_user or SCRIPTED_USER, dict(llm_args_user or {}), named=llm_user is not None),
            "judge_model": ModelChoice(SCRIPTED_JUDGE) if scripted else None,
            "num_trials": num_trials,
            "max_steps": max_steps,
            "max_errors": max_errors,
            "log_dir": Path(save_dir),
            "max_concurrency": max_concurrency,
            "seed": seed,
            "log_level": log_level,
            "events": True,
            "progress": False,
            **more,
        }
    )
    directory = run_in(config, {domain: list(tasks)} if tasks is not None else None)
    results = directory / f"results_{domain}.json"
    return _results(results), (results, directory / f"events_{domain}.jsonl")


def _results(path: Path) -> Any:
    return importlib.import_module("tau2.data_model.simulation").Results.model_validate(json.loads(path.read_text(encoding="utf-8")))
