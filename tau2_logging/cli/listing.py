"""`--list-domains` and `--list-tasks`."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.runner.harness.enhanced_domains import SUFFIX, offered
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.simulation_settings import simulation_settings
from tau2_logging.units import plural


def list_domains() -> int:
    """Print domains with their splits, agents and users."""
    harness = Tau2Harness.load()
    plain = harness.domains()
    with offered(harness.registry, simulation_settings(RunConfig()).values()):
        second = [domain for domain in harness.domains() if domain not in plain]
        return _list_domains(harness, plain, f"with structured events, as <domain>{SUFFIX}: {', '.join(second)}")


def _list_domains(harness: Tau2Harness, domains: list[str], note: str) -> int:
    print("domains:")
    for domain in domains:
        try:
            number = plural(len(harness.tasks(domain, None)), "task")
        except Exception as error:
            number = f"its tasks cannot be read: {error}"
        number += _why_not(harness, domain)
        splits = harness.splits(domain)
        print(f"  {domain:20} {number}" + (f" (splits: {', '.join(splits)})" if splits else ""))
    print(f"  {note}")
    print(f"agents: {', '.join(harness.agents())}, expert_agent (with --expert)")
    print(f"users:  {', '.join(harness.users())}")
    return 0


def _why_not(harness: Tau2Harness, domain: str) -> str:
    """Return why a domain cannot run as it is, for the user to read; nothing if it can."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # tau2 tells of the embeddings that it is about to make
            harness.try_environment(domain)
    except UserError as error:
        return f", CANNOT RUN: {error}"
    return ""


def list_tasks(domain: str, split: str | None) -> int:
    """Print the id and the purpose of each task of a domain."""
    harness = Tau2Harness.load()
    with offered(harness.registry, simulation_settings(RunConfig()).values()):
        return _list_tasks(harness, domain, split)


def _list_tasks(harness: Tau2Harness, domain: str, split: str | None) -> int:
    if domain not in harness.domains():
        raise UserError(f"no domain {domain!r}; there are {', '.join(harness.domains())}")
    splits = harness.splits(domain)
    if split is not None and split not in splits:
        raise UserError(f"no split {split!r} in {domain}; it has {', '.join(splits) or 'none'}")
    for task in harness.tasks(domain, split):
        print(f"{task.id}\t{_purpose(task)}")
    return 0


def _purpose(task: Any) -> str:
    text = getattr(task.description, "purpose", None)
    instructions = getattr(task.user_scenario, "instructions", "")
    text = text or getattr(instructions, "reason_for_call", None) or str(instructions)
    return " ".join(str(text).split())[:120]
