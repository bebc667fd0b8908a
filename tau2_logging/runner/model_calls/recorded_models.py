"""Calls of recorded models get their answers here, on their way to the provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tau2_logging.logger.content.prompt_parts import PromptParts
from tau2_logging.logger.simulation import Simulation
from tau2_logging.models.recorded import PREFIX, RecordedSettings, RecordingEnded, Replay
from tau2_logging.models.recorded.recorded_args import NAMES
from tau2_logging.models.recorded.recorded_provider import ANSWER_ARGUMENT


def recorded_answer(simulation: Simulation, role: str, prompt: PromptParts, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of a recorded model's call with the answer to give, or those of its fallback's; None for any other model.

    Raises PromptDiffers and RecordingEnded.
    """
    model = str(arguments.get("model") or "")
    if not model.startswith(PREFIX):
        return None
    settings, replay = RecordedSettings.of(arguments), simulation.replay
    if not isinstance(replay, Replay):
        raise RecordingEnded(f"{model} has no recording of this simulation")
    answer = replay.answer(model, role, prompt, settings)
    rest = {name: value for name, value in arguments.items() if name not in NAMES}
    if answer.reply is None:
        return {**rest, **settings.fallback_args, "model": settings.fallback}
    return {**rest, ANSWER_ARGUMENT: {"reply": answer.reply, "wait_ms": answer.wait_ms}}
