"""`audit` on tau2's own tasks, and on tasks that were damaged: each damage is found, and no task without one is accused."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2.domains.mock.tools import MockTools

from tau2_logging.audit.finding_kinds import KINDS
from tau2_logging.audit.task_audit import TaskAudit, TaskExaminer, reference_calls
from tau2_logging.cli import audit
from tau2_logging.runner.harness.conversation_replay import ConversationReplay
from tau2_logging.runner.harness.tau2_harness import Tau2Harness

Damage = Callable[[dict[str, Any]], None]
CREATE = {"action_id": "c", "requestor": "assistant", "name": "create_task", "arguments": {"user_id": "user_1", "title": "A"}}
READ = {"action_id": "r", "requestor": "assistant", "name": "get_users", "arguments": {}}
UPDATE = {"action_id": "u", "requestor": "assistant", "name": "update_task_status"}
TRANSFER = {
    "action_id": "t",
    "requestor": "assistant",
    "name": "transfer_to_human_agents",
    "arguments": {"summary": "s"},
    "compare_args": [],
}
FALSE = {"env_type": "assistant", "func_name": "assert_task_status", "arguments": {"task_id": "task_1", "expected_status": "completed"}}


def criteria(**changes: Any) -> Damage:
    """Other evaluation criteria."""
    return lambda task: task["evaluation_criteria"].update(changes)


DAMAGED: dict[str, tuple[str, Damage]] = {
    "the initial state names no function": (
        "initial_state_fails",
        lambda task: task.update(initial_state={"initialization_actions": [{"env_type": "assistant", "func_name": "no", "arguments": {}}]}),
    ),
    "what is asserted is not true after the reference": (
        "reference_fails", criteria(env_assertions=[FALSE], reward_basis=["DB", "ENV_ASSERTION"])
    ),
    "a write is refused": ("reference_write_errs", criteria(actions=[CREATE, {**CREATE, "arguments": {"user_id": "no", "title": "A"}}])),
    "a read errs": ("reference_read_errs", criteria(actions=[CREATE, {**READ, "arguments": {"no": 1}}])),
    "a write sets what is set": (
        "write_changes_nothing", criteria(actions=[CREATE, {**UPDATE, "arguments": {"task_id": "task_1", "status": "pending"}}])
    ),
    "an idle agent breaks an assertion": (
        "evaluator_raises", criteria(env_assertions=[{**FALSE, "arguments": {"task_id": "task_2", "expected_status": "pending"}}],
                                     reward_basis=["DB", "ENV_ASSERTION"])
    ),
    "nothing is to be done": ("idle_passes", criteria(actions=[])),
    "only a transfer is to be done": ("transfer_passes", criteria(actions=[TRANSFER], reward_basis=["DB", "ACTION"])),
    "a number is part of the other": ("hole", criteria(communicate_info=["104.25", "4.25"])),
    "a number is compared by its digits": ("wrong_number_passes", criteria(communicate_info=["104.25"])),
    "what is to be said is never checked": ("hole", criteria(communicate_info=["Bill"], reward_basis=["DB"])),
    "an amount has to have its zeros": ("trap", criteria(communicate_info=["104.00"])),
    "the write is not looked at": ("write_not_needed", criteria(communicate_info=["Bill"], reward_basis=["COMMUNICATE"])),
    "an identifier is nowhere": ("argument_untold", criteria(actions=[{**CREATE, "arguments": {"user_id": "user_1", "title": "Zebra"}}])),
    "an amount is from nowhere": ("amount_unexplained", criteria(communicate_info=["987.65"])),
    "the user's side cannot be as it is asserted": (
        "user_check_out_of_reach", criteria(env_assertions=[{**FALSE, "env_type": "user"}], reward_basis=["DB"])
    ),
    "no actions are told": ("no_reference", criteria(actions=None, communicate_info=["Bill"])),
    "a judge decides": ("needs_judge", criteria(reward_basis=["DB", "NL_ASSERTION"])),
    "nothing scores it": ("no_criteria", lambda task: task.update(evaluation_criteria=None)),
}  # fmt: skip
TWO_WRITES = [CREATE, {**UPDATE, "arguments": {"task_id": "task_1", "status": "completed"}}, READ]
UNDAMAGED: dict[str, Damage] = {
    "as it is": lambda _: None,
    "two writes and a read": criteria(actions=TWO_WRITES),
    "a word and no number": criteria(communicate_info=["Bill"]),
    "what is asserted is true": criteria(env_assertions=[{**FALSE, "assert_value": False}], reward_basis=["DB", "ENV_ASSERTION"]),
}


@pytest.fixture(scope="module")
def harness() -> Tau2Harness:
    return Tau2Harness.load()


@pytest.fixture
def examined(harness: Tau2Harness) -> Iterator[Callable[[Damage], TaskAudit]]:
    """What is found of mock's first task after a change."""
    task = harness.tasks("mock", None)[0]
    with ConversationReplay(harness, "mock") as replay:

        def examine(damage: Damage) -> TaskAudit:
            data = task.model_dump(mode="json")
            damage(data)
            references = map(reference_calls, harness.tasks("mock", None))
            return TaskExaminer(replay, references).examine(type(task).model_validate(data))

        yield examine


