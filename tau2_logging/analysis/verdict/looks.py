"""Looks at a run that is stopped once its question is settled: `looks.json` in the folder of the run.

Who looks again and again at an ordinary 95 % interval finds a difference sooner or later. A run that was looked at is therefore judged by
a group-sequential plan, also if somebody else compares its arms later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

FILE = "looks.json"
SETTLED, BUDGET, ALL_TASKS = "settled", "budget", "all tasks"


@dataclass(frozen=True)
class Looks:
    """`order`: the tasks in the order that was drawn; `tried`: how many of them have been run; `looks`: what was seen at each look;
    `ended`: why no more are run, None while it goes on."""

    order: Sequence[str]
    tried: int = 0
    looks: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    ended: str | None = None

    @property
    def sample(self) -> list[str]:
        """The tasks that have been run."""
        return list(self.order[: self.tried])

    @property
    def fractions(self) -> tuple[float, ...]:
        """How much of the plan was known at each look."""
        return tuple(int(look["tasks"]) / len(self.order) for look in self.looks)

    @property
    def sentence(self) -> str:
        """What must be said of any figure of such a run."""
        if self.tried >= len(self.order):
            return "It was looked at after each batch: the interval is one that is valid at every look."
        why = {SETTLED: ", where it was settled", BUDGET: ", where the budget was spent"}.get(self.ended or "", "")
        return (
            f"It was stopped after {self.tried} of {len(self.order)} tasks in random order{why}: scores are those of a sample of tasks, "
            "and the interval is one that is valid at every look."
        )

    def write(self, folder: Path) -> None:
        """Write the file into the folder of a run, which is made if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        data = {"schema": 1, "order": list(self.order), "tried": self.tried, "looks": list(self.looks), "ended": self.ended}
        (folder / FILE).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_looks(folder: Path) -> Looks | None:
    """Return the looks at the run of a folder; None if it was not looked at, or if the file cannot be read."""
    try:
        data = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Looks([str(task) for task in data["order"]], int(data["tried"]), list(data["looks"]), data["ended"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def looks_beside(log: RunLog) -> Looks | None:
    """Return the looks at a run, from `runs/<run>/` beside its log."""
    run = log.run_id
    if run is None or "/" in run:
        return None
    found = (read_looks(Path(name).parent / "runs" / run) for name in log.files)
    return next((looks for looks in found if looks is not None), None)
