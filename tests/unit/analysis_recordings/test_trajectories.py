"""Results files as trajectories in ATIF, and back: nothing is lost that a figure rests on, and others' validators take them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.reading.files.results_files import read_file
from tau2_logging.analysis.recordings import Missing, load_results, write_log
from tau2_logging.analysis.recordings.tau2_results import results_lines
from tau2_logging.analysis.recordings.to_trajectories import write_trajectories
from tau2_logging.analysis.verdict.read_sides import read_sides
from tau2_logging.cli import analyze_timing, results
from tau2_logging.errors import UserError
from tests.support import recordings
from tests.support.recordings import call, simulation, task

AGENT_ONLY = {"model_name", "reasoning_effort", "reasoning_content", "tool_calls", "metrics"}


def written(folder: Path, simulations: Sequence[dict[str, Any]]) -> Path:
    """A results file in which agent and user have models, and one task has reference actions."""
    tasks = [task(name, {"name": "pay", "arguments": {"id": 1}}) for name in dict.fromkeys(one["task_id"] for one in simulations)]
    data = recordings.results(tasks, simulations, policy="Be kind.")
    data["info"] |= {
        "git_commit": "0123456789abcdef", "agent_info": {"implementation": "llm_agent", "llm": "gpt-4.1", "llm_args": {"temperature": 0.0}},
        "user_info": {"implementation": "user_simulator", "llm": "gpt-4.1-mini"},
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    return recordings.write(folder / "results_retail.json", data)


def rich() -> list[dict[str, Any]]:
    """Both sides' tools, an error, prices, cached and reasoning tokens, measured times, a reward, a task id that is no file name."""
    first = simulation("[mobile|a:b]", 0, [call("look", id=1), call("pay", "Error: no", id=1), call("reboot", requestor="user")])
    first["messages"].insert(0, {"role": "assistant", "content": "Hi!", "cost": 0.0, "timestamp": recordings.BEGAN.isoformat()})
    agent = next(one for one in first["messages"] if one.get("tool_calls"))
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}}
    reply = {
        "finish_reason": "tool_calls",
        "usage": {"completion_tokens_details": {"reasoning_tokens": 3}},
        "message": {"reasoning_content": "Hm."},
    }
    agent |= {"generation_time_seconds": 0.4, "cost": 0.25, "turn_idx": 2, "usage": usage, "raw_data": reply}
    return [first, simulation("7", 1, [call("pay", id=1)], reward=None), simulation("7", 0, reward=0.0)]


