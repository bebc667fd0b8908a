"""Planted decisive turns, found by `branch --scan`'s search in tau2 itself.

    python -m benchmarks.branch [--cases N] [--budget N] [--json FILE]

Each case is a recorded conversation of the mock domain (see `planted`). The search plays on from its turns with real runs. Printed: how
often the turn that it names is the planted one or next to it, the simulations it used, and those of playing on from every turn 24 times;
whether the measured chances are the known ones. Exit code 1 if fewer than 95 % are found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from benchmarks.branch.planted import AGENT, PlantedCase, drawn_cases, planted_task, recording, register
from tau2_logging.replays.branch_arms import Swap
from tau2_logging.replays.branch_runs import BranchPlayer
from tau2_logging.replays.decisive_turn import MOST_TIMES, ChanceCurve, Decision, find_decisive_turn
from tau2_logging.replays.rebuilt_simulations import RebuiltSimulation, RefusedSimulations, SimulationRebuilder
from tau2_logging.replays.saved_simulations import read_saved
from tau2_logging.runner.harness.rebuilt_conversation import ConversationRebuilder
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.session import run_given
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, ModelChoice, RunConfig

ENOUGH = 0.95


def main() -> int:
    """Record, search, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--budget", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    args = parser.parse_args()
    register()
    cases = drawn_cases(args.cases, args.seed)
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder))
        origins = _recorded(config, cases)
        began = time.perf_counter()
        found = []
        for origin, case in zip(origins, cases, strict=True):
            found.append(_searched(origin, case, config, args.budget))
            print(f"case {case.number}: turn {case.decisive_turn}, found {found[-1][0].turn}", file=sys.stderr, flush=True)
    figures = _told(cases, found, time.perf_counter() - began)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(figures["near"] / figures["cases"] < ENOUGH)


def _config(folder: Path) -> RunConfig:
    return RunConfig(
        domains=("mock",),
        agent=AGENT,
        agent_model=ModelChoice(SCRIPTED_AGENT),
        user_model=ModelChoice(SCRIPTED_USER),
        judge_model=ModelChoice(SCRIPTED_JUDGE),
        log_dir=folder,
        progress=False,
        quiet=True,
        max_concurrency=2,
    )


def _recorded(config: RunConfig, cases: list[PlantedCase]) -> list[RebuiltSimulation]:
    """Return the conversations of all cases, in which the planted mistakes were made."""
    harness, refused = Tau2Harness.load(), RefusedSimulations()
    with recording(cases):
        folder = run_given(config, harness, {"mock": [planted_task(case) for case in cases]}).folder
    with ConversationRebuilder(harness) as rebuilder:
        rebuilt = SimulationRebuilder(harness, rebuilder).all(read_saved([folder]), refused)
    assert not refused.found, refused.rows()
    by_task = {one.saved.task: one for one in rebuilt}
    return [by_task[f"case {case.number}"] for case in cases]


def _searched(origin: RebuiltSimulation, case: PlantedCase, config: RunConfig, budget: int) -> tuple[Decision, ChanceCurve]:
    assert origin.saved.won is False, (case, origin.saved.reward)
    player = BranchPlayer(origin, replace(config, log_dir=config.log_dir / "branches"))
    curve = ChanceCurve(origin.turns, won=False)

    def ask(times: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        tallies = player.play(times, (Swap(),))
        return {turn: (tally.solved, tally.scored) for (_, turn), tally in tallies.items()}

    return find_decisive_turn(curve, 1, budget, ask), curve


def _told(cases: list[PlantedCase], found: list[tuple[Decision, ChanceCurve]], took_s: float) -> dict[str, Any]:
    """Print what was found; returns the figures."""
    near = [_is_near(case, decision) for case, (decision, _) in zip(cases, found, strict=True)]
    exact = [decision.turn == case.decisive_turn for case, (decision, _) in zip(cases, found, strict=True)]
    used = [decision.simulations for decision, _ in found]
    every = [MOST_TIMES * (curve.last - 1) for _, curve in found]
    print(f"{len(cases)} conversations of {min(curve.last for _, curve in found)} to {max(curve.last for _, curve in found)} turns, "
          f"{sum(case.early is not None for case in cases)} with an earlier mistake that was mended; {took_s:.0f} s")  # fmt: skip
    print(f"decisive turn found: {sum(exact)} exactly, {sum(near)} within one turn ({mean(near):.1%}); "
          f"{sum(decision.sure for decision, _ in found)} called sure")  # fmt: skip
    print(f"simulations: {mean(used):.0f} a conversation (at most {max(used)}); every turn {MOST_TIMES} times: {mean(every):.0f}")
    print(f"measured chances off the known ones by {_bias(cases, found):+.3f} on average, {_outside(cases, found)} of "
          f"{sum(len(curve.tried()) for _, curve in found)} by more than 4 standard errors")  # fmt: skip
    for case, (decision, curve) in zip(cases, found, strict=True):
        if not _is_near(case, decision):
            shown = ", ".join(f"{turn}: {curve.solved[turn]}/{curve.scored[turn]}" for turn in curve.tried())
            print(f"  missed: {case}, turn {case.decisive_turn}; said {decision.turn} ({shown})")
    return {"cases": len(cases), "exact": sum(exact), "near": sum(near), "simulations": used, "simulations_of_every_turn": every,
            "bias": _bias(cases, found), "took_s": took_s}  # fmt: skip


def _is_near(case: PlantedCase, decision: Decision) -> bool:
    return decision.turn is not None and abs(decision.turn - case.decisive_turn) <= 1


def _bias(cases: list[PlantedCase], found: list[tuple[Decision, ChanceCurve]]) -> float:
    off = [
        curve.solved[turn] - curve.scored[turn] * case.chances()[turn]
        for case, (_, curve) in zip(cases, found, strict=True)
        for turn in curve.tried()
    ]
    return sum(off) / sum(sum(curve.scored.values()) for _, curve in found)


def _outside(cases: list[PlantedCase], found: list[tuple[Decision, ChanceCurve]]) -> int:
    """Return how many measured chances the known ones do not explain."""
    count = 0
    for case, (_, curve) in zip(cases, found, strict=True):
        known = case.chances()
        for turn in curve.tried():
            n, p = curve.scored[turn], known[turn]
            count += abs(curve.solved[turn] - n * p) > 4 * max(n * p * (1 - p), 0.25) ** 0.5
    return count


if __name__ == "__main__":
    sys.exit(main())
