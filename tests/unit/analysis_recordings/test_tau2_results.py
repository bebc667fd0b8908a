"""Results files of every shape that tau2 has written, told as a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.measures.costs.cost_tables import cost_summary
from tau2_logging.analysis.measures.provenance import recorded_note
from tau2_logging.analysis.measures.run_time.makespan import idle_tail, workers
from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.recordings import load_results, write_log
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.reports.text.answer import answer
from tau2_logging.errors import UserError
from tau2_logging.events import decode
from tests.support.by_hand import figures
from tests.support.by_hand_checks import check_log
from tests.support.report_samples import pooled

DAY = "2025-06-11T10:00:"


def message(role: str, second: float | None, **more: Any) -> dict[str, Any]:
    """A message that was there at this second of the minute."""
    stamp = None if second is None else f"{DAY}{second:09.6f}"
    return {"role": role, "content": "words", "timestamp": stamp, "tool_calls": None, "usage": None, "cost": 0.0, **more}


def replied(role: str, second: float | None, sent: int, received: int, cost: float, **more: Any) -> dict[str, Any]:
    """A model's reply."""
    return message(role, second, usage={"prompt_tokens": sent, "completion_tokens": received}, cost=cost, **more)


def call(number: int, name: str, requestor: str = "assistant") -> dict[str, Any]:
    return {"id": f"c{number}", "name": name, "arguments": {}, "requestor": requestor}


def result(number: int, second: float, error: bool = False, requestor: str = "assistant") -> dict[str, Any]:
    return {"id": f"c{number}", "role": "tool", "content": "x", "error": error, "requestor": requestor, "timestamp": f"{DAY}{second:09.6f}"}


def simulation(task: str, messages: list[dict[str, Any]] | None, **more: Any) -> dict[str, Any]:
    """A SimulationRun of a minute's length."""
    whole = {
        "id": f"id-{task}-{more.get('trial')}", "task_id": task, "start_time": f"{DAY}00.000000", "duration": 20.0, "agent_cost": None,
        "user_cost": None, "termination_reason": "user_stop", "reward_info": {"reward": 1.0}, "messages": messages,
    }  # fmt: skip
    return {**whole, **more}


def file(simulations: list[dict[str, Any]], tasks: list[dict[str, Any]] | None = None, agent: str = "gpt-4.1") -> dict[str, Any]:
    """A Results object."""
    info = {
        "git_commit": "0123456789abcdef", "agent_info": {"implementation": "llm_agent", "llm": agent},
        "user_info": {"implementation": "user_simulator", "llm": "gpt-4.1-mini"},
        "environment_info": {"domain_name": "retail", "policy": ""},
    }  # fmt: skip
    known = tasks or [{"id": name} for name in dict.fromkeys(one["task_id"] for one in simulations)]
    return {"timestamp": None, "info": info, "tasks": known, "simulations": simulations}