def documents(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.atif.json"))]


def lines(path: Path) -> tuple[list[str], Missing]:
    """The log that a recording amounts to, without the name of its file."""
    missing = Missing()
    told = results_lines(path, "r", missing)[1]
    told[0].fields.pop("recorded_from")
    return [line.text() for line in told], missing


def check_same(file: Path, folder: Path) -> None:
    write_trajectories(file, folder)
    assert lines(folder) == lines(file)


def test_a_trajectory_amounts_to_the_log_of_its_results_file(tmp_path: Path) -> None:
    """Every line is the same: calls, tokens, prices, times, errors, rewards, task texts, settings of the run."""
    check_same(written(tmp_path, rich()), tmp_path / "made")


def test_the_deep_analysis_is_that_of_the_results_file(tmp_path: Path) -> None:
    """Calls with their arguments, reference actions and simulations are equal, row by row."""
    file = written(tmp_path, rich())
    write_trajectories(file, tmp_path / "results_retail")
    told, read = LogAnalyzer(file).recorded, LogAnalyzer(tmp_path / "results_retail").recorded
    for table in ("calls", "gold", "simulations"):
        assert getattr(told, table).drop(columns="run").equals(getattr(read, table).drop(columns="run")), table
        assert len(getattr(told, table)) > 0


def test_what_atif_holds_is_in_its_own_fields(tmp_path: Path) -> None:
    """Agent, model, tokens, price, reasoning, calls and their results are where every other program looks for them."""
    write_trajectories(written(tmp_path, rich()[:1]), tmp_path / "made")
    (document,) = documents(tmp_path / "made")
    step = next(step for step in document["steps"] if step.get("tool_calls"))
    assert document["agent"] == {
        "name": "llm_agent", "version": "0123456789abcdef", "model_name": "gpt-4.1", "extra": {"llm_args": {"temperature": 0.0}},
    }  # fmt: skip
    assert step["tool_calls"] == [
        {"tool_call_id": "c0", "function_name": "look", "arguments": {"id": 1}, "extra": {"requestor": "assistant"}}
    ]
    assert step["observation"]["results"][0]["source_call_id"] == "c0"
    assert step["metrics"]["cached_tokens"] == 64
    assert step["metrics"]["cost_usd"] == 0.25
    assert step["reasoning_content"] == "Hm."
    assert [step["source"] for step in document["steps"]] == ["agent", "user", "agent", "agent", "user", "agent"]
    asked = [one for one in rich()[0]["messages"] if one["role"] == "assistant" and one.get("usage")]
    assert document["final_metrics"]["total_prompt_tokens"] == sum(one["usage"]["prompt_tokens"] for one in asked)
    assert "total_cost_usd" not in document["final_metrics"]  # two calls have no price: the sum is not known


def check_document(document: dict[str, Any]) -> None:
    """The rules of the format that a schema can state, checked without any package."""
    assert [step["step_id"] for step in document["steps"]] == list(range(1, len(document["steps"]) + 1))
    for step in document["steps"]:
        assert isinstance(step["message"], str)
        assert step["source"] == "agent" or not AGENT_ONLY & step.keys()
        assert step.get("llm_call_count") != 0 or "metrics" not in step
        known = {one["tool_call_id"] for one in step.get("tool_calls") or ()}
        results_ = (step.get("observation") or {}).get("results") or ()
        assert {one["source_call_id"] for one in results_ if "source_call_id" in one} <= known


def test_documents_keep_the_rules_of_the_format(tmp_path: Path) -> None:
    """Only agents have tool calls and metrics, steps are numbered from 1, a result refers to a call of its own step."""
    write_trajectories(written(tmp_path, rich()), tmp_path / "made")
    told = documents(tmp_path / "made")
    assert len(told) == 3
    for document in told:
        check_document(document)


def test_nvidias_models_take_the_documents(tmp_path: Path) -> None:
    """The validator of NVIDIA's toolkit accepts all of them, and refuses one with a metric on a user's step."""
    atif = pytest.importorskip("nat.atif", reason="nvidia-nat-atif needs Python 3.11")
    write_trajectories(written(tmp_path, rich()), tmp_path / "made")
    told = documents(tmp_path / "made")
    for document in told:
        atif.Trajectory.model_validate(document)
    broken = deepcopy(told[0])
    next(step for step in broken["steps"] if step["source"] == "user")["metrics"] = {"prompt_tokens": 1}
    with pytest.raises(importlib.import_module("pydantic").ValidationError):
        atif.Trajectory.model_validate(broken)


_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["assistant", "user", "tool", "system"])},
        optional={
            "content": st.none() | st.text(max_size=5), "timestamp": st.just("2026-11-20T17:45:09.5") | st.none(), "cost": st.floats(0, 2),
            "usage": st.fixed_dictionaries({}, optional={"prompt_tokens": st.integers(0, 9), "completion_tokens": st.integers(0, 9)}),
            "id": st.sampled_from(["c0", "c1"]), "error": st.booleans() | st.none(), "turn_idx": st.integers(0, 9),
            "tool_calls": st.lists(st.fixed_dictionaries({
                "id": st.sampled_from(["c0", "c1"]), "name": st.just("look"), "requestor": st.sampled_from(["assistant", "user"]),
                "arguments": st.dictionaries(st.text(max_size=3), st.integers() | st.none() | st.text(max_size=3), max_size=2),
            }), max_size=2),
        },
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(_MESSAGES)
def test_messages_of_any_shape_survive(tmp_path_factory: pytest.TempPathFactory, messages: list[dict[str, Any]]) -> None:
    """Whatever a message holds or lacks, the trajectory keeps the format's rules and amounts to the same log."""
    folder = tmp_path_factory.mktemp("any")
    check_same(written(folder, [{**simulation("7"), "messages": messages}]), folder / "made")
    check_document(documents(folder / "made")[0])


