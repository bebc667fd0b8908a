"""A domain examined task by task, with its sums: what idle agents earn, whether the reference scores, which mutants were scored rightly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.audit.examination import Kept, Progress, edition_name, examined
from tau2_logging.audit.judge_audit import JudgeAudit, audit_judge
from tau2_logging.audit.mutants import MUTANT_KINDS
from tau2_logging.audit.task_audit import IDLE_AGENTS, TaskAudit
from tau2_logging.errors import UserError
from tau2_logging.runner.asked_judge import AskedJudge
from tau2_logging.runner.harness.conversation_replay import ConversationReplay
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import ModelChoice

Ratio = tuple[int, int]


@dataclass(frozen=True)
class DomainAudit:
    """The tasks of a domain as examined with a release of tau2."""

    domain: str
    release: str
    tasks: Sequence[TaskAudit]
    judge: JudgeAudit | None = None

    @property
    def idle(self) -> Ratio:
        """Return how many tasks an agent solves that makes no call, of those that were scored."""
        scored = [task for task in self.tasks if task.idle]
        return sum(task.idle_passes for task in scored), len(scored)

    def idle_of(self, agent: str) -> Ratio:
        """Return how many tasks an idle agent solves, of those that were scored."""
        rewards = [task.idle[agent] for task in self.tasks if agent in task.idle]
        return sum(reward == 1 for reward in rewards), len(rewards)

    @property
    def reference(self) -> Ratio:
        """Return how many references score 1, of those that were examined."""
        rewards = [task.reference for task in self.tasks if task.reference is not None]
        return sum(reward == 1 for reward in rewards), len(rewards)

    def mutants_of(self, kind: str) -> Ratio:
        """Return how many mutants of a kind were scored as they should be, of how many."""
        found = [task.mutants.get(kind, (0, 0)) for task in self.tasks]
        return sum(caught for caught, _ in found), sum(of for _, of in found)

    @property
    def parts(self) -> dict[str, Ratio]:
        """Return of each part of the reward how many wrong mutants it refuses by itself, of how many."""
        names = sorted({part for task in self.tasks for part in task.parts})
        counts = {name: [task.parts[name] for task in self.tasks if name in task.parts] for name in names}
        return {name: (sum(caught for caught, _ in found), sum(of for _, of in found)) for name, found in counts.items()}

    @property
    def kinds(self) -> Counter[str]:
        """Return in how many tasks there is a finding of each kind."""
        return Counter(kind for task in self.tasks for kind in {finding.kind for finding in task.findings})

    def with_verdict(self, sound: bool | None) -> list[TaskAudit]:
        """Return the tasks that are sound, unsound, or not known to be either (None)."""
        return [task for task in self.tasks if task.sound is sound]

    def as_json(self) -> dict[str, Any]:
        """Return what audit/<domain>.json holds."""
        return {
            "domain": self.domain,
            "release": self.release,
            "idle": {**_solved(self.idle), "agents": {agent: _solved(self.idle_of(agent)) for agent in IDLE_AGENTS}},
            "reference": _solved(self.reference),
            "mutants": {kind: dict(zip(("caught", "of"), self.mutants_of(kind), strict=True)) for kind in MUTANT_KINDS},
            "parts": {name: dict(zip(("caught", "of"), counts, strict=True)) for name, counts in self.parts.items()},
            **({} if self.judge is None else {"judge": self.judge.as_json()}),
            "tasks": [task.as_json() for task in self.tasks],
        }

    def sound_json(self) -> dict[str, Any]:
        """Return the domain's entry in sound.json: the sound tasks, and why each other one is not among them."""
        return {
            "sound": [task.task for task in self.with_verdict(True)],
            "unsound": {task.task: _reasons(task, True) for task in self.with_verdict(False)},
            "not_examined": {task.task: _reasons(task, False) for task in self.with_verdict(None)},
        }


@dataclass(frozen=True)
class HowToAudit:
    """`folder`: where what is done is kept; `workers`: processes (None: what the tasks are worth); `judge`: a model to be examined too;
    `modules`: the user's own, which register domains."""

    folder: Path
    fast: bool = True
    workers: int | None = None
    judge: ModelChoice | None = None
    modules: tuple[str, ...] = ()


def audit_domains(
    harness: Tau2Harness, domains: Sequence[str], task_ids: Sequence[str] | None, progress: Progress, how: HowToAudit
) -> list[DomainAudit]:  # fmt: skip
    """Examine the tasks of domains. Raises UserError for a domain or a task that there is not, or a judge that cannot be asked."""
    chosen = {domain: _chosen(harness, domain, task_ids) for domain in known_domains(harness, domains)}
    missing = set(task_ids or ()) - {str(task.id) for tasks in chosen.values() for task in tasks}
    if missing:
        raise UserError(f"no task {', '.join(sorted(missing))} in {', '.join(domains)}; `run --list-tasks DOMAIN` lists a domain's tasks")
    judge = AskedJudge(how.judge) if how.judge is not None else None
    return [_audited(harness, domain, tasks, progress, how, judge) for domain, tasks in chosen.items() if tasks]


def known_domains(harness: Tau2Harness, domains: Sequence[str]) -> list[str]:
    """Return the domains, each once. Raises UserError for one that there is not."""
    unknown = [domain for domain in domains if domain not in harness.domains()]
    if unknown:
        raise UserError(f"no domain {', '.join(unknown)}; there are {', '.join(harness.domains())}")
    return list(dict.fromkeys(domains))


def dumped_tasks(harness: Tau2Harness, domain: str) -> list[dict[str, Any]]:
    """Return the tasks of a domain as plain data."""
    return [task.model_dump(mode="json") for task in harness.tasks(domain, None)]


def _chosen(harness: Tau2Harness, domain: str, task_ids: Sequence[str] | None) -> list[Any]:
    harness.try_environment(domain)
    return [task for task in harness.tasks(domain, None) if task_ids is None or str(task.id) in task_ids]


def _audited(
    harness: Tau2Harness, domain: str, tasks: Sequence[Any], progress: Progress, how: HowToAudit, judge: AskedJudge | None
) -> DomainAudit:  # fmt: skip
    kept = Kept(how.folder / f"{domain}.partial.jsonl", edition_name(harness))
    found = examined(harness, domain, tasks, kept, progress, how.fast, how.workers, how.modules)
    if judge is None:
        return DomainAudit(domain, edition_name(harness), found)
    with judge, ConversationReplay(harness, domain, how.fast) as replay:
        judged = audit_judge(judge, replay, tasks, lambda number, total: progress(f"{domain}, questions to the judge", number, total))
    return DomainAudit(domain, edition_name(harness), found, judged)


def _solved(ratio: Ratio) -> dict[str, int]:
    return {"solved": ratio[0], "of": ratio[1]}


def _reasons(task: TaskAudit, unsound: bool) -> list[str]:
    return [f"{finding.kind}: {finding.evidence}" for finding in task.findings if finding.unsound or not unsound]