def written(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


V01 = simulation(
    "0",
    [
        message("assistant", 1.0),
        replied("user", 2.5, 100, 20, 0.001),
        replied("assistant", 6.5, 1000, 50, 0.01, tool_calls=[call(1, "look"), call(2, "pay")]),
        {"role": "tool", "tool_messages": [result(1, 6.6), result(2, 6.9, error=True)]},
        replied("assistant", 9.9, 1100, 60, 0.02, content="ok"),
        replied("user", 10.4, 150, 5, 0.002, content="###STOP###", tool_calls=None),
    ],
)
V1 = simulation(
    "0",
    [
        message("assistant", 1.0, turn_idx=0),
        replied("user", 2.5, 100, 20, 0.001, generation_time_seconds=1.25),
        replied("assistant", 6.5, 1000, 50, 0.01, generation_time_seconds=3.5, tool_calls=[call(1, "look")]),
        result(1, 6.6),
        replied("user", 9.0, 150, 5, 0.002, generation_time_seconds=2.0, content="###TRANSFER###"),
    ],
    trial=3,
    seed=7,
)


def events_of(folder: Path, *paths: Path) -> list[Any]:
    """The lines of the log that these files amount to, in order."""
    made, _ = write_log(paths, folder)
    return [decode(line) for path in made for line in path.read_text().splitlines()]


def test_a_file_without_generation_times_gives_upper_bounds(tmp_path: Path) -> None:
    """v0.1 and v0.2: a call took the time since the message before; several results come as one message; the greeting is no call."""
    events = events_of(tmp_path / "out", written(tmp_path / "old.json", file([V01])))
    calls = [(event.type, event.get("start_ms"), event.get("duration_ms"), event.get("timing")) for event in events if event.get("timing")]
    assert calls == [
        ("user_sim", 1000.0, 1500.0, "gap"),
        ("llm_call", 2500.0, 4000.0, "gap"),
        ("tool_call", 6500.0, 100.0, "gap"),
        ("tool_call", 6600.0, 300.0, "gap"),
        ("llm_call", 6900.0, 3000.0, "gap"),
        ("user_sim", 9900.0, 500.0, "gap"),
    ]
    assert [event.get("function") for event in events if event.type == "tool_call"] == ["look", "pay"]
    assert [event.get("error") for event in events if event.type == "tool_call"] == [False, True]
    assert {event.get("model") for event in events if event.type == "llm_call"} == {"gpt-4.1"}
    (end,) = [event for event in events if event.type == "task_end"]
    expected = {
        "reward": 1.0, "termination": "user_stop", "stop_token": "stop", "duration_ms": 20000.0, "llm_ms": 7000.0, "user_ms": 2000.0,
        "tool_ms": 400.0, "other_ms": 10600.0, "llm_calls": 2, "user_calls": 2, "tool_calls": 2, "tool_errors": 1, "input_tokens": 2350,
        "output_tokens": 135, "trial": 0, "run": "old", "domain": "retail",
    }  # fmt: skip
    assert {name: end.get(name) for name in expected} == expected
    assert end.get("cost_usd") == pytest.approx(0.033)
    assert end.get("agent_cost_usd") == pytest.approx(0.03)
    assert events[0].get("recorded_from") == "old.json"
    assert events[1].time == "2025-06-11 10:00:00.000"


def test_times_that_are_the_same_for_all_simulations_are_placeholders(tmp_path: Path) -> None:
    """A program that had no times puts some in: no length, wall time or concurrency comes of them."""
    untimed = [{**message("assistant", 1.0), "timestamp": None}, {**replied("user", 2.5, 100, 20, 0.001), "timestamp": None}]
    alike = [simulation(str(number), untimed, end_time=f"{DAY}20.000000") for number in range(3)]
    ends = [event for event in events_of(tmp_path / "three", written(tmp_path / "three.json", file(alike))) if event.type == "task_end"]
    assert [event.get("duration_ms") for event in ends] == [None] * 3
    log, missing = load_results([tmp_path / "three.json"])
    assert any(sentence.startswith("3 simulations whose length is not known") for sentence in missing.sentences())
    assert totals_of(log).shown["wall time"] == "unknown"
    assert log.attempts.empty
    two = events_of(tmp_path / "two", written(tmp_path / "two.json", file(alike[:2])))
    assert [event.get("duration_ms") for event in two if event.type == "task_end"] == [20000.0] * 2


def test_that_tasks_may_be_mixed_up_is_among_the_doubts(tmp_path: Path) -> None:
    check = {"action": {"action_id": "of another task", "name": "pay", "arguments": {}}, "action_match": True}
    mixed = {**V01, "reward_info": {"reward": 1.0, "action_checks": [check]}}
    log, _ = load_results([written(tmp_path / "mixed.json", file([mixed]))])
    assert [doubt.split(" ", 1)[0] for doubt in log.doubts] == ["1"]
    first, *_ = "\n".join(answer(log, ReportOptions(), 80)).split("\n\n")
    assert "Note: 1 simulations were checked against reference actions of another task" in first
    assert load_results([written(tmp_path / "fine.json", file([V01]))])[0].doubts == []


def test_why_a_simulation_failed_is_said_without_the_deep_analysis_too(tmp_path: Path) -> None:
    """The reference actions are in the file that the log was made of."""
    wanted = {"action_id": "0_0", "name": "refund", "arguments": {"order": "#1"}}
    tasks = [{"id": "0", "evaluation_criteria": {"actions": [wanted]}}]
    lost = {**V01, "reward_info": {"reward": 0.0, "reward_breakdown": {"DB": 0.0}}}
    log, _ = load_results([written(tmp_path / "lost.json", file([lost], tasks))])
    assert any("action not attempted 1: retail 0" in line for line in answer(log, ReportOptions(), 80))


def test_a_task_that_failed_in_several_trials_is_named_with_their_number(tmp_path: Path) -> None:
    lost = {**V01, "reward_info": {"reward": 0.0}}
    tries = [{**lost, "trial": 0, "id": "a"}, {**lost, "trial": 1, "id": "b"}, {**lost, "task_id": "4"}]
    log, _ = load_results([written(tmp_path / "lost.json", file(tries))])
    assert any("retail 0 (trials 0, 1), 4" in line for line in answer(log, ReportOptions(), 80))


def test_generation_times_are_taken_where_they_are(tmp_path: Path) -> None:
    """v1: a call ends when its message is there and took what the file says; trials and seeds are the file's."""
    folder = tmp_path / "my_run"
    written(folder / "simulations" / "a.json", V1)
    events = events_of(tmp_path / "out", written(folder / "results.json", {**file([]), "tasks": [{"id": "0"}]}))
    models = [(event.type, event.get("start_ms"), event.get("duration_ms")) for event in events if event.get("timing") == "measured"]
    assert models == [("user_sim", 1250.0, 1250.0), ("llm_call", 3000.0, 3500.0), ("user_sim", 7000.0, 2000.0)]
    (start,) = [event for event in events if event.type == "task_start"]
    (end,) = [event for event in events if event.type == "task_end"]
    assert (start.get("trial"), start.get("seed"), start.get("run"), end.get("stop_token")) == (3, 7, "my_run", "transfer")


def test_what_is_not_in_a_file_is_said_and_stays_absent(tmp_path: Path) -> None:
    """No usage, no price, no time, no messages: each is counted, none becomes a 0."""
    bare = simulation("1", [message("assistant", 1.0), message("user", None, content="hi"), replied("assistant", 4.0, 10, 1, 0.0)])
    silent = simulation("2", None, agent_cost=0.5, user_cost=0.25)
    path = written(tmp_path / "r.json", file([V01, bare, silent]))
    log, missing = load_results([path])
    said = " | ".join(missing.sentences())
    for sentence in (
        "5 model calls have no time of their own",
        "1 messages without a time",
        "1 model calls without token",
        "2 model calls without a known",
        "1 simulations without messages",
        "time to first token",
    ):
        assert sentence in said
    table = log.simulations.set_index("task")
    assert table.loc["1", "cost_usd"] != table.loc["1", "cost_usd"]
    assert table.loc["2", "cost_usd"] == 0.75
    assert table.loc["2", "llm_ms"] != table.loc["2", "llm_ms"]
    assert table.loc["0", "cost_usd"] == pytest.approx(0.033)
    untimed = log.events[(log.events["type"] == "user_sim") & (log.events["task"] == "1")]
    assert untimed["duration_ms"].isna().all()
    assert log.files == [str(path)]


def test_what_stood_there_before_the_simulation_is_no_call_of_it(tmp_path: Path) -> None:
    """A task may begin in the middle of a talk."""
    history = [message("user", None), replied("assistant", None, 9, 9, 9.0, tool_calls=[call(0, "old")]), result(0, 0.0)]
    task = {"id": "0", "initial_state": {"message_history": history}}
    told = simulation("0", [*history, replied("user", 2.0, 10, 1, 0.1), replied("assistant", 3.0, 20, 2, 0.2)])
    log, _ = load_results([written(tmp_path / "r.json", file([told], [task]))])
    assert log.calls["type"].tolist() == ["user_sim", "llm_call"]
    assert log.simulations["cost_usd"].tolist() == [pytest.approx(0.3)]


def test_several_files_are_several_runs_and_are_all_read(tmp_path: Path) -> None:
    """Named as the deep analysis names them."""
    paths = [written(tmp_path / f"{name}.json", file([V01], agent=name)) for name in ("one", "two")]
    log, _ = load_results(paths)
    assert log.simulations["run"].tolist() == ["one", "two"]
    assert load_results(paths, "two")[0].simulations["run"].tolist() == ["two"]


def test_a_report_says_what_it_was_made_from(tmp_path: Path) -> None:
    """Read directly or through a log that was made of it; a run's own log says nothing of the kind."""
    path = written(tmp_path / "old.json", file([V01]))
    (made,), _ = write_log([path], tmp_path / "out")
    for log in (load_results([path])[0], load_log(made)):
        assert recorded_note(log).startswith("Made from old.json, recorded without a log; of 4 of 4 model calls it holds no length")
        assert recorded_note(log) in log._repr_html_()
    own = tmp_path / "tau2_retail.log"
    own.write_text("".join(f"{line}\n" for line in pooled(3, 2).lines))
    assert recorded_note(load_log(own)) == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a results file"),
        ('{"tasks": [], "info": 3, "simulations": []}', "is not a results file"),
        (json.dumps(file([{**V01, "duration": "long"}])), "cannot be read|can be read"),
        (json.dumps(file([{**V01, "messages": [3]}])), "can be read"),
    ],
)
def test_a_file_that_is_none_is_bad_input(content: str, reason: str, tmp_path: Path) -> None:
    """One sentence, whatever is wrong with it."""
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(UserError, match=reason):
        load_results([path])