FOREIGN = {
    "schema_version": "ATIF-v1.4", "session_id": "s1", "agent": {"name": "harbor-agent", "version": "1.0", "model_name": "gpt-5"},
    "steps": [
        {"step_id": 1, "source": "user", "message": [{"type": "text", "text": "Fix it."}], "timestamp": "2026-01-01T10:00:00Z"},
        {"step_id": 2, "source": "agent", "message": "", "timestamp": "2026-01-01T10:00:04Z", "metrics": {
            "prompt_tokens": 500, "completion_tokens": 20, "cached_tokens": 100, "cost_usd": 0.01,
        }, "tool_calls": [{"tool_call_id": "a", "function_name": "bash", "arguments": {"command": "ls"}}],
            "observation": {"results": [{"source_call_id": "a", "content": "file"}]}},
    ],
}  # fmt: skip


def test_a_trajectory_of_another_program_is_read(tmp_path: Path) -> None:
    """Tokens, price and calls are the document's; length is that of its steps; what it does not say is unknown."""
    log, missing = load_results([recordings.write(tmp_path / "x.atif.json", FOREIGN)])
    (row,) = log.simulations.to_dict("records")
    assert (row["task"], row["input_tokens"], row["cached_tokens"], row["duration_ms"]) == ("s1", 500, 100, 4000.0)
    assert log.calls["cost_usd"].dropna().tolist() == [0.01]
    assert log.calls["function"].dropna().tolist() == ["bash"]
    assert row["reward"] is None or row["reward"] != row["reward"]
    assert missing.counts["timestamp"] == 1  # when the tool's result came


def test_all_files_of_a_folder_are_one_run(tmp_path: Path) -> None:
    """Named one by one, as the shell's `*` does, or by their folder; one of them alone is a run of one simulation."""
    write_trajectories(written(tmp_path, rich()), tmp_path / "made")
    files = sorted((tmp_path / "made").glob("*.json"))
    for named, count in ((files, 3), ([tmp_path / "made"], 3), (files[:1], 1)):
        log, _ = load_results(named)
        assert len(log.runs) == 1
        assert len(log.simulations) == count


def test_the_commands_write_and_read_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`results to-atif` tells of simulations without messages, never overwrites, and `analyze` takes the folder, with --deep."""
    file = written(tmp_path, [*rich(), {**simulation("9"), "messages": []}])
    for code in (0, 2):
        with pytest.raises(SystemExit) as left:
            results.main(["to-atif", str(file), "-o", str(tmp_path / "made")])
        assert left.value.code == code
    said = capsys.readouterr()
    assert "3 trajectories (ATIF-v1.7) written" in said.out
    assert "no trajectory of 1 simulation without messages" in said.err
    assert "exists; choose another folder, or overwrite it with --force" in said.err
    with pytest.raises(SystemExit) as left:
        analyze_timing.main(["--results", str(tmp_path / "made"), "--deep", "--format", "json", "--output_dir", str(tmp_path / "out")])
    assert left.value.code == 0
    assert json.loads((tmp_path / "out" / "deep.json").read_text())
    assert len(read_sides([str(tmp_path / "made"), str(file)])) == 2
    assert write_log([tmp_path / "made"], tmp_path / "log")[0][0].name == "tau2_retail.log"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda document: document["agent"].update(model_name="other"), "put runs of different agents into different folders"),
        (lambda document: document.update(schema_version=None), "it has no schema_version of ATIF"),
        (lambda document: document.update(steps=[{"step_id": 1, "source": "agent", "tool_calls": [{}]}]), "is not a readable trajectory"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, change: Any, says: str) -> None:
    """A folder of several agents' runs, a file that is none, a document that breaks the format."""
    write_trajectories(written(tmp_path, rich()), tmp_path / "made")
    path = sorted((tmp_path / "made").glob("*.json"))[-1]
    document = json.loads(path.read_text())
    change(document)
    recordings.write(path, document)
    with pytest.raises(UserError, match=says):
        read_file(tmp_path / "made")