@pytest.mark.parametrize("name", DAMAGED)
def test_a_planted_fault_is_found(name: str, examined: Callable[[Damage], TaskAudit]) -> None:
    kind, damage = DAMAGED[name]
    found = examined(damage)
    assert kind in {finding.kind for finding in found.findings}
    assert (found.sound is False) == KINDS[kind].unsound


@pytest.mark.parametrize("name", UNDAMAGED)
def test_a_task_without_a_fault_is_not_accused(name: str, examined: Callable[[Damage], TaskAudit]) -> None:
    found = examined(UNDAMAGED[name])
    assert (found.sound, found.findings, found.reference) == (True, [], 1.0)
    assert found.mutants
    assert all(caught == of for caught, of in found.mutants.values())


def test_what_was_not_examined_is_neither_sound_nor_unsound(examined: Callable[[Damage], TaskAudit]) -> None:
    assert [examined(DAMAGED[name][1]).sound for name in ("a judge decides", "nothing scores it", "no actions are told")] == [None] * 3
    assert examined(DAMAGED["a judge decides"][1]).idle == {}


def test_a_tool_that_answers_otherwise_each_time_is_found(
    examined: Callable[[Damage], TaskAudit], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    own, times = MockTools.get_users, iter(range(1000))

    @functools.wraps(own)
    def changing(_: Any) -> str:
        return f"call {next(times)}"

    monkeypatch.setattr(MockTools, "get_users", changing)
    found = examined(criteria(actions=[CREATE, READ]))
    assert {"not_deterministic", "reference_fails"} <= {finding.kind for finding in found.findings}
    assert found.sound is False


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine tasks of mock, three of airline, three of retail."""
    folder = tmp_path_factory.mktemp("audit")
    assert audit.main(["--domains", "mock", "--output_dir", str(folder / "mock")]) == 0
    assert audit.main(["--domains", "airline", "retail", "--task-ids", "0", "1", "2", "64", "--output-dir", str(folder)]) == 0
    return folder / "audit"


def test_files_hold_what_was_found(written: Path) -> None:
    airline, retail = (json.loads((written / f"{domain}.json").read_text()) for domain in ("airline", "retail"))
    assert airline["reference"] == {"solved": 3, "of": 3}
    assert retail["reference"] == {"solved": 4, "of": 4}
    refused = {task["id"]: [finding["evidence"] for finding in task["findings"] if finding["kind"] == "reference_write_errs"]
               for task in retail["tasks"]}  # fmt: skip
    assert [task for task, evidence in refused.items() if evidence] == ["64"]
    assert "Non-delivered order cannot be exchanged" in refused["64"][0]
    sound = json.loads((written / "sound.json").read_text())
    assert {"64"} <= sound["retail"]["unsound"].keys()
    assert set(sound["airline"]["sound"]) == {task["id"] for task in airline["tasks"] if task["sound"]}
    assert r"| 64 | reference\_write\_errs |" in (written / "audit.md").read_text()


def unchanged(environment: Any, task: Any) -> bool:
    """Whether the reference leaves the database as it was."""
    start = environment.get_db_hash()
    for action in task.evaluation_criteria.actions:
        with contextlib.suppress(ValueError):
            environment.make_tool_call(action.name, **action.arguments)
    return bool(environment.get_db_hash() == start)


@pytest.mark.parametrize("domain", ["airline", "retail"])
def test_the_floor_is_what_a_reference_without_a_change_and_a_word_says(domain: str, written: Path, harness: Tau2Harness) -> None:
    """An idle agent scores 1 if the reference neither changes a database nor says anything: seen here without any evaluator."""
    report = json.loads((written / f"{domain}.json").read_text())
    tasks = {task.id: task for task in harness.tasks(domain, None)}
    with ConversationReplay(harness, domain):  # shares the parsed databases
        for row in report["tasks"]:
            task = tasks[row["id"]]
            idle = unchanged(harness.registry.get_env_constructor(domain)(), task) and not task.evaluation_criteria.communicate_info
            assert [row["idle"][agent] == 1 for agent in ("talks", "transfers", "stops")] == [idle] * 3
    passing = [row for row in report["tasks"] if "idle_passes" in {finding["kind"] for finding in row["findings"]}]
    assert report["idle"] | {"agents": None} == {"solved": len(passing), "of": len(report["tasks"]), "agents": None}


def test_of_mock_three_tasks_are_named(written: Path) -> None:
    """Two need no work, and of one the evaluator looks for a task that an idle agent has not made."""
    report = json.loads((written.parent / "mock/audit/mock.json").read_text())
    named = {row["id"]: row["findings"][0]["kind"] for row in report["tasks"] if row["sound"] is False}
    assert named == {
        "create_task_1_nl_eval": "idle_passes",
        "impossible_task_1": "transfer_passes",
        "create_task_1_with_env_assertions": "evaluator_raises",
    }
    agents = report["idle"]["agents"]
    assert {name: (one["solved"], one["of"]) for name, one in agents.items()} == {"talks": (1, 8), "transfers": (2, 8), "stops": (1, 8)}


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--domains", "nowhere"], "no domain nowhere; there are"), (["--domains", "mock", "--task-ids", "77"], "no task 77 in mock")],
)
def test_what_there_is_not_is_one_line_and_exit_code_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(words) == 2
    assert said in capsys.readouterr().err


def test_the_summary_fits_a_terminal(written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--domains", "mock", "--output-dir", str(tmp_path)]) == 0
    table = capsys.readouterr().out.split("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "reference scores 1" in table


def test_an_audit_that_was_ended_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was examined is not examined again, unless the task's text is another one now."""
    own, examined = TaskExaminer.examine, []

    def stops(self: TaskExaminer, task: Any) -> TaskAudit:
        examined.append(str(task.id))
        if len(examined) == 5:
            raise KeyboardInterrupt
        return own(self, task)

    monkeypatch.setattr(TaskExaminer, "examine", stops)
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        audit.main(["--domains", "mock", "--output-dir", str(tmp_path)])
    kept = tmp_path / "audit/mock.partial.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    kept.write_text("\n".join([*lines[:4], lines[4].replace('"text": "', '"text": "x')]) + "\n", encoding="utf-8")
    assert audit.main(["--domains", "mock", "--output-dir", str(tmp_path)]) == 0
    assert examined.count(examined[0]) == 1
    assert examined.count(examined[3]) == 2
    assert len(json.loads((tmp_path / "audit/mock.json").read_text())["tasks"]) == 9
    assert not kept.exists()


@pytest.mark.thorough
def test_several_processes_find_what_one_finds(tmp_path: Path, written: Path) -> None:
    assert audit.main(["--domains", "mock", "--workers", "2", "--output-dir", str(tmp_path)]) == 0
    assert (tmp_path / "audit/mock.json").read_text() == (written.parent / "mock/audit/mock.json").read_text()
    assert audit.main(["--domains", "mock", "--workers", "0"]) == 2


def test_each_part_of_the_reward_refuses_the_wrong_mutants_that_it_can_see(examined: Callable[[Damage], TaskAudit]) -> None:
    """Of a task with a write and a word to be said: the database refuses all but the word left out, COMMUNICATE that alone."""
    found = examined(criteria(actions=[CREATE, READ], communicate_info=["Bill"], reward_basis=["DB", "COMMUNICATE"]))
    words, right = ("sentence_left_out",), ("extra_read", "writes_swapped", "writes_reversed", "sentence_in_other_form", "rounded_number")
    spoken = sum(found.mutants[kind][1] for kind in words)
    wrong = sum(of for kind, (_, of) in found.mutants.items() if kind not in right)
    assert found.parts == {"DB": (wrong - spoken, wrong), "COMMUNICATE": (spoken, wrong)}
    assert TaskAudit.from_json(found.as_json()) == found