def test_a_trimmed_file_tells_errors_by_their_text(tmp_path: Path) -> None:
    """Some published files keep neither times nor `error`: tau2's words stand for it, in log and deep analysis, and it is said."""
    answers = [{"id": f"c{n}", "role": "tool", "content": text} for n, text in enumerate(("Error: no such order", "Errors: none"))]
    asked = {"role": "assistant", "content": "", "tool_calls": [call(0, "look"), call(1, "look")]}
    path = written(
        tmp_path / "r.json", file([simulation("0", [message("assistant", None), {"role": "user", "content": "hi"}, asked, *answers])])
    )
    log, missing = load_results([path])
    assert log.calls[log.calls["type"] == "tool_call"]["error"].tolist() == [True, False]
    assert LogAnalyzer(path).recorded.calls["error"].tolist() == [True, False]
    assert any(sentence.startswith("2 tool results that do not say") for sentence in missing.sentences())
    check_log(figures(json.loads(path.read_text())), log)


def test_simulations_that_name_another_task_are_noticed(tmp_path: Path) -> None:
    """A simulation was checked against reference actions: where these are not those of its task, no figure by task can be trusted."""
    tasks = [
        {"id": name, "evaluation_criteria": {"actions": [{"action_id": f"{name}_0", "name": "pay", "arguments": {}}]}} for name in "01"
    ]
    checks = [{"action": {"action_id": "1_0"}, "action_match": True}]
    told = [simulation(name, V01["messages"], reward_info={"reward": 1.0, "action_checks": checks}) for name in "01"]
    _, missing = load_results([written(tmp_path / "r.json", file(told, tasks))])
    assert any(
        sentence.startswith("1 simulations were checked against reference actions of another task") for sentence in missing.sentences()
    )
    del told[1]["task_id"]
    with pytest.raises(UserError, match="does not say which task"):
        load_results([written(tmp_path / "r.json", file(told, tasks))])


