"""What keeps arms and domains apart: dice that do not know the arm's name, effects by domain, and moods that the shipped user delivers."""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest

from tau2_logging.experiments.analysis import Findings, analyze
from tau2_logging.experiments.injection import Injection
from tau2_logging.experiments.manipulation_check import DELIVERED, Verdict, marker_table, verdicts
from tau2_logging.experiments.planning.plan_file import ExperimentPlan
from tau2_logging.models.scripted import provider
from tau2_logging.models.scripted.provider import TASK_ARGUMENT, ScriptedModels
from tau2_logging.models.scripted.task_script import TaskScript, TaskScripts
from tau2_logging.models.scripted.user import user_turn
from tau2_logging.runner.settings.config import Arm, RunConfig
from tau2_logging.runner.settings.user_variants import variant_arms
from tau2_logging.users import BUILTIN
from tests.unit.experiments.test_analysis import cell

TASKS = [str(number) for number in range(12)]


def replies(arm: str, model: str) -> list[Any]:
    """What a scripted model answers in an arm of that name: texts, calls and times, with every fault in play."""
    book = TaskScripts()
    for label in ("mock", f"mock@{arm}"):
        for task in TASKS:
            book.add(label, TaskScript(task, (), ()))
    found = []
    for task in TASKS:
        settings = {"seed": 3, "ttft_ms": 5, "spread": 0.4, "faults": {"loop": 0.3, "invalid_args": 0.2}}
        with patch.object(provider, "time") as time:
            answer = ScriptedModels(book).completion(
                model=model,
                messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}],
                optional_params={**settings, TASK_ARGUMENT: f"mock@{arm}/{task}"},
            )
        message = answer.choices[0].message
        calls = [(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
        found.append((message.content, calls, time.sleep.call_args))
    return found


@pytest.mark.parametrize("model", ["agent", "user"])
def test_the_name_of_an_arm_does_not_change_the_dice(model: str) -> None:
    """The same task with the same settings is the same in an arm of another name: all that differs between arms is what they change."""
    assert len({str(reply) for reply in replies("control", model)}) > 1
    assert replies("control", model) == replies("z-other", model)


def two_domains(loss: float) -> tuple[ExperimentPlan, pd.DataFrame]:
    """The same task ids in both domains: anger loses that share of retail's tasks, and none of airline's."""
    plan = ExperimentPlan("made", "control", RunConfig(arms=(Arm("control"), Arm("anger"))), {"retail": TASKS, "airline": TASKS})
    rows = [
        cell(arm, task, 0, float(not (arm == "anger" and domain == "retail" and int(task) < loss * len(TASKS))), domain=domain)
        for domain in plan.tasks
        for arm in plan.arms
        for task in TASKS
    ]
    return plan, pd.DataFrame(rows)


def findings_of(plan: ExperimentPlan, cells: pd.DataFrame) -> Findings:
    return analyze(plan, cells, [Verdict("anger", "no variant")], pd.DataFrame(), resamples=499)


def test_effects_are_those_of_one_domain() -> None:
    """Pooled, half of retail's losses would be shown for both; Holm's adjustment is over both."""
    plan, cells = two_domains(0.75)
    findings = findings_of(plan, cells)
    primary = findings.table("primary").set_index("domain")
    assert primary["difference"].to_dict() == {"retail": -0.75, "airline": 0.0}
    assert primary["tasks"].to_dict() == {"retail": 12, "airline": 12}
    assert primary.loc["retail", "p_holm"] == pytest.approx(min(1, 2 * primary.loc["retail", "p"]))
    assert [sentence.partition(":")[0] for sentence in findings.conclusions] == ["anger in retail", "anger in airline"]


def test_every_table_of_an_experiment_in_two_domains_has_the_domain() -> None:
    for table in findings_of(*two_domains(0.5)).tables:
        assert table.key == "delivery" or set(table.frame["domain"]) <= {"retail", "airline"}, table.key


def conversation(block: str, seed: str) -> tuple[str, ...]:
    """What the shipped user writes to an agent that asks twice and closes, with that text in its system prompt."""
    draw = random.Random(seed)
    system = f"{block}<scenario>\nReason for call:\n\tYou want to change the address of your order.\n</scenario>"
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
    texts = []
    for heard in ("Hi! How can I help you today?", "What is your name?", "And the new address?"):
        messages.append({"role": "user", "content": heard})
        said = str(user_turn(messages, draw).text)
        texts.append(said)
        messages.append({"role": "assistant", "content": said})
    return tuple(texts)


@pytest.mark.parametrize("name", [name for name, variant in BUILTIN.items() if variant.expect])
def test_each_shipped_variant_is_delivered_by_the_shipped_user(name: str) -> None:
    """Every marker that it declares moves as it declares, against the control and the placebo, in 12 tasks."""
    arms = dict.fromkeys(("control", "placebo", name))
    plan = ExperimentPlan("made", "control", RunConfig(arms=variant_arms(",".join(arms))), {"retail": TASKS})
    rows = [
        {**cell(arm, task, 0, 1.0), "user_texts": conversation(BUILTIN[arm].block, f"{arm}{task}")} for arm in plan.arms for task in TASKS
    ]
    table = marker_table(plan, pd.DataFrame(rows), resamples=499)
    found = {one.arm: one for one in verdicts(plan, table, dict.fromkeys(plan.arms, Injection(36, 12)))}
    assert found[name].verdict == DELIVERED, found[name].reasons
