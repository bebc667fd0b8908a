"""What one agent has done in one simulation; written as `agent_summary` at its end, and equal to the sum of its own events."""

from __future__ import annotations

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

    def fields(self) -> dict[str, object]:
        """As fields of agent_summary."""
        return {**asdict(self), "information_kept": self.information_kept}
