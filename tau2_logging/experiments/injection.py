"""Did each variant's text reach the model? Proven from the log, whichever thread, process or machine made the call.

Every user call in the log bears the hash of the system prompt that was sent (`prompt_hash` of user_sim). Here the prompt of each task and
arm is made again, from the plan's text and tau2's own prompt, and the hashes have to be the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.analysis import load_log
from tau2_logging.events.domain_label import arm_label, plain_domain
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.prompts import user_prompts


@dataclass(frozen=True)
class Injection:
    """`calls` user calls of `simulations` were looked at; `wrong` names those with another prompt than their variant's (label, task, hash),
    `unmarked` counts calls that bear no hash.
    """

    calls: int
    simulations: int
    wrong: tuple[tuple[str, str, str], ...] = ()
    unmarked: int = 0

    @property
    def proven(self) -> bool:
        """Every call was looked at and had its variant's prompt."""
        return self.calls > 0 and not self.wrong and not self.unmarked


def check_injection(config: RunConfig, logs: Iterable[str | Path], run: str) -> dict[str, Injection]:
    """Per label (`retail@anger`), for a run of this configuration with these event logs. Works for any executor."""
    expected = user_prompts(config)
    calls = load_log(list(logs), run).select(["domain", "task", "trial", "prompt_hash"], types=["user_sim"])
    labels = [arm_label(domain, arm.name) for domain in config.domains for arm in config.arms]
    return {label: _of_label(calls[calls["domain"].eq(label)], label, expected) for label in labels}


def _of_label(calls: Any, label: str, expected: dict[tuple[str, str], str]) -> Injection:
    known = calls["prompt_hash"].notna()
    rows = calls[known].drop_duplicates(["task", "prompt_hash"])
    pairs = [(str(task), str(sent)) for task, sent in zip(rows["task"], rows["prompt_hash"], strict=True)]
    wrong = tuple((label, task, sent) for task, sent in pairs if expected.get((label, task)) != sent)
    return Injection(len(calls), len(calls.drop_duplicates(["task", "trial"])), wrong, int((~known).sum()))


def by_arm(found: dict[str, Injection], arms: Iterable[str]) -> dict[str, Injection]:
    """Return the same for each arm over its domains."""
    merged = {}
    for arm in arms:
        parts = [item for label, item in found.items() if label == arm_label(plain_domain(label), arm)]
        merged[arm] = Injection(
            sum(item.calls for item in parts),
            sum(item.simulations for item in parts),
            tuple(one for item in parts for one in item.wrong),
            sum(item.unmarked for item in parts),
        )
    return merged
