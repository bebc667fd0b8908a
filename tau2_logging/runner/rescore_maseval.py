"""MASEval's recorded reports (JSONL) scored by tau2's own evaluator, as tau2's Results."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tau2_logging.environments import FastDatabases
from tau2_logging.errors import UserError
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes
from tau2_logging.runner.harness.maseval.scoring import HARNESS_REWARD, Repetition, simulation_of
from tau2_logging.runner.harness.maseval.trajectory import NoConversation
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.simulation_settings import SimulationSettings
from tau2_logging.runner.work.checkpoint import Checkpoint, Row, results_path, write_results
from tau2_logging.statistics.pass_k import mean_pass_at, mean_pass_hat

_SCORED = ("success", "evaluation_failed")
"""Statuses of a report whose conversation came to its end; all others are failures of the infrastructure, or of an agent system."""


@dataclass
class Rescored:
    """A domain's reports: rewards by task of MASEval's evaluator and of tau2's (in the same order), and what was left out, by reason."""

    maseval: dict[str, list[float]] = field(default_factory=dict)
    tau2: dict[str, list[float]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    results: Path | None = None

    @property
    def scored(self) -> int:
        """Conversations that tau2's evaluator has scored."""
        return sum(map(len, self.tau2.values()))

    @property
    def apart(self) -> int:
        """Conversations on which the two do not agree."""
        pairs = [(a, b) for task, rewards in self.tau2.items() for a, b in zip(self.maseval[task], rewards, strict=True)]
        return sum(a != b for a, b in pairs)


def rates(rewards: Mapping[str, list[float]]) -> tuple[dict[int, float], dict[int, float]]:
    """Return (pass^k, pass@k) by k, for every k that all tasks have trials for; `rewards` by task."""
    return mean_pass_hat(rewards), mean_pass_at(rewards)


def summary(domain: str, rescored: Rescored) -> str:
    """Return a domain in a few lines: both rewards, pass^k and pass@k of both, what was left out."""
    lines = [f"{domain}: {rescored.scored} conversations scored, {rescored.apart} differently from MASEval; {rescored.results}"]
    for name, rewards in (("MASEval", rescored.maseval), ("tau2", rescored.tau2)):
        lines.append(f"    {name:8} {_figures(rewards)}")
    if rescored.left_out:
        reasons = ", ".join(f"{reason} {count}" for reason, count in rescored.left_out.most_common())
        lines.append(f"    left out: {sum(rescored.left_out.values())} ({reasons})")
    return "\n".join(lines)


def _figures(rewards: dict[str, list[float]]) -> str:
    every = [reward for trials in rewards.values() for reward in trials]
    if not every:
        return "-"
    hats, ats = rates(rewards)
    shown = [f"mean reward {sum(every) / len(every):.3f}"]
    shown += [f"pass^{k} {value:.3f}" for k, value in hats.items()]
    shown += [f"pass@{k} {value:.3f}" for k, value in ats.items()]
    return ", ".join(shown)


def rescore(reports: Path, output: Path) -> dict[str, Rescored]:
    """Score the reports of a file; writes `results_{domain}.json` into `output`, and returns the rewards by domain.

    Raises UserError for a file that holds no reports of MASEval's Tau2 benchmark, or a folder that cannot be written.
    """
    rows = list(read_reports(reports))
    harness = Tau2Harness.load()
    found: dict[str, Rescored] = {}
    for domain in sorted({_domain(report, reports) for report in rows}):
        if domain not in harness.domains():
            raise UserError(f"{reports} has reports of domain {domain!r}, which the installed tau2 does not have")
        found[domain] = _Domain(harness, domain, output).score([report for report in rows if _domain(report, reports) == domain])
    return found


def read_reports(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the reports of a JSONL file. A last line that was cut short is passed over; any other line that is none raises UserError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}; give the JSONL file that MASEval's result logger wrote") from error
    number = 0
    for number, line in enumerate(lines, start=1):
        try:
            report = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise UserError(f"{path}, line {number}, is not JSON ({error}); give a file of MASEval's result logger") from error
        if not isinstance(report, dict) or not {"task_id", "repeat_idx", "status"} <= report.keys():
            raise UserError(f"{path}, line {number}, is no report of MASEval's: it has no task_id, repeat_idx and status")
        yield report
    if number == 0:
        raise UserError(f"{path} is empty")


def _domain(report: Mapping[str, Any], path: Path) -> str:
    metadata = (report.get("task") or {}).get("metadata") or {}
    environment = (report.get("traces") or {}).get("environment") or {}
    domain = metadata.get("domain") or environment.get("domain")
    if not domain:
        raise UserError(f"{path}: the report of task {report['task_id']} names no domain; record it with include_task=True")
    return str(domain)


class _Domain:
    def __init__(self, harness: Tau2Harness, domain: str, output: Path) -> None:
        self._harness = harness
        self._domain = domain
        self._output = output
        every = harness.registry.get_tasks_loader(domain)
        self._tasks = {str(task.id): task for task in (every(None) if harness.splits(domain) else every())}
        self._found = Rescored()

    def score(self, reports: list[dict[str, Any]]) -> Rescored:
        try:
            self._output.mkdir(parents=True, exist_ok=True)
            (self._output / f"simulations_{self._domain}.jsonl").unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {self._output}: {error.strerror}; choose another --output") from error
        with ExitStack() as stack:
            databases = DatabaseSubstitutes("tau2", FastDatabases())
            databases.install()
            stack.callback(databases.uninstall)
            checkpoint = Checkpoint(self._output, [self._domain])
            stack.callback(checkpoint.close)
            used = [task for report in reports if (task := self._one(report, checkpoint)) is not None]
        tasks = {str(task.id): task for task in used}.values()
        info = self._harness.info_json(_settings(self._domain, reports))
        write_results(self._output, self._domain, info, tasks, time.strftime("%Y-%m-%dT%H:%M:%S"))
        self._found.results = results_path(self._output, self._domain)
        return self._found

    def _one(self, report: Mapping[str, Any], checkpoint: Checkpoint) -> Any:
        """Return the task, if the report's conversation was scored."""
        name = str(report["task_id"])
        task = self._tasks.get(name)
        if report["status"] not in _SCORED or task is None:
            self._found.left_out[str(report["status"]) if task is not None else "no such task in the installed tau2"] += 1
            return None
        repetition = Repetition(self._domain, task, report, int(report["repeat_idx"]), seed=None)
        try:
            environment = self._harness.registry.get_env_constructor(self._domain)()
            run = simulation_of(repetition, environment, own_reward=False)
        except NoConversation as error:
            self._found.left_out[str(error)] += 1
            return None
        except ValueError:  # tau2's evaluator raises it where a call is answered otherwise than it was recorded
            self._found.left_out["a tool answers otherwise than recorded"] += 1
            return None
        self._keep(name, repetition, run, checkpoint)
        return task

    def _keep(self, name: str, repetition: Repetition, run: Any, checkpoint: Checkpoint) -> None:
        reward = run.reward_info.reward
        self._found.tau2.setdefault(name, []).append(reward)
        self._found.maseval.setdefault(name, []).append(run.reward_info.info[HARNESS_REWARD] or 0.0)
        checkpoint.append(
            Row(
                domain=self._domain,
                task=name,
                trial=repetition.trial,
                seed=0,
                status="ok",
                reward=reward,
                termination=str(getattr(run.termination_reason, "value", run.termination_reason)),
                duration_ms=round(run.duration * 1000, 3),
                simulation=run.model_dump_json(),
            )
        )


def _settings(domain: str, reports: Iterable[Mapping[str, Any]]) -> SimulationSettings:
    """Return what the head of a Results file says of the run, as far as the reports tell."""
    models: dict[str, Any] = next((traces["models"] for report in reports if (traces := report.get("traces") or {}).get("models")), {})
    names = {role: str((models.get(role) or {}).get("model_id", "unknown")) for role in ("agent_model", "user_simulator")}
    trials = 1 + max((int(report["repeat_idx"]) for report in reports), default=0)
    return SimulationSettings(
        domain=domain,
        agent="llm_agent",
        user="user_simulator",
        agent_llm=names["agent_model"],
        agent_args={},
        user_llm=names["user_simulator"],
        user_args={},
        judge_llm=None,
        judge_args={},
        repetition_judge=False,
        max_steps=200,
        max_errors=10,
        num_trials=trials,
        seed=0,
    )
