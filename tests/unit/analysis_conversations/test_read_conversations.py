"""Conversations from whatever was recorded: what each source shows, and what it says is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.conversations.conversation import Conversation
from tau2_logging.analysis.conversations.read_conversations import ConversationReader
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.recordings import load_results
from tau2_logging.analysis.reports.html.conversation_blocks import conversation_data
from tau2_logging.analysis.reports.show import show
from tau2_logging.analysis.reports.text.answer import answer
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.errors import UserError
from tests.support import recordings
from tests.support.report_samples import Sample, write
from tests.unit.analysis_recordings.test_inspect_eval import archived, header, sample

REFUSED = "Error: order #1 is unknown"


def asks(number: int) -> dict[str, Any]:
    return {"content": None, "tool_calls": [{"id": f"c{number}", "function": {"name": "cancel", "arguments": '{"order": "#1"}'}}]}


STEPS: tuple[tuple[str, Any], ...] = (
    ("user_sim", {"content": "Cancel #2, please."}), ("llm_call", asks(0)), ("tool_call", REFUSED), ("llm_call", asks(1)),
    ("tool_call", "ok"), ("llm_call", {"content": "Done."}),
)  # fmt: skip
"""The user asks, a call fails, is made again and succeeds, the agent says that it is done."""


def written_log(folder: Path, debug: bool = False) -> Path:
    log = Sample()
    log.event("task_start", "7", 0.0, start_ms=0.0)
    for step, (kind, reply) in enumerate(STEPS):
        about: dict[str, Any] = {"step": step, "span": f"c{step}"}
        tool = {"function": "cancel", "requestor": "assistant", "error": reply == REFUSED}
        more = tool if kind == "tool_call" else {"input_tokens": 50 + step, "output_tokens": step, "cost_usd": 0.25}
        end = log.timed(kind, "7", 100.0 * step + 10, 40.0, **about, **more)
        if debug and kind == "tool_call":
            log.event("tool_payload", "7", end, **about, function="cancel", arguments='{"order": "#1"}', result=reply)
        elif debug:
            prompt = [{"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "Hi!"}, {"role": "user", **STEPS[0][1]}]
            log.event("llm_payload", "7", end, **about, model="m", messages=json.dumps(prompt), reply=json.dumps(reply))
    log.timed("task_end", "7", 0.0, 700.0, status="ok", reward=0.0, termination="user_stop")
    return write(folder / "tau2_retail.log", [log])


def results_data() -> dict[str, Any]:
    """The same simulation as tau2 keeps it; the reference cancels order #2 and must say why."""
    calls = [recordings.call("cancel", error=REFUSED, order="#1"), recordings.call("cancel", order="#1")]
    checks = [{"info": "why", "met": False, "justification": "not said"}]
    told = recordings.simulation("7", 0, calls, 0.0, parts={"DB": 0.0, "COMMUNICATE": 0.0}, communicate_checks=checks)
    return recordings.results([recordings.task("7", recordings.action("cancel", order="#2"))], [told], policy="Be kind.")


def run_folder(folder: Path) -> Path:
    place = folder / "runs" / Sample.run
    place.mkdir(parents=True)
    (place / "run.json").write_text("{}", encoding="utf-8")
    recordings.write(place / "results_retail.json", results_data())
    return written_log(folder)


def only(reading: ConversationReader) -> Conversation:
    [found] = reading.conversations()
    return found


