"""One table of a run's options: run_local.py, RunConfig and experiments are made from it."""

from __future__ import annotations

import argparse
import dataclasses
import json

import pytest

from tau2_logging.cli.run_local import build_parser
from tau2_logging.errors import UserError
from tau2_logging.experiments.__main__ import build_parser as experiments_parser
from tau2_logging.experiments.planning.run_settings import run_config
from tau2_logging.instrument import TTFT_MODES
from tau2_logging.logger.content.sensitive import LEVELS as MASKING_LEVELS
from tau2_logging.models.experts import MODES
from tau2_logging.runner.settings import options
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.from_options import changed_config, new_config, resumed_config
from tau2_logging.runner.settings.options import OPTIONS, RUN_OPTIONS


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    return {flag for action in parser._actions for flag in action.option_strings}


def flags_of_command(name: str) -> set[str]:
    (commands,) = [action for action in experiments_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return flags_of(commands.choices[name])


def test_every_option_of_a_run_is_one_of_experiments_or_says_why_not() -> None:
    """In the plan, or, if it belongs to a start, at `experiments run`."""
    plan, run = flags_of_command("plan"), flags_of_command("run")
    assert {option.flag for option in OPTIONS} <= flags_of(build_parser())
    for option in OPTIONS:
        assert option.not_in_experiments or option.flag in (run if option.of_start else plan), option.flag


def test_every_field_of_a_run_has_a_row() -> None:
    assert {option.field for option in RUN_OPTIONS} == {item.name for item in dataclasses.fields(RunConfig)}


def test_what_the_table_offers_is_what_there_is() -> None:
    """The names are repeated in the table, so that --help needs no more than argparse."""
    assert tuple(TTFT_MODES) == options.TTFT_MODES
    assert tuple(MODES) == options.EXPERT_MODES
    assert set(options.MASKING) == set(MASKING_LEVELS)


def planned(*words: str) -> RunConfig:
    return run_config(vars(experiments_parser().parse_args(["plan", "--name", "x", "--agents", "llm_agent,retry_agent", *words])))


def test_an_experiment_is_given_the_options_of_a_run() -> None:
    """Limits, servers and modules reach the plan's run, and its file."""
    words = "--rate-limit 60/ --rate-limit m=5/9 --request-timeout 5 --load mine --serve m --gpu-ids 0,1 --no-stream --events --budget 3"
    config = planned(*words.split())
    assert (config.rate_limits, config.request_timeout, config.modules) == (("60/", "m=5/9"), 5.0, ("mine",))
    assert (config.ttft, config.events, config.max_cost, config.agent_model.llm) == ("off", True, 3.0, "hosted_vllm/m")
    assert config.servers is not None
    assert config.servers.gpu_ids == ("0", "1")
    assert [arm.name for arm in config.arms] == ["llm_agent", "retry_agent"]
    assert RunConfig.from_json(json.loads(json.dumps(config.as_json()))) == config


def test_an_experiment_may_ask_experts() -> None:
    config = planned("--expert", "planner=scripted/expert", "--expert-mode", "delegate")
    assert (config.agent, config.expert_mode, [expert.alias for expert in config.experts]) == ("expert_agent", "delegate", ["planner"])


def test_a_start_of_an_experiment_may_send_its_events_somewhere() -> None:
    """What belongs to a start is given to `experiments run`, and is not kept."""
    words = ["run", "x", "--otlp", "http://127.0.0.1:4318", "--executor", "processes", "--max-retries", "7"]
    config = changed_config(planned(), vars(experiments_parser().parse_args(words)))
    assert (config.otlp, config.executor, config.max_retries) == ("http://127.0.0.1:4318", "processes", 7)
    assert not {"otlp", "otlp_content", "prometheus", "receive_traces"} & config.as_json().keys()


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--mask"], "masking", "all"),
        (["--no-mask"], "masking", "none"),
        (["--no-events"], "events", False),
        (["--no-fast-env"], "fast_env", False),
        (["--agent-args", '{"attempts": 2}'], "agent_args", {"attempts": 2}),
        (["--task-split-name", "train"], "task_split", "train"),
    ],
)
def test_a_flag_sets_its_field(words: list[str], field: str, value: object) -> None:
    assert getattr(new_config(vars(build_parser().parse_args(words))), field) == value


def test_what_resume_cannot_change_is_named_by_its_flag() -> None:
    with pytest.raises(UserError, match=r"^--load, --tool-call-parser cannot be changed by --resume"):
        resumed_config(vars(build_parser().parse_args(["--resume", "x", "--load", "m", "--tool-call-parser", "p", "--ttft", "on"])))
