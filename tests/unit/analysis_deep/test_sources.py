"""What is read from where, and how it is joined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.reading.files.log_files import read_log
from tau2_logging.analysis.deep.reading.merge import combined
from tau2_logging.analysis.deep.reading.recorded import Row, Rows
from tests.support.recordings import action, call, messages, results, simulation, task, write

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
KEY = {"run": "r", "domain": "retail", "task": "0", "trial": 0}


def tool(name: str, **more: object) -> Row:
    return {**KEY, "tool": name, "arguments": {}, "error": False, "requestor": "assistant", **more}


def test_the_folder_of_tau2_v1_is_read_with_its_tool_types(tmp_path: Path) -> None:
    """results.json without simulations, one file each beside it; action checks there say which tools write."""
    one = simulation("0", 0, [call("pay", amount=5), call("look")])
    checks = [{"action": {"name": "pay", "arguments": {}}, "action_match": True, "tool_type": "write"}]
    one["reward_info"] = {**one["reward_info"], "action_checks": checks}
    data = results([task("0", action("pay", amount=5))], [])
    folder = tmp_path / "my_run"
    (folder / "simulations").mkdir(parents=True)
    write(folder / "results.json", data)
    write(folder / "simulations" / "a.json", one)
    found = LogAnalyzer(folder).recorded
    assert found.simulations["run"].tolist() == ["my_run"]
    assert found.calls["tool"].tolist() == ["pay", "look"]
    write(folder / "all.json", results([task("0", action("pay", amount=5))], [one]))
    assert LogAnalyzer(folder / "all.json").recorded.gold["tool_type"].tolist() == ["write"]


def test_several_results_of_tools_may_come_as_one_message(tmp_path: Path) -> None:
    talk = messages([call("look"), call("pay")])
    joined = [
        {**talk[1], "tool_calls": [*talk[1]["tool_calls"], *talk[3]["tool_calls"]]},
        {"role": "tool", "tool_messages": [talk[2], talk[4]]},
    ]
    data = results([task("0")], [simulation("0", messages=[talk[0], *joined])])
    assert LogAnalyzer(write(tmp_path / "r.json", data)).recorded.calls["tool"].tolist() == ["look", "pay"]


def test_a_call_without_a_result_was_not_made_and_a_result_without_a_call_is_counted(tmp_path: Path) -> None:
    talk = messages([call("look"), call("pay")])
    data = results([task("0")], [simulation("0", 0, messages=talk[:-2]), simulation("0", 1, messages=[talk[2]])])
    calls = LogAnalyzer(write(tmp_path / "r.json", data)).recorded.calls
    assert calls[["trial", "tool"]].to_numpy().tolist() == [[0, "look"], [1, "unknown"]]


def test_two_files_are_two_runs(tmp_path: Path) -> None:
    """Each has its own rates; pooled, the same task and trial in both is two simulations of one task."""
    paths = [write(tmp_path / f"{name}.json", results([task("0")], [simulation("0")])) for name in ("one", "other")]
    found = LogAnalyzer(paths)
    assert found.runs == ["one", "other"]
    rows = [found.get_reward_results()["success"] for found in (found, LogAnalyzer(paths, pool=True))]
    assert [table[["simulations", "tasks"]].to_numpy().tolist() for table in rows] == [[[1, 1], [1, 1]], [[2, 1]]]


def test_a_domain_is_called_as_it_was_run_and_not_as_its_environment_is(tmp_path: Path) -> None:
    """retail_enhanced has retail's environment; the results file must meet the log and the events of retail_enhanced."""
    write(tmp_path / "run.json", {})
    write(tmp_path / "results_retail_enhanced.json", results([task("0", action("pay"))], [simulation("0", 0, [call("pay")])]))
    event = {"type": "tool_execution", **KEY, "run": tmp_path.name, "domain": "retail_enhanced", "call_id": "c0", "tool": "pay"}
    (tmp_path / "events_retail_enhanced.jsonl").write_text(json.dumps({**event, "tool_type": "write"}) + "\n")
    found = LogAnalyzer(tmp_path).recorded
    assert found.simulations["domain"].tolist() == ["retail_enhanced"]
    assert found.calls["tool_type"].tolist() == found.gold["tool_type"].tolist() == ["write"]


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", results([task("0", action("pay"))], [simulation("0", 0, [call("pay")])]))
    found = LogAnalyzer([path, path]).recorded
    assert (len(found.simulations), len(found.calls), len(found.gold)) == (1, 1, 1)