def test_a_log_with_its_run_folder_has_words_clock_reference_reward_and_cause(tmp_path: Path) -> None:
    """The cause points at the turn of the nearest call; the second of two equal calls is marked as repeated."""
    found = only(ConversationReader(load_log(run_folder(tmp_path))))
    assert [turn.who for turn in found.turns] == ["user", "assistant", "assistant", "assistant"]
    assert [(turn.at_ms, turn.ms, turn.tokens_in, turn.usd) for turn in found.turns[:2]] == [
        (10.0, 40.0, 50, 0.25),
        (110.0, 40.0, 51, 0.25),
    ]
    calls = [use for turn in found.turns for use in turn.calls]
    made = [(use.error, use.times, use.ms, use.result) for use in calls]
    assert made == [(True, 1, 40.0, REFUSED), (False, 2, 40.0, "ok")]
    [action] = found.reference
    assert (action["outcome"], action["differing"], action["turn"]) == ("other arguments", 'order: wanted "#2", given "#1"', 2)
    assert found.cause == {"cause": "wrong arguments", "evidence": 'cancel: order: wanted "#2", given "#1"', "turn": 2}
    reasons = {part["part"]: part["reasons"] for part in found.parts}
    assert reasons["COMMUNICATE"] == [{"text": "why", "met": False, "why": "not said"}]
    assert found.policy == "Be kind."
    assert found.missing == ["What changed in the database was not recorded: run with --events."]


def test_a_debug_log_alone_has_words_and_clock_and_names_what_it_lacks(tmp_path: Path) -> None:
    found = only(ConversationReader(load_log(written_log(tmp_path, debug=True))))
    assert [turn.text for turn in found.turns] == ["Hi!", "Cancel #2, please.", "", "", "Done."]
    assert [use.result for turn in found.turns for use in turn.calls] == [REFUSED, "ok"]
    assert [turn.ms for turn in found.turns] == [None, 40.0, 40.0, 40.0, 40.0]
    assert (found.policy, found.task) == ("Be kind.", None)
    assert found.missing[:2] == [
        "The DEBUG log does not hold the task and its reference actions.", "The DEBUG log does not hold the parts of the reward."
    ]  # fmt: skip


def test_results_alone_have_the_clock_of_their_messages(tmp_path: Path) -> None:
    path = recordings.write(tmp_path / "results.json", results_data())
    found = only(ConversationReader(load_results([path])[0]))
    assert [turn.text for turn in found.turns] == ["Hello.", "", "", "Done."]
    assert all(turn.at_ms is not None for turn in found.turns)
    assert found.cause is not None


def test_credentials_in_a_file_that_was_written_without_masking_are_masked(tmp_path: Path) -> None:
    """In every part of the page: texts, arguments, results, the task, the reward's reasons, the policy."""
    keys = [f"sk-proj-{letter * 40}" for letter in "abcdefg"]
    data = results_data()
    [simulation], [task] = data["simulations"], data["tasks"]
    simulation["messages"][0]["content"] = f"my key is {keys[0]}"
    simulation["messages"][1]["tool_calls"][0]["arguments"]["note"] = keys[1]
    simulation["messages"][2]["content"] = f"Error: {keys[2]}"
    simulation["reward_info"]["communicate_checks"][0]["justification"] = keys[3]
    task["evaluation_criteria"]["actions"][0]["arguments"]["note"] = keys[4]
    task["user_scenario"] = {"instructions": keys[5]}
    data["info"]["environment_info"]["policy"] = f"Never tell {keys[6]}."
    log, _ = load_results([recordings.write(tmp_path / "results.json", data)])
    shown = repr(only(ConversationReader(log)))
    assert [key for key in keys if key in shown] == []
    assert shown.count("***") >= len(keys) - 1  # the scenario may be told in another form
    assert keys[0] in (tmp_path / "results.json").read_text()


