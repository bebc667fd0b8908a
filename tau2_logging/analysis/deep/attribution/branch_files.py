"""What `branch` measured of a recorded simulation: JSON Lines in `branches.jsonl`, in the folder of the run or of the results file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BRANCHES_FILE = "branches.jsonl"
AS_IT_WAS = "as-it-was"

Key = tuple[str, str, str, str]
"""(run, domain, task, trial), each as text."""


@dataclass
class MeasuredTurns:
    """The last scan of a simulation and the last branch after each turn, as their rows are; of several, one that was not interrupted or
    ended by its budget. `turns`: how many turns it has; `swapped`: scans that played on with somebody else, by arm."""

    turns: int = 0
    scan: Mapping[str, Any] | None = None
    branches: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    swapped: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def decisive(self) -> Mapping[str, Any] | None:
        """The decisive turn, if the scan is sure of one."""
        return _sure_turn(self.scan)

    def decided(self) -> str | None:
        """Return in words which turn decided, with its evidence."""
        found = self.decisive
        return None if found is None else f"decisive turn {found['turn']}, measured: {self._evidence(found)}"

    def _evidence(self, found: Mapping[str, Any]) -> str:
        (a, n), (b, m) = found["before"], found["after"]
        after = "the end" if found["turn"] == self.turns else f"{b} of {m}"
        went = "fell" if b * n < a * m else "rose"
        return f"the chance of success {went} from {a / n:.2f} ({a} of {n}) to {b / m:.2f} ({after})"

    def saved(self) -> list[str]:
        """Return in words what else would have saved it, and what would not have, by what was tried."""
        of_branches = [words for turn, row in sorted(self.branches.items()) for words in _saved(turn, row)]
        scans = ((arm, _sure_turn(row)) for arm, row in self.swapped.items())
        return of_branches + [f"with {_who(arm)} turn {found['turn']} decides: {self._evidence(found)}" for arm, found in scans if found]


def _sure_turn(scan: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    found = (scan or {}).get("decisive")
    return found if isinstance(found, Mapping) and found.get("sure") is True else None


def _saved(turn: int, row: Mapping[str, Any]) -> Iterator[str]:
    arms = {str(arm["arm"]): arm for arm in row["arms"]}
    base = arms.get(AS_IT_WAS)
    for name, arm in arms.items():
        if name != AS_IT_WAS and base is not None:
            evidence = f"{arm['solved']} of {arm['scored']} after turn {turn}, as it was {base['solved']} of {base['scored']}"
            yield f"{_who(name)} {_would(arm)}: {evidence}"


def _would(arm: Mapping[str, Any]) -> str:
    low, high = arm.get("difference_low"), arm.get("difference_high")
    if low is None or high is None:
        return "was tried too seldom to tell"
    return "would have saved it" if low > 0 else "would have made it worse" if high < 0 else "makes no difference that shows"


def _who(arm: str) -> str:
    name, equals, value = arm.partition("=")
    if "," in arm or not equals:
        return arm
    return f"another {name.partition('-')[0]} ({value})"


def read_branches(sources: Iterable[str]) -> dict[Key, MeasuredTurns]:
    """Return what was measured of each simulation beside these files. A line that is no such row is left out."""
    found: dict[Key, MeasuredTurns] = {}
    for folder in dict.fromkeys(Path(source).resolve().parent for source in sources):
        path = folder / BRANCHES_FILE
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
            try:
                _take(json.loads(line), found)
            except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError):
                continue
    return found


def _take(row: Any, found: dict[Key, MeasuredTurns]) -> None:
    key = (str(row["run"]), str(row["domain"]), str(row["task"]), str(row["trial"]))
    one = MeasuredTurns(int(row["turns"]))
    if row["kind"] != "scan":
        one.branches[int(row["at"])] = row
    elif (arm := str(row.get("arm", AS_IT_WAS))) == AS_IT_WAS:
        one.scan = _scan(row)
    else:
        one.swapped[arm] = _scan(row)
    one.decided()
    one.saved()
    kept = found.setdefault(key, MeasuredTurns(one.turns))
    if one.scan is not None:
        kept.scan = _better(kept.scan, one.scan)
    kept.branches |= {turn: _better(kept.branches.get(turn), branch) for turn, branch in one.branches.items()}
    kept.swapped |= {arm: _better(kept.swapped.get(arm), scan) for arm, scan in one.swapped.items()}


def _scan(row: Any) -> dict[str, Any]:
    return {**row, "chances": [_chance(chance) for chance in row["chances"]]}


def _better(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the later of two rows, unless it ended early and the other did not."""
    return old if old is not None and old.get("complete", True) and not new.get("complete", True) else new


def _chance(row: Any) -> dict[str, Any]:
    """Return a point of the curve. Raises what the row deserves if it is none."""
    turn, solved, scored = int(row["turn"]), int(row["solved"]), int(row["scored"])
    return {"turn": turn, "solved": solved, "scored": scored, "chance": solved / scored}
