"""The recordings of a run's recorded models, each simulation's part beside it: workers get it with the simulation, and read no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.models.recorded import PREFIX, RecordedReplies, RecordedSettings, Recording, open_recording, recording_path
from tau2_logging.runner.settings.simulation_settings import SimulationSettings
from tau2_logging.runner.work.run_plan import RunPlan, Unit


def with_recordings(plan: RunPlan) -> RunPlan:
    """Return the plan with what its recorded models have to say. Raises UserError for a recording that cannot be read, or that lacks
    simulations and has no fallback."""
    models = {model for settings in plan.settings.values() for model, _ in _recorded(settings)}
    if not models:
        return plan
    recordings = {model: open_recording(recording_path(model)) for model in models}
    for model, recording in recordings.items():
        _check_complete(model, recording, plan)
    units = [replace(unit, recorded=dict(_parts(unit, plan.settings[unit.domain], recordings))) for unit in plan.units]
    return replace(plan, units=tuple(units))


def _recorded(settings: SimulationSettings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (model, arguments) of the recorded models of a label."""
    models = ((settings.agent_llm, settings.agent_args), (settings.user_llm, settings.user_args), (settings.judge_llm, settings.judge_args))
    yield from ((model, arguments) for model, arguments in models if model is not None and model.startswith(PREFIX))


def _parts(unit: Unit, settings: SimulationSettings, recordings: Mapping[str, Recording]) -> Iterator[tuple[str, RecordedReplies]]:
    history = len(getattr(unit.task.initial_state, "message_history", None) or ())
    for model, _ in _recorded(settings):
        key = recordings[model].key_of(*unit.key)
        if key is not None:
            yield model, recordings[model].simulation(key, history)


def _check_complete(model: str, recording: Recording, plan: RunPlan) -> None:
    asked = [unit for unit in plan.units if any(name == model for name, _ in _recorded(plan.settings[unit.domain]))]
    lacking = [unit for unit in asked if recording.key_of(*unit.key) is None]
    missing = [unit for unit in lacking if any(_ends_without(model, name, args) for name, args in _recorded(plan.settings[unit.domain]))]
    if missing:
        domain, task, trial = missing[0].key
        raise UserError(
            f"{model} lacks {len(missing)} of {len(plan.units)} simulations, the first: task {shorten(repr(task), 60)} trial {trial} of "
            f"{domain}; it holds {recording.held()}: choose those with --domains, --task-ids and --num-trials, or name a fallback, as in "
            '--agent-llm-args \'{"fallback": "gpt-4.1"}\''
        )


def _ends_without(model: str, name: str, arguments: Mapping[str, Any]) -> bool:
    return name == model and RecordedSettings.of(arguments).fallback is None
