"""What an audit says of the tasks of a pair: what an agent that does nothing earns on them, and how the two differ on the sound ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from tau2_logging.analysis.verdict.sides import ComparedRun, Task
from tau2_logging.analysis.verdict.success import SuccessDifference, difference
from tau2_logging.errors import UserError
from tau2_logging.soundness.audited_tasks import AuditedTask, Audits


@dataclass(frozen=True)
class AuditedPair:
    """Of the compared tasks: `audited` how many with the same text; of these `idle` and `transfers`: how many an agent solves that makes no
    call, that only transfers; `sound`. `rates` and `success`: both runs on the sound ones, None if there is none or all are sound."""

    source: str
    tasks: int
    audited: int
    idle: int
    transfers: int
    sound: int
    rates: tuple[float, float] | None
    success: SuccessDifference | None

    @property
    def floor(self) -> float | None:
        """What share of these tasks an agent solves that makes no call; None if some were not audited."""
        return self.idle / self.tasks if self.tasks and self.audited == self.tasks else None

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        found = None if self.success is None else self.success.interval
        return {
            "audit": self.source, "audited": self.audited, "idle": self.idle, "transfers": self.transfers, "floor": self.floor,
            "sound": self.sound, "success_a": self.rates and self.rates[0], "success_b": self.rates and self.rates[1],
            **({name: found and getattr(found, name) for name in ("low", "high")}), "difference": found and found.estimate,
        }  # fmt: skip


def audited_pair(
    a: ComparedRun, b: ComparedRun, one: pd.DataFrame, other: pd.DataFrame, audits: Audits, fractions: Sequence[float]
) -> AuditedPair | None:
    """Return what is known of the tasks of two tables of `outcomes_by_task`, None if none was audited."""
    found = {task: known for task in one.index if (known := audited_task(task, (a, b), audits)) is not None}
    if not found:
        return None
    sound = [task in found and bool(found[task].sound) for task in one.index]
    both = (one[sound], other[sound])
    told = 0 < sum(sound) < len(one)
    return AuditedPair(
        audits.source, len(one), len(found), sum(task.idle for task in found.values()), sum(task.transfers for task in found.values()),
        sum(sound), (float(both[0]["share"].mean()), float(both[1]["share"].mean())) if told else None,
        difference(*both, fractions=fractions) if told else None,
    )  # fmt: skip


def audited_task(task: Task, sides: Sequence[ComparedRun], audits: Audits) -> AuditedTask | None:
    """Return what an audit says of a task with the text that the first side has of it that knows one."""
    return audits.of(*task, next((side.texts[task] for side in sides if task in side.texts), None))


def only_sound(sides: Sequence[ComparedRun], audits: Audits) -> list[ComparedRun]:
    """Return the sides with sound tasks alone. Raises UserError if a side has none."""
    return [_sound_part(side, audits) for side in sides]


def _sound_part(side: ComparedRun, audits: Audits) -> ComparedRun:
    tasks = list(zip(side.simulations["domain"], side.simulations["task"], strict=True))
    known = {task: audited_task(task, [side], audits) for task in dict.fromkeys(tasks)}
    kept = [(found := known[task]) is not None and bool(found.sound) for task in tasks]
    if not any(kept):
        raise UserError(
            f"--only: the audit ({audits.source}) calls none of the {len(known)} tasks of {side.label} sound, or does not have them with "
            "the texts that they had; examine them with the command audit, in the release of tau2 that ran them, and give --only the "
            "folder it writes"
        )
    return replace(side, simulations=side.simulations[kept].reset_index(drop=True))