def test_files_of_one_name_in_two_folders_are_two_runs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "retail.json", results([task("0")], [simulation("0", 0, [call("pay")])]))
    found = LogAnalyzer([tmp_path / "a/retail.json", tmp_path / "b/retail.json"])
    assert found.runs == ["a/retail", "b/retail"]
    assert len(found.recorded.calls) == 2


def test_simulations_that_say_the_same_trial_or_none_are_trials_of_their_own(tmp_path: Path) -> None:
    runs = [simulation("0", trial, [call("pay")]) for trial in (0, 0, 5, None)]
    found = LogAnalyzer(write(tmp_path / "r.json", results([task("0")], runs))).recorded
    assert found.simulations["trial"].tolist() == [0, 1, 5, 6]
    assert len(found.calls) == 4


def test_the_log_gives_calls_their_time_by_their_order_where_the_tools_agree() -> None:
    told = [tool("a", position=0, call_id="1"), tool("b", position=1, call_id="2")]
    timed = [tool("a", position=0, duration_ms=1.5), tool("other", position=1, duration_ms=9.0)]
    found = combined(Rows([{**KEY}], told), Rows([{**KEY, "status": "ok"}], timed), Rows())
    assert [row.get("duration_ms") for row in found.calls] == [1.5, None]


def test_of_simulations_that_no_results_file_tells_the_log_tells_every_call() -> None:
    """As after a run that was killed: its last simulations are in the log alone."""
    log = load_log(GOLDEN / "current" / "tau2_mock.log")
    every = read_log(log)
    told = {tuple(row[name] for name in KEY) for row in every.simulations[1:]}
    left = read_log(log, told)
    assert len(left.calls) > 0 < len(left.replies)
    for kind in ("calls", "replies"):
        of_first = [row for row in getattr(every, kind) if tuple(row[name] for name in KEY) not in told]
        assert [{**row, "turn": None} for row in getattr(left, kind)] == [{**row, "turn": None} for row in of_first]


def test_of_events_of_a_simulation_that_was_run_twice_the_later_ones_count() -> None:
    """Call ids may be the same in both attempts; the events of the one that was killed come first."""
    told = [tool("a", position=0, call_id="1"), tool("a", position=1, call_id="1")]
    events = [tool("a", call_id="1", complexity=n / 10, tool_type="read") for n in range(3)]
    found = combined(Rows([{**KEY}], told), Rows(), Rows(calls=events))
    assert [row["complexity"] for row in found.calls] == [0.1, 0.2]
    timed = [tool("a", position=0, duration_ms=1.0)]
    found = combined(Rows(), Rows([{**KEY}], timed), Rows(calls=events))
    assert [row["complexity"] for row in found.calls] == [0.2]


def test_a_tool_that_is_known_to_write_writes_in_every_simulation_of_its_domain() -> None:
    other = {**KEY, "task": "1"}
    calls = [tool("pay", position=0, call_id="1"), {**tool("pay", position=0, call_id="2"), **other}]
    events = [tool("pay", call_id="1", tool_type="write")]
    found = combined(
        Rows([{**KEY}, other], calls, [{"domain": "retail", "task": "0", "index": 0, "tool": "pay"}]), Rows(), Rows(calls=events)
    )
    assert [row["tool_type"] for row in (*found.calls, *found.gold)] == ["write"] * 3


@pytest.mark.parametrize("kind", ["events_retail.jsonl", "simulations_retail.jsonl"])
def test_a_line_cut_short_is_counted_and_the_rest_is_read(kind: str, tmp_path: Path) -> None:
    rows = {
        "events_retail.jsonl": {"type": "tool_execution", **KEY, "tool": "look", "success": True},
        "simulations_retail.jsonl": {"domain": "retail", "task": "0", "trial": 0, "simulation": simulation("0", 0, [call("look")])},
    }
    text = json.dumps(rows[kind])
    (tmp_path / kind).write_text(f"{text}\n{text[: len(text) // 2]}")
    found = LogAnalyzer(tmp_path).recorded
    assert found.calls["tool"].tolist() == ["look"]
    assert [(Path(bad.file).name, bad.line) for bad in found.refused] == [(kind, 2)]
