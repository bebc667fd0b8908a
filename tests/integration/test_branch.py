"""Recorded conversations rebuilt up to a turn and played on, with tau2's own domains."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tau2_logging.analysis.deep.attribution.branch_files import read_branches
from tau2_logging.analysis.load import load_log
from tau2_logging.cli import branch as command
from tau2_logging.replays.branch_arms import Swap, swaps_of
from tau2_logging.replays.branch_runs import BranchPlayer
from tau2_logging.replays.rebuilt_simulations import RebuiltSimulation, RefusedSimulations, SimulationRebuilder
from tau2_logging.replays.saved_simulations import SavedSimulation, config_of, read_saved
from tau2_logging.runner.harness.branch_harness import branch_point
from tau2_logging.runner.harness.rebuilt_conversation import OTHER_ANSWER, OTHER_DATABASE, ConversationRebuilder
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tests.support.executors import essence
from tests.support.in_process import quick_workers, run_quietly, scripted
from tests.support.patience import LONG_S

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

DOMAINS = ("retail", "telecom", "mock")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three domains, with events; its agent is wrong in half of its writes."""
    logs = tmp_path_factory.mktemp("branch")
    config = scripted(logs, {"bad_writes": 0.5}, domains=DOMAINS, num_tasks=4, events=True, run_name="base", max_concurrency=2)
    run_quietly(config)
    return logs / "runs/base"


def _rebuilt(recordings: list[SavedSimulation]) -> tuple[list[RebuiltSimulation], RefusedSimulations]:
    harness, refused = Tau2Harness.load(), RefusedSimulations()
    with ConversationRebuilder(harness) as rebuilder:
        return SimulationRebuilder(harness, rebuilder).all(recordings, refused), refused