def test_a_page_says_what_the_deep_analysis_says_though_less_is_read_for_it(tmp_path: Path) -> None:
    """Causes, faults and conversations of solved simulations, failed ones, and ones that were not scored, of one task and of several."""
    tasks = [recordings.task(name, recordings.action("cancel", order="#2"), recordings.action("refund", to="card")) for name in "789"]
    calls = [
        recordings.call("cancel", error=REFUSED, order="#1"),
        recordings.call("cancel", order="#2"),
        recordings.call("refund", to="card"),
    ]
    cut = [
        (task, trial, calls[trial % 3 : 1 + trial // 2], reward)
        for task in "789"
        for trial, reward in enumerate((1.0, 0.0, 0.0, None, 1.0))
    ]
    cut.append(("10", 0, calls, 0.0))
    data = recordings.results(tasks, [recordings.simulation(*one) for one in cut], policy="Be kind.")
    log, _ = load_results([recordings.write(tmp_path / "results.json", data)])
    lean, whole = ConversationReader(log), ConversationReader(log, LogAnalyzer.of_log(log))
    assert list(lean.conversations()) == list(whole.conversations())
    assert (lean.causes(), lean.faults()) == (whole.causes(), whole.faults())
    assert len(set(lean.causes().values())) > 1


def test_messages_without_any_time_are_read(tmp_path: Path) -> None:
    data = results_data()
    for message in data["simulations"][0]["messages"]:
        message["timestamp"] = None
    found = only(ConversationReader(load_results([recordings.write(tmp_path / "results.json", data)])[0]))
    assert [turn.at_ms for turn in found.turns] == [None] * 4


def test_an_eval_log_has_what_was_called_and_no_reference(tmp_path: Path) -> None:
    members = {"header.json": header(), "samples/7_epoch_1.json": sample("7", 1, "I")}
    found = only(ConversationReader(load_results([archived(tmp_path / "a.eval", members, False)])[0]))
    assert [(turn.who, turn.text) for turn in found.turns] == [("user", "x"), ("assistant", "x")]
    assert [use.tool for use in found.turns[1].calls] == ["f", "unknown"]
    assert found.missing[0] == "The a.eval does not hold the task and its reference actions."


@pytest.mark.parametrize("damaged", ["{", '{"tasks": [3], "info": {}}'])
def test_a_damaged_results_file_costs_the_conversation_and_not_the_report(damaged: str, tmp_path: Path) -> None:
    path = run_folder(tmp_path)
    (path.parent / "runs" / Sample.run / "results_retail.json").write_text(damaged, encoding="utf-8")
    log = load_log(path)
    data, blocks = conversation_data(log, timeline_of(log), ReportOptions())
    assert data["note"].startswith("Conversations could not be read: ")
    assert blocks == []


def test_a_profile_log_alone_has_no_conversation(tmp_path: Path) -> None:
    assert list(ConversationReader(load_log(written_log(tmp_path))).conversations()) == []


def test_show_prints_within_80_columns_and_never_a_character_that_a_terminal_obeys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_folder(tmp_path)
    file = path.parent / "runs" / Sample.run / "results_retail.json"
    file.write_text(file.read_text(encoding="utf-8").replace("Hello.", "\\u001b[31mHello." + " word" * 60), encoding="utf-8")
    show(load_log(path), ["7"])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "\x1b" not in printed
    for words in (
        "Not solved", "Likely cause: wrong arguments (turn 3)", "Whose fault, by rules: agent (turn 3)", "FAILED", "repeated x2",
        "other arguments: cancel (turn 3)", "\n\nReward\n", "\n\nPolicy: 2 words, in report.html\n",
    ):  # fmt: skip
        assert words in printed
    assert [line for line in printed.splitlines() if line != line.rstrip()] == []
    with pytest.raises(UserError, match="no simulation 'nope'"):
        show(load_log(path), ["nope"])


def test_the_first_screen_counts_the_logs_own_failures_and_says_what_would_tell_their_causes(tmp_path: Path) -> None:
    """Results of another run that are named with the log are not counted with it; beside the log its own results need no name."""
    (tmp_path / "alone").mkdir()
    alone = load_log(written_log(tmp_path / "alone"))
    other = recordings.write(tmp_path / "another.json", results_data())
    for deep in (None, LogAnalyzer.of_log(alone, [other])):
        lines = answer(alone, ReportOptions(deep=deep), 80)
        assert [line for line in lines if "retail 7" in line] == ["  unknown 1: retail 7"]
        assert "Name the results file" in " ".join(lines)
    lines = answer(load_log(run_folder(tmp_path)), ReportOptions(), 80)
    assert [line for line in lines if "retail 7" in line] == ["  wrong arguments 1: retail 7"]
    assert "Name the results file" not in " ".join(lines)
