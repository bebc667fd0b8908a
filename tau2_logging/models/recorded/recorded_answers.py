"""The answers of recorded models in one simulation: each call gets the next recorded one of its role, if its prompt is the recorded one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tau2_logging.errors import Tau2LoggingError
from tau2_logging.logger.content.prompt_parts import PromptParts
from tau2_logging.models.recorded.prompt_difference import difference
from tau2_logging.models.recorded.recorded_args import RECORDED_LATENCY, STRICT, RecordedSettings
from tau2_logging.models.recorded.recorded_replies import RecordedCall, RecordedReplies
from tau2_logging.units import plural


class PromptDiffers(Tau2LoggingError):
    """A prompt is not the recorded one."""


class RecordingEnded(Tau2LoggingError):
    """The recording holds no answer for a call."""


@dataclass(frozen=True)
class Answer:
    """A recorded reply and how many milliseconds it takes to come; without `reply`, a live model is to be asked."""

    reply: Mapping[str, Any] | None
    wait_ms: float = 0.0


LIVE = Answer(None)


class Replay:
    """Where the recorded models of a simulation are in their recordings. `recorded`: by the model's name; one that is not there has no
    recording of this simulation. Calls may come from any thread."""

    def __init__(self, recorded: Mapping[str, RecordedReplies]) -> None:
        self._recorded = recorded
        self._made: dict[tuple[str, str], int] = {}
        self._live: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self.differences: list[str] = []
        """Every difference that did not end the simulation."""

    def answer(self, model: str, role: str, prompt: PromptParts, settings: RecordedSettings) -> Answer:
        """Return the answer to the next call of a role. Raises PromptDiffers if the prompt differs and the mode is strict, RecordingEnded
        if there is no answer; neither if there is a fallback, which then answers all further calls of the role."""
        place = (model, role)
        with self._lock:
            number = self._made[place] = self._made.get(place, 0) + 1
        if place in self._live:
            return LIVE
        call, problem = self._found(model, role, number, prompt)
        if problem is not None:
            if settings.fallback is not None:
                self._live.add(place)
                self.differences.append(f"{problem}; {settings.fallback} answers from here on")
                return LIVE
            if settings.mode == STRICT or call is None or call.reply is None:
                raise (RecordingEnded if call is None or call.reply is None else PromptDiffers)(problem)
            self.differences.append(problem)
        assert call is not None
        return Answer(call.reply, (call.ms or 0.0) if settings.latency == RECORDED_LATENCY else 0.0)

    def _found(self, model: str, role: str, number: int, prompt: PromptParts) -> tuple[RecordedCall | None, str | None]:
        recorded = self._recorded.get(model)
        calls = recorded.calls.get(role, ()) if recorded is not None else ()
        if number > len(calls):
            held = "does not hold this simulation" if recorded is None else f"has {plural(len(calls), 'call')} of the {role}"
            return None, f"the recording {held}; this is call {number}"
        call = calls[number - 1]
        differs = difference(call, prompt, recorded.texts if recorded is not None else {})
        if differs is not None:
            return call, f"{role}'s call {number} of {len(calls)}: {differs}"
        if call.reply is None:
            how = f"failed with {call.error}" if call.error else "was answered by a stream, which is not kept"
            return call, f"{role}'s call {number} of {len(calls)} {how} in the recording"
        return call, None
