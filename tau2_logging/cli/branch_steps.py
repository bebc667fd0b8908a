"""What `branch` does: rebuild, say what it takes, play, say what came of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace

from tau2_logging.errors import UserError
from tau2_logging.events.roles import CONFIGURED_ROLES
from tau2_logging.replays.branch_arms import Swap, swap_of_scan, swaps_of
from tau2_logging.replays.branch_results import about, branch_lines, branch_row, compared_arms, keep, price, scan_lines, scan_row
from tau2_logging.replays.branch_runs import BranchPlayer, expected_usd
from tau2_logging.replays.decisive_turn import ChanceCurve, find_decisive_turn, first_turns
from tau2_logging.replays.rebuilt_simulations import RebuiltSimulation, SimulationRebuilder
from tau2_logging.replays.saved_simulations import config_of, one_saved, read_saved
from tau2_logging.runner.harness.load_harness import load_harness
from tau2_logging.runner.harness.rebuilt_conversation import ConversationRebuilder, ReplayRefused
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.json_flag import json_object
from tau2_logging.units import plural


def branch(args: argparse.Namespace) -> int:
    """Branch or scan. Raises UserError for what cannot be branched."""
    _check(args)
    swaps = swaps_of(args.swap, json_object("--swap-args", args.swap_args))
    saved = one_saved(read_saved([args.run]), args.task, args.trial)
    config = _settings(config_of(saved), args)
    harness = load_harness(config)
    origin = _rebuilt(harness, saved, args.tasks)
    player = BranchPlayer(origin, config)
    print(about(origin))
    return _scan(player, args, swap_of_scan(swaps)) if args.scan else _at(player, args, swaps)


def _check(args: argparse.Namespace) -> None:
    for name, least in (("times", 1), ("budget", 1), ("trial", 0), ("at", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise UserError(f"--{name} {value} is too small; it must be at least {least}")


def _settings(config: RunConfig, args: argparse.Namespace) -> RunConfig:
    changes: dict[str, object] = {
        "log_dir": args.log_dir,
        "executor": args.executor,
        "max_cost": args.max_cost,
        "modules": (*config.modules, *args.load),
    }
    if args.max_concurrency is not None:
        changes["max_concurrency"] = args.max_concurrency
    for role in CONFIGURED_ROLES:
        model, given = getattr(config, f"{role}_model"), getattr(args, f"{role}_llm_args")
        if given is not None and model is not None:
            changes[f"{role}_model"] = replace(model, args=json_object(f"--{role}-llm-args", given))
    config = replace(config, **changes)  # type: ignore[arg-type]
    masked = config.masked_secret()
    if masked is not None:
        raise UserError(f"the {masked}'s recorded arguments held what may be a secret, which is not kept; give --{masked}-llm-args again")
    return config


def _rebuilt(harness: Tau2Harness, saved: object, tasks: str) -> RebuiltSimulation:
    with ConversationRebuilder(harness) as rebuilder:
        try:
            return SimulationRebuilder(harness, rebuilder, tasks).rebuilt(saved)  # type: ignore[arg-type]
        except ReplayRefused as refused:
            raise UserError(f"it cannot be branched: {refused}") from refused


def _first(origin: RebuiltSimulation) -> int:
    """Return the first turn after which there is something to play: tau2's greeting and the task's own history are always there."""
    return origin.first_turn or (0 if origin.solo else 1)


def _at(player: BranchPlayer, args: argparse.Namespace, swaps: tuple[Swap, ...]) -> int:
    origin, turn = player.origin, args.at
    if turn >= origin.turns:
        raise UserError(f"--at {turn}: the conversation ends with turn {origin.turns}, so that nothing is left to play; give a smaller one")
    if turn < origin.first_turn:
        raise UserError(f"--at {turn}: the task itself begins with {origin.first_turn} turns; give at least {origin.first_turn}")
    number = len(swaps) * args.times
    usd = expected_usd(origin, [turn] * number)
    ways = "" if len(swaps) == 1 else f" in each of {len(swaps)} ways"
    print(f"after turn {turn}, {plural(args.times, 'time')}{ways}: {plural(number, 'simulation')}, {price(usd, args.max_cost)}")
    if args.dry_run:
        return 0
    arms = compared_arms(player.play({turn: args.times}, swaps), swaps, turn)
    print("\n".join(branch_lines(origin, turn, arms)))
    _tell_files(player, branch_row(origin, turn, arms, player), any(arm.tally.scored for arm in arms))
    return int(any(arm.tally.unscored for arm in arms))


def _scan(player: BranchPlayer, args: argparse.Namespace, swap: Swap) -> int:
    origin = player.origin
    won = origin.saved.won
    if won is None:
        raise UserError(f"{origin.saved.name} has no reward: there is no end that a turn could have decided")
    if origin.turns <= _first(origin):
        raise UserError(f"{origin.saved.name} has {origin.turns} turn, and nothing was played: there is no turn that could have decided it")
    curve = ChanceCurve(origin.turns, won)
    usd = expected_usd(origin, [first_turns(_first(origin), origin.turns)[0]])
    bound = None if usd is None else usd * args.budget
    print(f"at most {args.budget} simulations (--budget), {price(bound, args.max_cost)}")
    if args.dry_run:
        return 0
    unscored = 0

    def ask(times: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        nonlocal unscored
        if player.is_over:
            return {}
        _progress(times)
        tallies = player.play(times, (swap,))
        unscored += sum(tally.unscored for tally in tallies.values())
        return {turn: (tally.solved, tally.scored) for (_, turn), tally in tallies.items()}

    decision = find_decisive_turn(curve, _first(origin), args.budget, ask)
    if player.stopped is not None and not decision.complete:
        decision = replace(decision, simulations=sum(curve.scored.values()) + unscored, remark="it was ended early")
    print("\n".join(scan_lines(origin, swap, curve, decision)))
    if unscored:
        print(f"{unscored} simulations have no reward, and count for nothing")
    _tell_files(player, scan_row(origin, swap, curve, decision, player), bool(curve.tried()))
    return int(unscored > 0)


def _progress(times: Mapping[int, int]) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"playing on after {', '.join(f'turn {turn} ({number})' for turn, number in times.items())}", file=sys.stderr, flush=True)


def _tell_files(player: BranchPlayer, row: Mapping[str, object], is_known: bool) -> None:
    """Keep what is known. Raises what the command was stopped by: what it had found by then is kept."""
    kept = f"kept in {keep(player.origin, row)}; " if is_known else ""
    print(f"{kept}runs: {player.config.log_dir}/runs ({len(player.runs)})", flush=True)
    if player.stopped is not None:
        raise player.stopped
