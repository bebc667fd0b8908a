"""Branches played: a run of its own for each judge, whose simulations begin after given turns of one recorded conversation."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tau2_logging.analysis.load import load_log
from tau2_logging.events.domain_label import arm_label
from tau2_logging.replays.branch_arms import Swap, branch_config, by_judge
from tau2_logging.replays.rebuilt_simulations import RebuiltSimulation
from tau2_logging.runner.harness.branch_harness import BranchHarness, BranchPoint, branch_name, branch_point
from tau2_logging.runner.session import run_given
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.checkpoint import read_rows, was_interrupted
from tau2_logging.statistics.score import is_solved


@dataclass
class Tally:
    """Simulations that went on from one turn in one arm: how many were `solved` of those that have a reward, how many have none, what
    they cost (None: not known)."""

    solved: int = 0
    scored: int = 0
    unscored: int = 0
    cost_usd: float | None = 0.0

    def add(self, reward: float | None, cost_usd: float | None) -> None:
        """Count a simulation."""
        self.scored += reward is not None
        self.unscored += reward is None
        self.solved += reward is not None and is_solved(reward)
        self.cost_usd = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd

    def __add__(self, other: Tally) -> Tally:
        known = None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd
        return Tally(self.solved + other.solved, self.scored + other.scored, self.unscored + other.unscored, known)


Tallies = dict[tuple[str, int], Tally]
"""By (name of the arm, turn)."""


@dataclass
class BranchPlayer:
    """Plays on from turns of one conversation. `runs` are the folders of the runs that it has made, `spent_usd` what they cost; `stopped`
    is what has ended the last of them, a signal or a full disk: it plays no more."""

    origin: RebuiltSimulation
    config: RunConfig
    runs: list[Path] = field(default_factory=list)
    spent_usd: float | None = 0.0
    started: int = 0
    stopped: BaseException | None = None

    def play(self, times: Mapping[int, int], swaps: Sequence[Swap]) -> Tallies:
        """Play on after each turn as often as `times` says, in every arm, or until a signal stops it. Raises UserError for what cannot be
        run."""
        found: Tallies = {}
        for group in by_judge(swaps):
            nothing = {(swap.name, turn): Tally() for swap in group for turn in times}
            found |= nothing if self.is_over else self._run(times, group)
        return found

    @property
    def is_over(self) -> bool:
        """Whether it was stopped, or --max-cost is reached."""
        return self.stopped is not None or self._is_spent

    @property
    def _is_spent(self) -> bool:
        return self.config.max_cost is not None and (self.spent_usd or 0.0) >= self.config.max_cost

    def _run(self, times: Mapping[int, int], swaps: Sequence[Swap]) -> Tallies:
        points = [branch_point(self.origin.task, self.origin.messages, turn) for turn in times]
        harness = BranchHarness(points, _origin(self.origin, points))
        config = self._config(swaps, max(times.values()), points)
        keys = {
            (arm_label(self.origin.saved.domain, swap.name), point.name, trial)
            for swap in swaps for point in points for trial in range(times[point.turn])
        }  # fmt: skip
        made = run_given(config, harness, {self.origin.saved.domain: harness.branch_tasks()}, keys)
        self.runs.append(made.folder)
        self.stopped = made.stopped
        tallies = self._tallies(made.folder, config.log_dir, times, swaps)
        for tally in tallies.values():
            self.spent_usd = None if self.spent_usd is None or tally.cost_usd is None else self.spent_usd + tally.cost_usd
        return tallies

    def _config(self, swaps: Sequence[Swap], trials: int, points: Sequence[BranchPoint]) -> RunConfig:
        config = branch_config(self.config, swaps)
        self.started += 1
        left = None if config.max_cost is None else config.max_cost - (self.spent_usd or 0.0)
        return replace(
            config,
            domains=(self.origin.saved.domain,),
            task_ids=tuple(point.name for point in points),
            num_tasks=None,
            num_trials=trials,
            max_cost=left,
            seed=_seed(self.origin.saved.name, config.seed, self.started),
            progress=False,
            quiet=True,
            profile=True,
            run_name=None,
        )

    def _tallies(self, folder: Path, log_dir: Path, times: Mapping[int, int], swaps: Sequence[Swap]) -> Tallies:
        domain, task = self.origin.saved.domain, str(self.origin.task.id)
        costs = _costs(log_dir / f"tau2_{domain}.log", folder.name)
        turns = {branch_name(task, turn): turn for turn in times}
        tallies = {(swap.name, turn): Tally() for swap in swaps for turn in times}
        for swap in swaps:
            label = arm_label(domain, swap.name)
            rows = {(row["task"], row["trial"]): row for row in read_rows(folder / f"simulations_{label}.jsonl")}
            for (name, trial), row in rows.items():
                if was_interrupted(row):
                    continue
                reward = row.get("reward") if row["status"] == "ok" else None
                tallies[swap.name, turns[name]].add(reward, costs.get((label, name, trial)))
        return tallies


def _origin(origin: RebuiltSimulation, points: Sequence[BranchPoint]) -> dict[str, object]:
    return {"branched_from": origin.saved.name, "branched_at": ",".join(str(point.turn) for point in points)}


def _costs(log: Path, run: str) -> dict[tuple[str, str, int], float | None]:
    """Return what each simulation cost, all roles together, as the log says."""
    table = load_log(log, run).select(["domain", "task", "trial", "cost_usd"], types=["task_end"])
    rows = table.itertuples(index=False, name=None)
    return {(str(domain), str(task), int(trial)): None if usd is None or usd != usd else float(usd) for domain, task, trial, usd in rows}


def _seed(name: str, seed: int, number: int) -> int:
    """Return a seed that is neither the recorded run's nor another branch's: with the same one, a trial would say the same again."""
    return int.from_bytes(hashlib.blake2b(f"{name}|{seed}|{number}".encode(), digest_size=4).digest(), "big") % 1_000_000


def expected_usd(origin: RebuiltSimulation, turns: Sequence[int]) -> float | None:
    """Return what a simulation from each of these turns may cost together, if what is left of the recorded one costs again what it cost;
    None if the recorded one does not say (tau2 writes 0 for a model whose price it does not know)."""
    simulation = origin.saved.simulation
    costs: list[Any] = [simulation.get("agent_cost"), simulation.get("user_cost")]
    if not all(isinstance(cost, int | float) and math.isfinite(cost) for cost in costs):
        return None
    total = float(sum(costs))
    if total == 0 and not origin.saved.is_scripted:
        return None
    return sum(total * (origin.turns - turn) / origin.turns for turn in turns)