def tick(second: float, **more: Any) -> dict[str, Any]:
    """A tick of a voice run."""
    quiet = {"agent_tool_calls": [], "agent_tool_results": [], "user_tool_calls": [], "user_tool_results": []}
    return {"tick_id": 0, "timestamp": f"{DAY}{second:09.6f}", "agent_chunk": {"role": "assistant", "content": "a word"}, **quiet, **more}


def test_of_a_voice_run_the_tool_calls_are_read(tmp_path: Path) -> None:
    """Both sides' calls and errors, without durations or model calls; trimmed ticks are told from a run that called nothing."""
    ticks = [
        tick(1.0),
        tick(2.0, agent_tool_calls=[call(1, "look")], agent_tool_results=[result(1, 2.1)]),
        tick(3.0, user_tool_calls=[call(2, "restart", "user")], user_tool_results=[result(2, 3.1, error=True, requestor="user")]),
    ]
    trimmed = {"tick_id": 0, "timestamp": f"{DAY}01.000000", "agent_chunk": {"role": "assistant"}}
    told = [
        simulation("0", None, ticks=ticks, agent_cost=0.5, user_cost=0.25),
        simulation("1", [], ticks=[tick(1.0)]),
        simulation("2", [], ticks=[trimmed]),
    ]
    tasks = [{"id": name, "evaluation_criteria": {"actions": [{"action_id": "a", "name": "look", "arguments": {}}]}} for name in "012"]
    path = written(tmp_path / "voice.json", file(told, tasks))
    log, missing = load_results([path])
    assert log.calls["type"].tolist() == ["tool_call", "tool_call"]
    assert log.calls["function"].tolist() == ["look", "restart"]
    assert log.calls["requestor"].tolist() == ["assistant", "user"]
    assert log.calls["error"].tolist() == [False, True]
    assert "duration_ms" not in log.calls
    assert log.simulations.set_index("task")["tool_calls"].fillna(-1).tolist() == [2, 0, -1]
    assert cost_summary(log)["total_usd"] is None  # not 0: two of them do not say
    said = " | ".join(missing.sentences())
    assert "2 voice simulations" in said
    assert "1 simulations without messages, or ticks" in said
    recorded = LogAnalyzer(path).recorded
    assert recorded.calls["error"].tolist() == [False, True]
    assert len(recorded.replies) == 0
    assert recorded.calls["seen"].isna().all()
    (recall,) = [table.frame for table in LogAnalyzer(path).tables if table.kind.key == "recall"]
    assert (recall["made"].sum(), recall["actions"].sum()) == (1, 2)
    costs = cost_summary(load_results([written(tmp_path / "one.json", file(told[:1], tasks))])[0])
    assert (costs["total_usd"], costs["agent_usd"], costs["benchmark_usd"]) == (0.75, 0.5, 0.25)


