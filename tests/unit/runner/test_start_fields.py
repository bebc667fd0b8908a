"""run_start says what a person varies, without secrets; a task's hash says whether two releases mean the same task."""

from __future__ import annotations

import json
from typing import Any

from tau2_logging.analysis.deep.reading.run_info import settings_of
from tau2_logging.events import KINDS
from tau2_logging.events.task_hash import task_hash
from tau2_logging.models.experts import Expert
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.runner.settings.simulation_settings import simulation_settings
from tau2_logging.runner.settings.start_fields import settings_fields

KEY = "sk-abcdefghijklmnopqrstuvwxyz123456"


def fields(agent_args: dict[str, Any]) -> dict[str, Any]:
    expert = Expert("planner", "gpt-4.1", {"temperature": 0.3, "api_key": KEY}, prompt="Plan.")
    config = RunConfig(
        agent="expert_agent", agent_args={"attempts": 2}, experts=(expert,), agent_model=ModelChoice("gpt-4.1", agent_args),
        user_model=ModelChoice("gpt-4.1-mini", {"temperature": 0.7}), judge_model=ModelChoice("gpt-5", {"seed": 1}),
    )  # fmt: skip
    return settings_fields(simulation_settings(config)["retail"])


def test_arguments_of_agent_user_judge_and_experts_are_told_and_secrets_masked() -> None:
    found = fields({"temperature": 0.2, "api_key": KEY})
    assert KEY not in str(found)
    assert json.loads(found["agent_llm_args"])["temperature"] == 0.2
    assert (found["user_llm_args"], found["judge_llm_args"]) == ('{"temperature": 0.7}', '{"seed": 1}')
    assert json.loads(found["agent_args"]) == {"attempts": 2}
    assert json.loads(found["expert_args"])["planner"]["args"]["temperature"] == 0.3
    assert found.keys() <= set(KINDS["run_start"].fields)
    assert fields({"temperature": 0.2}) != fields({"temperature": 0.3})


def test_results_files_say_the_same_from_their_info_and_texts_that_may_be_secrets_are_masked() -> None:
    info = {
        "agent_info": {
            "implementation": "llm_agent",
            "llm": "gpt-4.1",
            "llm_args": {"temperature": 0.2, "api_key": KEY, "organization": "x"},
        }
    }
    found = settings_of(info)
    assert KEY not in str(found)
    assert json.loads(found["agent_llm_args"]) == {"api_key": "***", "organization": "***", "temperature": 0.2}


def test_a_task_s_hash_is_that_of_what_it_asks_for() -> None:
    """Nulls that one release writes and another leaves out change nothing; another argument of a reference action does."""
    task = {
        "id": "7",
        "user_scenario": {"persona": None, "instructions": "Cancel it."},
        "actions": [{"name": "cancel", "arguments": {"id": 1}}],
    }
    same = {
        "actions": [{"arguments": {"id": 1}, "name": "cancel"}],
        "user_scenario": {"instructions": "Cancel it."},
        "id": "7",
        "ticket": "",
    }
    other = {**task, "actions": [{"name": "cancel", "arguments": {"id": 2}}]}
    assert task_hash(task) == task_hash(same) != task_hash(other)


def test_when_a_task_was_read_does_not_change_the_name_of_its_text() -> None:
    """tau2 gives the messages of a task's history the time at which it reads them."""
    tasks = [
        {"id": "1", "initial_state": {"message_history": [{"role": "user", "content": text, "timestamp": time}]}}
        for text, time in (("Hello", "2026-11-20T10:00:00"), ("Hello", "2026-11-20T11:00:00"), ("Bye", "2026-11-20T10:00:00"))
    ]
    assert task_hash(tasks[0]) == task_hash(tasks[1]) != task_hash(tasks[2])
