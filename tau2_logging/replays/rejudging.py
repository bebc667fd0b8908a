"""Recorded conversations scored again by tau2's evaluator: a run for each file, judge and time of asking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.run_info import settings_of
from tau2_logging.analysis.load import load_log
from tau2_logging.replays.judged_simulations import RECORDED, Judging, Key, SavedVerdict, verdict_of
from tau2_logging.replays.rebuilt_simulations import RebuiltSimulation
from tau2_logging.replays.saved_simulations import retrieval_of
from tau2_logging.runner.harness.rejudge_harness import PlayedBefore, RejudgeHarness
from tau2_logging.runner.session import run_given
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.runner.work.checkpoint import read_rows, results_path, was_interrupted
from tau2_logging.statistics.variance_parts import VariancePart, variance_parts

NO_JUDGE = "no judge"


@dataclass(frozen=True)
class Judge:
    """A model that judges; `name` tells it from others of the same model."""

    name: str
    model: ModelChoice | None

    def asked_again(self, number: int) -> ModelChoice | None:
        """Return the model for the n-th time: with a seed of its own, so that a model that keeps to seeds gives another answer."""
        if self.model is None or number == 0:
            return self.model
        seed = int(self.model.call_args.get("seed") or 0) + number
        return replace(self.model, args={**self.model.call_args, "seed": seed})


def judges_of(models: Sequence[str], arguments: Sequence[Mapping[str, Any]]) -> list[Judge]:
    """Return the judges of these models; `arguments` of all, or one for each."""
    args = list(arguments) * len(models) if len(arguments) == 1 else list(arguments) or [{}] * len(models)
    found: list[Judge] = []
    for model, of_model in zip(models, args, strict=True):
        number = 1 + sum(judge.model is not None and judge.model.llm == model for judge in found)
        found.append(Judge(model if number == 1 else f"{model}#{number}", ModelChoice(model, of_model, named=True)))
    return found or [Judge(NO_JUDGE, None)]


@dataclass
class JudgeUse:
    """What a judge used: calls, cost (None: not known), simulations that it left without a verdict because it failed, and those that it
    was not asked about because the money was spent."""

    calls: int = 0
    cost_usd: float | None = 0.0
    failed: int = 0
    unasked: int = 0


@dataclass
class Rejudged:
    """All judgings of the same conversations, what was recorded first; runs by (file, judge, again)."""

    recordings: Sequence[RebuiltSimulation]
    judgings: list[Judging] = field(default_factory=list)
    used: dict[str, JudgeUse] = field(default_factory=dict)
    results: dict[tuple[str, str, int], Path] = field(default_factory=dict)

    def parts(self) -> tuple[list[VariancePart], int]:
        """Return what verdicts differ by, and how many conversations that rests on: those that every judge judged each time."""
        asked = [judging for judging in self.judgings if judging.judge != RECORDED]
        judges = list(dict.fromkeys(judging.judge for judging in asked))
        times = 1 + max((judging.again for judging in asked), default=0)
        by_place = {(judging.judge, judging.again): judging.verdicts for judging in asked}
        whole = [saved for saved in self.recordings if all(_is_judged(verdicts, key_of(saved)) for verdicts in by_place.values())]
        if not whole:
            return [], 0
        values = [
            [[float(bool(by_place[judge, again][key_of(saved)].is_met)) for again in range(times)] for judge in judges] for saved in whole
        ]
        tasks = [f"{saved.saved.domain} {saved.saved.task}" for saved in whole]
        return variance_parts(values, tasks, [saved.saved.user for saved in whole]), len(whole)


def _is_judged(verdicts: Mapping[Key, SavedVerdict], key: Key) -> bool:
    verdict = verdicts.get(key)
    return verdict is not None and verdict.is_met is not None


def key_of(saved: RebuiltSimulation) -> Key:
    """Return what names a conversation among those of several files."""
    return str(saved.saved.source), saved.saved.label, saved.saved.task, saved.saved.trial


def rejudged(
    recordings: Sequence[RebuiltSimulation], judges: Sequence[Judge], times: int, config: RunConfig, told: Callable[[str], None]
) -> Rejudged:
    """Have every judge score all conversations, so many times. `config` says where, how fast, and what all of it may cost: what is left
    when that is spent is not judged. `told` hears of progress.

    Raises UserError for a judge that cannot be asked, KeyboardInterrupt if it was stopped, Tau2LoggingError if it could not be written.
    """
    found = Rejudged(recordings)
    found.judgings.append(
        Judging(RECORDED, 0, {key_of(saved): verdict_of(saved.saved.simulation.get("reward_info")) for saved in recordings})
    )
    files: dict[tuple[Path, str], list[RebuiltSimulation]] = defaultdict(list)
    for saved in recordings:
        files[saved.saved.source, saved.saved.label].append(saved)
    for judge in judges:
        use = found.used[judge.name] = JudgeUse()
        for again in range(times):
            told(f"{judge.name}, time {again + 1} of {times}")
            verdicts: dict[Key, SavedVerdict] = {}
            for (source, _), of_file in files.items():
                left = _left(config, found)
                if left is not None and left <= 0:
                    use.unasked += len(of_file)
                    continue
                folder, some = _run(of_file, judge, again, replace(config, max_cost=left), use)
                verdicts |= some
                found.results[str(source), judge.name, again] = results_path(folder, of_file[0].saved.domain)
            found.judgings.append(Judging(judge.name, again, verdicts))
    return found


def _left(config: RunConfig, found: Rejudged) -> float | None:
    """Return what may still be spent, in USD; None without a limit. With one, a judge without a price is refused when its run starts."""
    return None if config.max_cost is None else config.max_cost - sum(use.cost_usd or 0.0 for use in found.used.values())


def _run(
    recordings: Sequence[RebuiltSimulation], judge: Judge, again: int, config: RunConfig, use: JudgeUse
) -> tuple[Path, dict[Key, SavedVerdict]]:
    first = recordings[0].saved
    played = {(one.saved.task, one.saved.trial): PlayedBefore(one.run, one.task, one.solo) for one in recordings}
    harness = RejudgeHarness(played, _origin(recordings), first.info or None)
    tasks = list({one.saved.task: one.task for one in recordings}.values())
    keys = {(first.domain, one.saved.task, one.saved.trial) for one in recordings}
    trials = 1 + max(one.saved.trial for one in recordings)
    config = replace(
        config, domains=(first.domain,), num_trials=trials, task_ids=tuple(one.saved.task for one in recordings), num_tasks=None,
        judge_model=judge.asked_again(again), progress=False, quiet=True, run_name=None, retrieval_config=retrieval_of(first),
    )  # fmt: skip
    made = run_given(config, harness, {first.domain: tasks}, keys)
    if made.stopped is not None:
        raise made.stopped
    _count(use, config.log_dir / f"tau2_{first.domain}.log", made.folder.name)
    return made.folder, _verdicts(made.folder, recordings, use)


def _verdicts(folder: Path, recordings: Sequence[RebuiltSimulation], use: JudgeUse) -> dict[Key, SavedVerdict]:
    keys = {(one.saved.task, one.saved.trial): key_of(one) for one in recordings}
    found: dict[Key, SavedVerdict] = {}
    ended = set()
    for row in read_rows(folder / f"simulations_{recordings[0].saved.domain}.jsonl"):
        key = keys[row["task"], row["trial"]]
        if row["status"] == "ok" and row.get("simulation"):
            found[key] = verdict_of(row["simulation"].get("reward_info"))
        if not was_interrupted(row):
            ended.add(key)
    use.failed += len(ended) - len(found)
    use.unasked += len(keys) - len(ended)
    return found


def _origin(recordings: Sequence[RebuiltSimulation]) -> dict[str, object]:
    """Return the fields of run_start that say who played, in the place of those who would play if anything were."""
    first = recordings[0].saved
    known = settings_of(first.info) if first.info else dict.fromkeys(("agent", "agent_llm", "user", "user_llm"))
    played = {name: value for name, value in known.items() if name not in ("tau2_version", "seed")}
    return {**dict.fromkeys(("agent_llm_args", "user_llm_args")), **played, "rejudged_from": str(first.source)}


def _count(use: JudgeUse, log: Path, run: str) -> None:
    calls = load_log(log, run).select(["cost_usd", "error"], types=["evaluator"])
    use.calls += len(calls)
    known = [None if usd is None or usd != usd else float(usd) for usd in calls["cost_usd"]]
    if use.cost_usd is not None:
        use.cost_usd = None if any(usd is None for usd in known) else use.cost_usd + sum(usd for usd in known if usd is not None)
