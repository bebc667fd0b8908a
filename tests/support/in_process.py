"""Runs inside the test's own process: tau2 is imported once."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from tau2_logging.agents import EXPERT_AGENT
from tau2_logging.runner.executors import forked_workers, processes
from tau2_logging.runner.model_calls.retry_policy import RetryPolicy
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, ModelChoice, RunConfig
from tau2_logging.runner.work import process_setup
from tests.support.forked import SUBPROCESS


def scripted(log_dir: Path, agent: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **settings: Any) -> RunConfig:
    """A run of mock with the scripted models, given these arguments."""
    chosen: dict[str, Any] = {"domains": ("mock",), "log_dir": log_dir, "progress": False, **settings}
    if chosen.get("experts"):
        chosen.setdefault("agent", EXPERT_AGENT)
    chosen.setdefault("agent_model", ModelChoice(SCRIPTED_AGENT, agent or {}))
    chosen.setdefault("user_model", ModelChoice(SCRIPTED_USER, user or {}))
    chosen.setdefault("judge_model", ModelChoice(SCRIPTED_JUDGE, {}))
    return RunConfig(**chosen)


@contextmanager
def quick_workers() -> Iterator[None]:
    """Worker processes that start inside the block have imported tau2 already."""
    with patch.object(processes, "subprocess", SUBPROCESS), patch.object(forked_workers, "subprocess", SUBPROCESS):
        yield


def run_quietly(config: RunConfig, resume: Path | None = None) -> tuple[int, str]:
    """(exit code, what was printed). Pauses before retries are a tenth of the usual; worker processes have imported tau2 already. The heap
    is frozen (conftest.py): to count what is takes 40 ms. Two things that are found out for each run, and are the same each time, are asked
    once: Python's folders by loguru, and the commit by tau2, which starts a process of git.
    """
    out = io.StringIO()
    retries = patch.object(process_setup, "RetryPolicy", partial(RetryPolicy, first_wait_s=0.05))
    heap = patch.object(process_setup, "frozen_heap", nullcontext)
    folders, commit = _asked_once("sysconfig", "get_path"), _asked_once("tau2.run", "get_commit_hash")
    with retries, heap, folders, commit, quick_workers():
        code = run(config, resume, [], Console(file=out, width=120))
    return code, out.getvalue()


def _asked_once(module: str, name: str) -> AbstractContextManager[Any]:
    asked = getattr(sys.modules.get(module), name, None)
    return patch(f"{module}.{name}", _remembering(asked)) if asked is not None else nullcontext()


@lru_cache
def _remembering(asked: Callable[..., Any]) -> Callable[..., Any]:
    return asked if hasattr(asked, "cache_info") else lru_cache(asked)