def test_cached_tokens_are_read_from_the_reply_that_tau2_kept(tmp_path: Path) -> None:
    """v1 notes prompt and completion tokens alone; the provider's own usage stands in raw_data. What-if prices rest on it."""
    raw = {"usage": {"prompt_tokens_details": {"cached_tokens": 900}, "completion_tokens_details": {"reasoning_tokens": 5}}}
    asked = replied("assistant", 2.0, 1000, 10, 0.5, raw_data=raw, tool_calls=[call(1, "look_up")])
    messages = [message("user", 1.0), asked, result(1, 2.5), replied("assistant", 3.0, 1000, 10, 0.5)]
    data = file([simulation("1", messages)], [{"id": "1"}])
    path = written(tmp_path / "r.json", data)
    log = load_results([path])[0]
    check_log(figures(data), log)
    assert log.calls.set_index("type").loc["llm_call", "reasoning_tokens"].fillna(0).tolist() == [5, 0]
    fresh, cached, output = 2.0 * 1100 / 1e6, 0.5 * 900 / 1e6, 8.0 * 20 / 1e6
    assert log.priced_as(["gpt-4.1"])["agent_usd"].tolist() == [pytest.approx(fresh + cached + output)]


def test_simulations_at_once_have_workers_of_their_own(tmp_path: Path) -> None:
    """Nobody recorded who ran what: as many workers as were busy at once, so that the run's end is not laid at one of them."""
    begun = ((0, 20.0), (5, 20.0), (21, 10.0))
    told = [
        simulation(str(n), V01["messages"], start_time=f"{DAY}{second:02}.000000", duration=length)
        for n, (second, length) in enumerate(begun)
    ]
    log, _ = load_results([written(tmp_path / "r.json", file(told))])
    assert workers(log).sort_values("task")["thread"].tolist() == [1, 2, 1]
    assert idle_tail(log)["workers"] == 2
