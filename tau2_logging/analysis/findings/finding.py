"""What a finding is: a sentence with its number, what it rests on, what it would save, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SIMULATIONS, MONEY, WALL, TIME, TOUCHED, RECORD = (
    "simulations",
    "money",
    "wall time",
    "simulation time",
    "simulations touched",
    "the record",
)
WEIGHTS: Mapping[str, float] = {SIMULATIONS: 1.0, MONEY: 1.0, WALL: 1.0, TIME: 1.0, TOUCHED: 0.25, RECORD: 0.1}
"""What a share of each counts for when findings are ranked.

Losing a tenth of the simulations, of the money or of the time counts alike. A simulation that met a problem need not have been lost by it,
and a gap in the record costs no time or money, but hides what does.
"""


@dataclass(frozen=True)
class Proof:
    """Where to look: `table` is a key of `proof_tables.TABLES`; `lines` are `file:line`; `simulations` are (domain, task, trial)."""

    table: str
    lines: tuple[str, ...] = ()
    simulations: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Saving:
    """What would be saved at most: wall time in ms, US dollars, simulations. None is unknown."""

    ms: float | None = None
    usd: float | None = None
    simulations: int | None = None


@dataclass(frozen=True)
class Finding:
    """One answer. `numbers` are those in the sentence, unrounded; `share` (0 to 1) is what is at stake, as a share of what `of` names."""

    key: str
    sentence: str
    advice: str
    share: float
    of: str
    proof: Proof
    numbers: Mapping[str, Any] = field(default_factory=dict)
    saves: Saving = Saving()
    leads: bool = False
    """Whether it stands before all others, whatever is at stake: without it the rest would be read wrongly."""

    @property
    def stake(self) -> float:
        """Return what findings are ranked by: the share that is at stake times the weight of what it is a share of."""
        return min(1.0, self.share) * WEIGHTS[self.of]

    def as_json(self) -> dict[str, Any]:
        """Return the finding for stats.json. None is unknown."""
        return {
            "key": self.key,
            "sentence": self.sentence,
            "advice": self.advice,
            "stake": self.stake,
            "share": self.share,
            "share_of": self.of,
            "numbers": dict(self.numbers),
            "saves": {"wall_ms": self.saves.ms, "usd": self.saves.usd, "simulations": self.saves.simulations},
            "proof": {
                "table": self.proof.table,
                "lines": list(self.proof.lines),
                "simulations": [":".join(names) for names in self.proof.simulations],
            },
        }
