"""What came of branches: a row for `branches.jsonl`, beside the recorded run, and the lines that are printed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.attribution.branch_files import AS_IT_WAS, BRANCHES_FILE
from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import mask_text, shorten
from tau2_logging.replays.branch_arms import Swap
from tau2_logging.replays.branch_runs import BranchPlayer, Tallies, Tally
from tau2_logging.replays.decisive_turn import MOST_TIMES, ChanceCurve, Decision
from tau2_logging.replays.rebuilt_simulations import RebuiltSimulation
from tau2_logging.runner.harness.branch_harness import turns_in
from tau2_logging.statistics.two_shares import SharesApart, share_interval, shares_apart
from tau2_logging.units import money, plural

_BAR = 20


@dataclass(frozen=True)
class BranchedArm:
    """One way of playing on, and how it compares with playing on as it was (None for that itself)."""

    swap: Swap
    tally: Tally
    apart: SharesApart | None

    def row(self, turn: int) -> dict[str, Any]:
        """Return it for a file."""
        return {"arm": self.swap.text, **tally_row(turn, self.tally), **({} if self.apart is None else _apart_row(self.apart))}

    def line(self) -> str:
        """Return it for the terminal."""
        tally = self.tally
        without = f", {tally.unscored} without a reward" if tally.unscored else ""
        return f"  {self.swap.text:28} {tally.solved} of {tally.scored}{without}{_chance(tally.solved, tally.scored)}{self._verdict()}"

    def _verdict(self) -> str:
        apart = self.apart
        if apart is None:
            return ""
        if apart.remark:
            return f"   no comparison: {apart.remark}"
        shown = f"{apart.difference:+.2f} ({apart.low:+.2f} to {apart.high:+.2f})"
        return f"   {shown}: " + ("no difference is shown" if not apart.is_sure else "better" if apart.difference > 0 else "worse")


def compared_arms(tallies: Tallies, swaps: Sequence[Swap], turn: int) -> list[BranchedArm]:
    """Return the arms, each beside the one that changes nothing."""
    base = tallies[AS_IT_WAS, turn]
    found = []
    for swap in swaps:
        tally = tallies[swap.name, turn]
        apart = None if swap.text == AS_IT_WAS else shares_apart((base.solved, base.scored), (tally.solved, tally.scored))
        found.append(BranchedArm(swap, tally, apart))
    return found


def tally_row(turn: int, tally: Tally) -> dict[str, Any]:
    """Return a tally for a file."""
    low, high = share_interval(tally.solved, tally.scored)
    return {
        "turn": turn, "solved": tally.solved, "scored": tally.scored, "unscored": tally.unscored, "chance_low": _known(low),
        "chance_high": _known(high), "cost_usd": tally.cost_usd,
    }  # fmt: skip


def _apart_row(apart: SharesApart) -> dict[str, Any]:
    return {
        "difference": _known(apart.difference), "difference_low": _known(apart.low), "difference_high": _known(apart.high),
        "p": _known(apart.p), "remark": apart.remark or None,
    }  # fmt: skip


def _known(value: float) -> float | None:
    return None if value != value else round(value, 6)


def branch_row(origin: RebuiltSimulation, turn: int, arms: Sequence[BranchedArm], player: BranchPlayer) -> dict[str, Any]:
    """Return the row of a branch."""
    return {**_head(origin, "branch", player.runs), "at": turn, "arms": [arm.row(turn) for arm in arms], "complete": player.stopped is None}


def scan_row(origin: RebuiltSimulation, swap: Swap, curve: ChanceCurve, decision: Decision, player: BranchPlayer) -> dict[str, Any]:
    """Return the row of a scan."""
    chances = [tally_row(turn, Tally(curve.solved[turn], curve.scored[turn], 0, None)) for turn in curve.tried()]
    for chance in chances:
        del chance["unscored"], chance["cost_usd"]
    decided = None
    if decision.turn is not None and decision.apart is not None:
        decided = {
            "turn": decision.turn, "who": _speaker(origin, decision.turn), "before": list(decision.before), "after": list(decision.after),
            "sure": decision.sure, **_apart_row(decision.apart),
        }  # fmt: skip
    return {
        **_head(origin, "scan", player.runs), "arm": swap.text, "chances": chances, "decisive": decided,
        "simulations": decision.simulations, "complete": decision.complete, "remark": decision.remark or None,
    }  # fmt: skip


def _head(origin: RebuiltSimulation, kind: str, runs: Sequence[Path]) -> dict[str, Any]:
    saved = origin.saved
    return {
        "schema": 1, "kind": kind, "time": time.strftime("%Y-%m-%dT%H:%M:%S"), "run": saved.run, "domain": saved.label, "task": saved.task,
        "trial": saved.trial, "turns": origin.turns, "reward": saved.reward, "runs": [str(run) for run in runs],
    }  # fmt: skip


def keep(origin: RebuiltSimulation, row: Mapping[str, Any]) -> Path:
    """Append a row to the file beside the recorded run; returns its path. Raises UserError if it cannot be written."""
    path = origin.saved.source.parent / BRANCHES_FILE
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; the branches themselves are in {', '.join(row['runs'])}") from error
    return path


def about(origin: RebuiltSimulation) -> str:
    """Return a line on the recorded conversation."""
    reward, won = origin.saved.reward, origin.saved.won
    ended = "without a reward" if won is None else f"{'won' if won else 'lost'} (reward {reward:g})"
    several = "its call is" if origin.calls == 1 else f"all of its {origin.calls} calls are"
    calls = f"{several} answered as recorded" if origin.calls else "it made no tool call"
    return f"{origin.saved.name}: {plural(origin.turns, 'turn')}, {ended}; {calls}"


def price(usd: float | None, limit: float | None) -> str:
    """Return what simulations may cost, in words."""
    bound = "" if limit is None else f", at most {money(limit)} (--max-cost)"
    if usd is None:
        return f"cost unknown: the recorded run has no prices{bound}"
    return f"{'free' if usd == 0 else f'about {money(usd)}'}, as recorded{bound}"


def branch_lines(origin: RebuiltSimulation, turn: int, arms: Sequence[BranchedArm]) -> Iterator[str]:
    """Yield a branch for the terminal."""
    yield f"after turn {turn} ({described(origin, turn)})"
    won = origin.saved.won
    yield f"  {'recorded':28} {'no reward' if won is None else f'{int(won)} of 1'}"
    yield from (arm.line() for arm in arms)


def scan_lines(origin: RebuiltSimulation, swap: Swap, curve: ChanceCurve, decision: Decision) -> Iterator[str]:
    """Yield a scan for the terminal."""
    if swap.text != AS_IT_WAS:
        yield f"played on with {swap.text}"
    yield "after turn   solved    chance of success"
    for turn in curve.tried():
        solved, scored = curve.solved[turn], curve.scored[turn]
        bar = "#" * round(_BAR * solved / scored)
        yield f"{turn:10}   {solved:2} of {scored:2}  {solved / scored:.2f} {bar:{_BAR}}  {shorten(described(origin, turn), 30)}".rstrip()
    yield f"{curve.last:10}   it ended  {int(curve.won):.2f} {'#' * (_BAR * curve.won)}".rstrip()
    yield decisive_sentence(origin, decision)
    every = MOST_TIMES * (curve.last - min(curve.tried(), default=curve.last))
    yield f"{plural(decision.simulations, 'simulation')}; every turn {MOST_TIMES} times would have taken {every}."


def decisive_sentence(origin: RebuiltSimulation, decision: Decision) -> str:
    """Return which turn decided, with its evidence."""
    if decision.turn is None:
        return f"No turn {'decided it' if decision.complete else 'can be named'}: {decision.remark}."
    (a, n), (b, m) = decision.before, decision.after
    went = "rose" if b * n > a * m else "fell"
    if not decision.sure:
        shown = f"from {a} of {n} before it to {b} of {m} after it, which chance may explain"
        more = f"; {decision.remark}" if decision.remark else ""
        return f"No turn can be named for sure; the likeliest is turn {decision.turn} ({shown}){more}."
    after = "the end" if decision.turn == origin.turns else f"{b} of {m}"
    return (
        f"Decisive turn {decision.turn} ({described(origin, decision.turn)}): "
        f"the chance of success {went} from {a / n:.2f} ({a} of {n}) to {b / m:.2f} ({after})."
    )


def described(origin: RebuiltSimulation, turn: int) -> str:
    """Return who acted in a turn and what it was, in few words."""
    if turn == 0:
        return "the beginning"
    starts = [0, *turns_in(origin.messages)]
    message = origin.messages[starts[turn - 1]]
    calls = ", ".join(call.name for call in message.tool_calls or ())
    return f"{_speaker(origin, turn)}: {calls or shorten(' '.join(mask_text(message.content or '').split()), 40)}"


def _speaker(origin: RebuiltSimulation, turn: int) -> str:
    role = origin.messages[[0, *turns_in(origin.messages)][turn - 1]].role
    return "agent" if role == "assistant" else str(role)


def _chance(hits: int, of: int) -> str:
    low, high = share_interval(hits, of)
    return "" if low != low else f"   {hits / of:.2f} ({low:.2f} to {high:.2f})"