def _copy(run: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "runs/base"
    shutil.copytree(run, folder)
    return folder


def _edit(folder: Path, name: str, change: Any) -> None:
    """Change a results file of a run."""
    path = folder / name
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_every_recorded_call_is_made_again_with_the_recorded_answer_and_hash(run: Path) -> None:
    """From results files and from checkpoints alike."""
    recordings = read_saved([run])
    assert len(recordings) == 12
    assert {saved.source.suffix for saved in recordings} == {".json"}
    found, refused = _rebuilt(recordings)
    assert refused.rows() == []
    assert [one.calls for one in found] == [sum(message["role"] == "tool" for message in one.saved.simulation["messages"]) for one in found]
    lines = read_saved([run / "simulations_mock.jsonl"])
    assert sorted((saved.task, saved.reward) for saved in lines) == sorted(
        (saved.task, saved.reward) for saved in recordings if saved.label == "mock"
    )
    assert _rebuilt(lines)[1].rows() == []


def test_a_changed_answer_is_refused_with_its_call(run: Path, tmp_path: Path) -> None:
    """And nothing else is."""
    folder = _copy(run, tmp_path)

    def change(data: Any) -> None:
        answer = next(message for message in data["simulations"][0]["messages"] if message["role"] == "tool")
        answer["content"] = "another order"

    _edit(folder, "results_retail.json", change)
    found, refused = _rebuilt(read_saved([folder]))
    assert (len(found), dict(refused.counts())) == (11, {OTHER_ANSWER: 1})
    assert "call 1, " in refused.rows()[0]["evidence"]
    assert "another order" in refused.rows()[0]["evidence"]


def test_a_database_of_another_hash_is_refused(run: Path, tmp_path: Path) -> None:
    """Where a run with --events has recorded hashes."""
    folder = _copy(run, tmp_path)
    path = folder / "events_retail.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if '"moment": "end"' in line)
    lines[at] = lines[at].replace('"agent_hash": "', '"agent_hash": "0')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _, refused = _rebuilt(read_saved([folder]))
    assert dict(refused.counts()) == {OTHER_DATABASE: 1}


def test_a_conversation_has_used_the_steps_and_errors_that_tau2_counted(run: Path) -> None:
    """Those of the whole conversation are what the log says of the simulation."""
    log = load_log([run.parents[1] / f"tau2_{domain}.log" for domain in DOMAINS])
    ends = log.select(["domain", "task", "steps", "tool_errors"], types=["task_end"])
    known = {(str(domain), str(task)): (int(steps), int(errors)) for domain, task, steps, errors in ends.itertuples(index=False, name=None)}
    for one in _rebuilt(read_saved([run]))[0]:
        point = branch_point(one.task, one.messages, one.turns)
        assert (point.steps, point.errors) == known[one.saved.label, one.saved.task]


def test_branches_begin_with_what_was_said_and_are_runs_of_their_own(run: Path, tmp_path: Path) -> None:
    """Two arms after two turns: rows, results and log hold nothing of the original's names."""
    origin = next(one for one in _rebuilt(read_saved([run]))[0] if one.saved.label == "retail" and one.calls > 3)
    player = BranchPlayer(origin, replace(config_of(origin.saved), log_dir=tmp_path))
    swaps = swaps_of(["user-variant=anger"], {})
    tallies = player.play({3: 2, 5: 1}, swaps)
    assert {key: tally.scored for key, tally in tallies.items()} == {(swap.name, turn): n for swap in swaps for turn, n in ((3, 2), (5, 1))}
    assert player.spent_usd == 0
    for swap in swaps:
        data = json.loads((player.runs[0] / f"results_retail@{swap.name}.json").read_text(encoding="utf-8"))
        for simulation in data["simulations"]:
            turn = int(simulation["task_id"].removeprefix(f"{origin.saved.task}@turn"))
            kept = branch_point(origin.task, origin.messages, turn).messages
            now = simulation["messages"][: len(kept)]
            assert [(one["role"], one["content"]) for one in now] == [(one.role, one.content) for one in kept]
            assert len(simulation["messages"]) > len(kept)
    log = load_log(tmp_path / "tau2_retail.log")
    starts = log.select(["branched_from", "branched_at"], types=["run_start"])
    assert {tuple(row) for row in starts.itertuples(index=False, name=None)} == {(origin.saved.name, "3,5")}
    assert set(log.select(["seed"], types=["task_start"])["seed"]).isdisjoint(
        {config_of(origin.saved).seed, origin.saved.simulation["seed"]}
    )


def test_branches_in_worker_processes_are_those_of_threads(run: Path, tmp_path: Path) -> None:
    """The same conversations with the same rewards: a worker knows where each of them begins."""
    origin = next(one for one in _rebuilt(read_saved([run]))[0] if one.saved.label == "mock" and one.turns > 4)
    found = []
    for executor, workers in (("threads", None), ("processes", 1)):
        config = replace(config_of(origin.saved), log_dir=tmp_path / executor, executor=executor, workers=workers)
        player = BranchPlayer(origin, config)
        with quick_workers():
            tallies = player.play({2: 2}, (Swap(),))
        data = json.loads((player.runs[0] / "results_mock@as-it-was.json").read_text(encoding="utf-8"))
        found.append((tallies, essence(data["simulations"])))
    assert found[0] == found[1]
    assert found[0][0]["as-it-was", 2].scored == 2


def test_a_mistake_before_the_branch_is_not_forgiven(run: Path, tmp_path: Path) -> None:
    """tau2's evaluator would make the mistake in the reference's database too; the branch is scored against the original task."""
    folder = _copy(run, tmp_path)

    def change(data: Any) -> None:
        simulation = next(one for one in data["simulations"] if one["task_id"] == "create_task_1")
        made = next(n for n, message in enumerate(simulation["messages"]) if message.get("tool_calls"))
        call, answer = simulation["messages"][made : made + 2]
        call["tool_calls"][0]["arguments"]["title"] = "Something else"
        answer["content"] = answer["content"].replace("Important Meeting", "Something else")
        simulation["messages"] = simulation["messages"][: made + 2] + simulation["messages"][made + 2 :]

    _edit(folder, "results_mock.json", change)
    (folder / "events_mock.jsonl").unlink()
    saved = next(saved for saved in read_saved([folder]) if saved.task == "create_task_1")
    (origin,), refused = _rebuilt([saved])
    assert refused.rows() == []
    config = replace(config_of(saved), log_dir=tmp_path / "branches")
    player = BranchPlayer(origin, config)
    before = next(n for n in range(1, origin.turns) if branch_point(origin.task, origin.messages, n).messages[-1].role == "tool")
    tallies = player.play({before - 1: 1, before: 1}, (Swap(),))
    data = json.loads((player.runs[0] / "results_mock@as-it-was.json").read_text(encoding="utf-8"))
    made = [call["arguments"].get("title") for message in data["simulations"][-1]["messages"] for call in message.get("tool_calls") or ()]
    assert "Something else" in made
    assert "Important Meeting" in made
    assert tallies["as-it-was", before].solved == 0


def test_tau2s_limits_go_on_from_where_the_turn_left_them(run: Path, tmp_path: Path) -> None:
    """With one step more than the turns before have used, the branch ends at its first step, and so would the original have."""
    origin = next(one for one in _rebuilt(read_saved([run]))[0] if one.saved.label == "mock" and one.turns > 4)
    used = branch_point(origin.task, origin.messages, 3).steps
    config = replace(config_of(origin.saved), log_dir=tmp_path, max_steps=used + 1)
    player = BranchPlayer(origin, config)
    player.play({3: 1}, (Swap(),))
    (simulation,) = json.loads((player.runs[0] / "results_mock@as-it-was.json").read_text(encoding="utf-8"))["simulations"]
    assert simulation["termination_reason"] == "max_steps"
    assert len(simulation["messages"]) <= len(branch_point(origin.task, origin.messages, 3).messages) + 2


def test_the_command_branches_scans_and_keeps_what_it_found(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; a row for each beside the run; the curve ends where the conversation did."""
    folder = _copy(run, tmp_path)
    saved = next(saved for saved in read_saved([folder]) if saved.label == "mock" and len(saved.simulation["messages"]) > 4)
    words = [str(folder), saved.task, "--log-dir", str(tmp_path / "branches")]
    assert command.main([*words, "--at", "2", "--times", "5", "--swap", "user-variant=anger"]) == 0
    said = capsys.readouterr().out
    assert "as-it-was" in said
    assert "5 of 5" in said
    assert command.main([*words, "--scan", "--budget", "40"]) == 0
    assert "it ended" in capsys.readouterr().out
    rows = [json.loads(line) for line in (folder / "branches.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["kind"] for row in rows] == ["branch", "scan"]
    assert {(row["run"], row["task"], row["trial"]) for row in rows} == {("base", saved.task, saved.trial)}
    assert rows[1]["simulations"] <= 40
    assert command.main([*words, "--scan", "--dry-run"]) == 0


def test_a_scan_plays_on_with_somebody_else(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An agent that never does anything cannot save what the recorded one won: its first turn after which it wins is named, and the row
    is told from that of a scan as it was."""
    folder = _copy(run, tmp_path)
    saved = next(saved for saved in read_saved([folder]) if saved.label == "mock" and saved.won and _answers(saved) == 1)
    words = [str(folder), saved.task, "--log-dir", str(tmp_path / "branches"), "--scan", "--budget", "60"]
    assert command.main([*words, "--swap", "agent=scripted/agent", "--swap-args", '{"gives_up": 1.0}']) == 0
    assert "played on with agent=scripted/agent" in capsys.readouterr().out
    (row,) = (json.loads(line) for line in (folder / "branches.jsonl").read_text(encoding="utf-8").splitlines())
    assert row["arm"] == "agent=scripted/agent"
    made = next(n for n, end in enumerate(_ends(saved), 1) if any(one["role"] == "tool" for one in saved.simulation["messages"][:end]))
    assert row["decisive"]["turn"] == made
    found = read_branches([str(folder / "results_mock.json")])["base", "mock", saved.task, "0"]
    assert found.scan is None
    assert [words.partition(":")[0] for words in found.saved()] == [f"with another agent (scripted/agent) turn {made} decides"]


def _answers(saved: SavedSimulation) -> int:
    return sum(message["role"] == "tool" for message in saved.simulation["messages"])


def _ends(saved: SavedSimulation) -> list[int]:
    starts = [number for number, message in enumerate(saved.simulation["messages"]) if message["role"] != "tool"]
    return [*starts[1:], len(saved.simulation["messages"])]


def test_an_interrupted_scan_keeps_what_it_has_found(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C in its second batch: exit code 130, and a row of the turns that were played by then, which says that it is not complete. The
    simulation that was interrupted has no reward."""
    folder, branches = _copy(run, tmp_path), tmp_path / "branches"
    saved = next(saved for saved in read_saved([folder]) if saved.label == "mock" and len(saved.simulation["messages"]) > 5)
    stopper = Thread(target=_interrupt_in_batch, args=(branches / "runs", 2))
    stopper.start()
    slow = json.dumps({"bad_writes": 0.5, "ttft_ms": 150})
    words = [str(folder), saved.task, "--log-dir", str(branches), "--scan", "--agent-llm-args", slow, "--max-concurrency", "1"]
    assert command.main(words) == 130
    stopper.join()
    (row,) = (json.loads(line) for line in (folder / "branches.jsonl").read_text(encoding="utf-8").splitlines())
    assert not row["complete"]
    assert row["simulations"] - sum(chance["scored"] for chance in row["chances"]) in (0, 1)
    assert {chance["scored"] for chance in row["chances"]} >= {6}
    assert "interrupted" in capsys.readouterr().err


def test_a_full_disk_ends_a_scan(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one line and exit code 1, and without another batch that could not be written either."""
    resource = pytest.importorskip("resource", reason="file-size limits need a Unix")
    folder = _copy(run, tmp_path)
    saved = next(saved for saved in read_saved([folder]) if saved.label == "mock" and len(saved.simulation["messages"]) > 5)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
    try:
        code = command.main([str(folder), saved.task, "--log-dir", str(tmp_path / "branches"), "--scan"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err.strip().splitlines()
    assert code == 1
    assert said[-1].endswith("make room and start again")
    assert len(list((tmp_path / "branches/runs").iterdir())) == 1


def _interrupt_in_batch(runs: Path, number: int) -> None:
    """Send this process SIGINT when a simulation of that run has ended."""
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        if sum(path.stat().st_size > 0 for path in runs.glob("*/simulations_*.jsonl")) >= number:
            os.kill(os.getpid(), signal.SIGINT)
            return
        time.sleep(0.005)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["info"].update(max_steps="many"),
        lambda data: data["info"].update(agent_info="somebody"),
        lambda data: data["info"].update(environment_info=[1]),
        lambda data: data["tasks"][0].pop("id"),
        lambda data: data["tasks"].append("a task"),
        lambda data: data["simulations"][0].update(reward_info={"reward": "much"}),
        lambda data: data["simulations"][0].update(trial="first"),
    ],
)
def test_a_file_with_values_of_a_wrong_form_is_refused(
    run: Path, tmp_path: Path, change: Callable[[Any], object], capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that names it."""
    data = json.loads((run / "results_mock.json").read_text(encoding="utf-8"))
    change(data)
    file = tmp_path / "results_mock.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    assert command.main([str(file), data["simulations"][0]["task_id"], "--at", "1", "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert str(file) in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["0", "--at", "99"], "ends with turn"),
        (["nobody", "--at", "1"], "no simulation of task"),
        (["0", "--trial", "7", "--at", "1"], "has no trial 7"),
        (["0", "--at", "1", "--swap", "foo"], "none of agent="),
        (["0", "--scan", "--swap", "agent=x", "user=y"], "--scan plays on in one way"),
        (["0", "--scan", "--swap", "agent=x,judge=y"], "--scan cannot swap the judge"),
        (["0", "--at", "1", "--times", "0"], "too small"),
    ],
)
def test_bad_input_is_one_line(run: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(run / "results_retail.json"), *words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
