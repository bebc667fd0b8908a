"""An evaluation, whichever harness makes it: its time is its own, without that of the judges it asks."""

from __future__ import annotations

from tau2_logging.logger.simulation import EVALUATION, LIVE, Simulation

Begun = tuple[int, float]
"""When it started, in ns on the logger's clock, and the ms of evaluation the simulation had before."""


def begin_evaluation(simulation: Simulation) -> Begun:
    """Return switch to the evaluation: the conversation is over."""
    simulation.go_live()
    simulation.enter(EVALUATION)
    simulation.turn = simulation.step = None
    simulation.step_span = simulation.span
    simulation.replay_calls = simulation.gold_calls = 0
    before, _ = simulation.ledger.milliseconds()
    return simulation.ledger.enter("evaluation"), before["evaluation"]


def end_evaluation(simulation: Simulation, begun: Begun, reward: float | None, error: BaseException | None) -> None:
    """Write the event."""
    simulation.ledger.leave("evaluation")
    simulation.enter(LIVE)
    spent, _ = simulation.ledger.milliseconds()
    fields: dict[str, object] = {
        "start_ms": simulation.logger.since_start_ms(begun[0]),
        "duration_ms": spent["evaluation"] - begun[1],
        "replay_calls": simulation.replay_calls,
        "gold_calls": simulation.gold_calls,
        "reward": reward,
        "error": error is not None,
        "error_type": type(error).__name__ if error is not None else None,
    }
    simulation.emit("evaluation", fields, span=simulation.logger.new_span(), parent=simulation.span)
