"""What one agent has done in one simulation; written as `agent_summary` at its end, and equal to the sum of its own events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass
class AgentStatistics:
    """Counts of a simulation.

    turns: replies handed to tau2; model_calls: calls made for them. withheld: wrong calls (or replies) not handed on; recovered:
    turns with one of these that ended in a right reply; passed_on: wrong calls handed on because attempts ran out; told: tool errors that
    were explained. reductions: prompts made shorter; tokens_saved: sum of tokens before less tokens after. identifiers_seen and
    identifiers_kept: in what was shortened or taken out, and of these in the prompt that was sent.
    """

    turns: int = 0
    model_calls: int = 0
    withheld: int = 0
    recovered: int = 0
    passed_on: int = 0
    told: int = 0
    reductions: int = 0
    tokens_saved: int = 0
    identifiers_seen: int = 0
    identifiers_kept: int = 0

    @property
    def information_kept(self) -> float | None:
        """Share of the identifiers in shortened messages that are in the prompt that was sent; None if nothing was shortened."""
        return self.identifiers_kept / self.identifiers_seen if self.identifiers_seen else None

    @property
    def helped(self) -> bool:
        """Whether a reply was withheld, a tool error explained or a prompt shortened."""
        return bool(self.withheld or self.told or self.reductions)

    def since(self, before: AgentStatistics) -> AgentStatistics:
        """Return the counts that were added after `before`."""
        return AgentStatistics(**{name: value - getattr(before, name) for name, value in vars(self).items()})

    def fields(self) -> dict[str, object]:
        """As fields of agent_summary."""
        return {**asdict(self), "information_kept": self.information_kept}


def retry_statistics(turns: Sequence[AgentStatistics]) -> dict[str, float]:
    """Return what came of the turns in which a reply was withheld and asked for again (`sequences`).

    success_rate = successful_sequences / total_sequences; average_attempts: model calls of a successful sequence, the first one included.
    NaN if there is nothing to divide by.
    """
    sequences = [turn for turn in turns if turn.withheld]
    recovered = [turn for turn in sequences if turn.recovered]
    return {
        "total_retry_sequences": len(sequences),
        "successful_sequences": len(recovered),
        "success_rate": _ratio(len(recovered), len(sequences)),
        "average_attempts": _ratio(sum(turn.model_calls for turn in recovered), len(recovered)),
        "wrong_calls_passed_on": sum(turn.passed_on for turn in turns),
        "explained_errors": sum(turn.told for turn in turns),
    }


def context_statistics(turns: Sequence[AgentStatistics]) -> dict[str, float]:
    """Return what was left out of prompts; average_information_preservation: the share of the identifiers in what was shortened or removed
    that are still in the prompt that was sent, NaN if none was seen.
    """
    seen = sum(turn.identifiers_seen for turn in turns)
    return {
        "total_reductions": sum(turn.reductions for turn in turns),
        "total_tokens_saved": sum(turn.tokens_saved for turn in turns),
        "average_information_preservation": _ratio(sum(turn.identifiers_kept for turn in turns), seen),
    }


def usage_statistics(turns: Sequence[AgentStatistics]) -> dict[str, float]:
    """Return how many turns were helped: a reply withheld, an error explained or a prompt shortened."""
    helped = sum(turn.helped for turn in turns)
    return {"total_turns": len(turns), "enhanced_turns": helped, "enhancement_usage_rate": _ratio(helped, len(turns))}


def outcome_statistics(turns: Sequence[AgentStatistics]) -> dict[str, float]:
    """Return enhancement_efficiency_score, the share of the helped turns that ended with a reply without a wrong call, and how many model
    calls a turn took. NaN without turns.
    """
    helped = [turn for turn in turns if turn.helped]
    return {
        "enhancement_efficiency_score": _ratio(sum(bool(turn.turns) and not turn.passed_on for turn in helped), len(helped)),
        "model_calls_per_turn": _ratio(sum(turn.model_calls for turn in turns), len(turns)),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
