"""RunConfig from the options that a command line gives: of a new run, and of an earlier one that goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.roles import CONFIGURED_ROLES
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, Arm, ModelChoice, RunConfig
from tau2_logging.runner.settings.expert_options import expert_settings, with_experts
from tau2_logging.runner.settings.json_flag import json_object
from tau2_logging.runner.settings.options import AUTO, MADE_OF_SEVERAL, OPTIONS, RUN_OPTIONS, Option, flag_of
from tau2_logging.runner.settings.saved_run import read_run, saved_config
from tau2_logging.runner.settings.user_variants import variant_arms


def with_model(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with `--model` as the model of agent and user, if these are not named each."""
    rest = {name: value for name, value in given.items() if name != "model"}
    return {"agent_llm": given["model"], "user_llm": given["model"], **rest} if "model" in given else rest


def new_config(given: Mapping[str, Any], arms: tuple[Arm, ...] = ()) -> RunConfig:
    """Return the configuration of a new run; `given` are the options by name, `arms` those besides `--user-variants`. Raises UserError."""
    given = with_model(given)
    if "user_variants" in given:
        arms = (*variant_arms(given["user_variants"]), *arms)
    values = {"executor": AUTO, **expert_settings(given.get("expert"), given.get("expert_mode")), **_plain_values(given)}
    return RunConfig(**values, **_models(given, arms), arms=arms, servers=ModelServerSettings.of(given))


def _plain_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are made of one option alone."""
    alone = [option for option in RUN_OPTIONS if option.field not in MADE_OF_SEVERAL and option.name in given]
    return {str(option.field): _value(option, given[option.name]) for option in alone}


def _value(option: Option, given: Any) -> Any:
    if option.json:
        return json_object(option.flag, given)
    return option.value(given) if option.value is not None else given


def _models(given: Mapping[str, Any], arms: tuple[Arm, ...]) -> dict[str, Any]:
    agent, user = _model(given, "agent", SCRIPTED_AGENT), _model(given, "user", SCRIPTED_USER)
    scripted = agent.scripted and user.scripted and all(arm.agent_model is None or arm.agent_model.scripted for arm in arms)
    judge = _model(given, "judge", SCRIPTED_JUDGE) if scripted or "judge_llm" in given else _recorded_judge(agent, user)
    if judge is None and "judge_llm_args" in given:
        raise UserError("--judge-llm-args is given without --judge-llm; name the judge's model")
    return {"agent_model": agent, "user_model": user, "judge_model": judge}


def _recorded_judge(agent: ModelChoice, user: ModelChoice) -> ModelChoice | None:
    """Return the judge of a replayed conversation if none is named: its recording's."""
    return next((ModelChoice(model.llm, model.args) for model in (agent, user) if model.recorded), None)


def _model(given: Mapping[str, Any], role: str, default: str) -> ModelChoice:
    name = given.get(f"{role}_llm", default)
    return ModelChoice(name, _model_args(given, role), named=f"{role}_llm" in given)


def _model_args(given: Mapping[str, Any], role: str) -> dict[str, Any]:
    return json_object(f"--{role}-llm-args", given.get(f"{role}_llm_args"))


def notes_on(config: RunConfig) -> Iterator[str]:
    """Yield what may not be meant so: a scripted model, which knows the task's solution, beside one that does not."""
    agent, user = config.agent_model, config.user_model
    if agent.scripted != user.scripted:
        role = "user" if user.scripted else "agent"
        yield f"note: the {role} is played by a scripted model, which knows the task's solution; name one with --{role}-llm"
    for expert in config.experts:
        if expert.scripted and not agent.scripted:
            yield f"note: expert {expert.alias} is a scripted model, which knows the task's solution"


def resumed_config(given: Mapping[str, Any]) -> tuple[RunConfig, Path]:
    """Return the configuration of the run to `resume`, with what else is given changed, and its folder. Raises UserError for options that
    cannot be changed."""
    fixed = sorted(given.keys() - {option.name for option in OPTIONS if option.resumable})
    if fixed:
        flags = ", ".join(map(flag_of, fixed))
        raise UserError(f"{flags} cannot be changed by --resume, which repeats the run's own settings; leave it out or start a new run")
    directory = Path(given["resume"])
    config = saved_config(directory)
    _check_own(directory)
    if directory.resolve() != (config.log_dir / "runs" / directory.name).resolve():
        config = dataclasses.replace(config, log_dir=directory.resolve().parent.parent)
    config = changed_config(config, given)
    masked = config.masked_secret()
    if masked is not None:
        raise UserError(_to_give_again(masked))
    return config, directory


def _check_own(directory: Path) -> None:
    """Raise UserError for a run that goes on from recorded conversations, which are not in its folder."""
    origin = next((name for name in ("branched_from", "rejudged_from") if name in read_run(directory)), None)
    if origin is not None:
        word = {"branched_from": "branch", "rejudged_from": "rejudge"}[origin]
        raise UserError(f"{directory} was made by `{word}` from recorded conversations and cannot be resumed; start `{word}` again")


def changed_config(config: RunConfig, given: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with the options of a later start in force. Raises UserError."""
    changes: dict[str, Any] = {"servers": ModelServerSettings.of(given, config.servers)}
    if "executor" in given:  # workers and address belong to the executor that was
        changes |= {"workers": None, "ray_address": None}
    for role in CONFIGURED_ROLES:
        model = getattr(config, f"{role}_model")
        if f"{role}_llm_args" in given and model is not None:
            changes[f"{role}_model"] = dataclasses.replace(model, args=_model_args(given, role))
    config = dataclasses.replace(config, **{**changes, **_plain_values(given)})
    return with_experts(config, given["expert"]) if "expert" in given else config


def _to_give_again(role: str) -> str:
    """Return what a resumed run needs that run.json does not keep."""
    kind, _, name = role.partition(" ")
    if kind == "arm":
        return f"the settings of {role} contained a possible secret, which is not stored; start a new run with keys in the environment"
    if kind == "servers":
        return "--serve-args or --serve-command contained a possible secret, which is not stored; give them again"
    flag = f"--expert {name}=..." if name else f"--{role}-llm-args"
    return f"the {role}'s arguments contained a possible secret, which is not stored; give {flag} again"
