"""Voice simulations of tau2 v1: figures by their ticks, in audio time; what the ticks do not hold is unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tau2_logging.analysis.conversations.read_conversations import ConversationReader
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.measures.costs.cost_tables import cost_summary
from tau2_logging.analysis.recordings import load_results
from tau2_logging.analysis.reports.html.content import report_data
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.reports.text.answer import answer
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tau2_logging.analysis.run_log import RunLog
from tests.support.recordings import BEGAN, messages, results, task, write
from tests.support.recordings import simulation as text_simulation
from tests.support.voice_recordings import AGENT, TICK_S, USER, WALL_S, counted, lanes_of, moment_of, say, simulation, ticks

TICK_MS = TICK_S * 1000


def read(folder: Path, *simulations: dict[str, Any], **info: Any) -> RunLog:
    """The log of a results file with these simulations of task 1."""
    data = results([task("1")], [{**one, "trial": trial} for trial, one in enumerate(simulations)])
    return load_results([write(folder / "voice.json", {**data, "info": {**data["info"], **info}})])[0]


def by_what(table: Any) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in table.to_dict("records")}


def test_turn_taking_is_that_of_the_ticks(tmp_path: Path) -> None:
    """Counted by hand: who answered whom after how long, who yielded, who interrupted; backchannels and coughs interrupt nobody."""
    said = by_what(read(tmp_path, simulation(ticks(AGENT, USER))).voice_turn_taking())
    assert [said["agent answers"][name] for name in ("n", "of", "mean_audio_ms", "max_audio_ms")] == [4, 5, 750.0, 1000.0]
    assert [said["agent yields"][name] for name in ("n", "of", "mean_audio_ms")] == [1, 2, 1000.0]
    assert [said["user yields"][name] for name in ("n", "of", "mean_audio_ms")] == [1, 1, 1500.0]
    assert [said["agent interrupts"][name] for name in ("n", "of")] == [1, 5]
    assert [said["user interrupts"][name] for name in ("n", "of")] == [2, 5]
    assert [said[what]["n"] for what in ("user's backchannels", "user's noises")] == [1, 1]


def test_speaking_time_adds_up_to_the_conversation(tmp_path: Path) -> None:
    """Agent, user and silence less what both said at once: the last tick, in which tau2's user says that it is over, is no part of it."""
    rows = by_what(read(tmp_path, simulation(ticks(AGENT, USER))).voice_speaking_time())
    assert {what: row["audio_ms"] for what, row in rows.items()} == {
        "agent": 12000.0, "user": 8500.0, "both at once": 3500.0, "silence": 5000.0, "all": 22000.0,
    }  # fmt: skip
    assert [rows[side]["stretches"] for side in ("agent", "user")] == [5, 8]
    assert rows["agent"]["share"] == pytest.approx(12 / 22)


LANES = [
    ("A", "."), (".", "U"), ("AAAA", "UUUU"), (".A.A.A", "U.U.U."), ("AAAA....AA", ".U..UU...."), ("..AA..", "UUU.UU"),
    ("AAAAAAAAAA..", "..nU....v..U"), (AGENT * 3, USER * 3),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "user"), LANES)
def test_figures_equal_an_independent_count(agent: str, user: str, tmp_path: Path) -> None:
    """Of the letters of the lanes by patterns."""
    rows = ticks(agent, user)
    wanted = counted(*lanes_of(rows), TICK_MS)
    log = read(tmp_path, simulation(rows))
    (found,) = log.voice_simulations().to_dict("records")
    times = {name: found[f"audio_{name}"] for name in ("agent_ms", "user_ms", "silence_ms")}
    assert times == {name: wanted[name] for name in times}
    assert (found["audio_ms"], found["audio_overlap_ms"]) == (wanted["audio_ms"], wanted["both_ms"])
    names = ("owed", "agent_interrupts", "user_interrupts")
    assert [found[name] for name in names] == [wanted[name] for name in names]
    assert found["answered"] == len(wanted["answers"])
    said = by_what(log.voice_turn_taking())
    if said:
        yields = said["agent yields"]
        assert (yields["n"], yields["of"]) == (len(wanted["yields"]), wanted["user_interrupts"])
        if wanted["yields"]:
            assert yields["mean_audio_ms"] == pytest.approx(sum(wanted["yields"]) / len(wanted["yields"]))
    if wanted["answers"]:
        assert found["mean_audio_response_ms"] == pytest.approx(sum(wanted["answers"]) / len(wanted["answers"]))


def test_tool_calls_have_the_audio_time_of_their_ticks(tmp_path: Path) -> None:
    """From the call's tick to the end of its result's, and until the agent speaks; a call made while it speaks has no such wait."""
    rows = ticks(AGENT, USER)
    for at, name, until in ((11, "look", 11), (14, "pay", 15), (23, "restart", 23)):
        side = "user" if name == "restart" else "agent"
        rows[at][f"{side}_tool_calls"] = [{"id": name, "name": name, "arguments": {}, "requestor": side}]
        rows[until][f"{side}_tool_results"] = [{"id": name, "role": "tool", "content": "x", "error": name == "pay", "requestor": side}]
    log = read(tmp_path, simulation(rows))
    calls = log.calls.set_index("function")
    assert calls["audio_start_ms"].to_dict() == {"look": 5500.0, "pay": 7000.0, "restart": 11500.0}
    assert calls["audio_ms"].to_dict() == {"look": 500.0, "pay": 1000.0, "restart": 500.0}
    assert calls["audio_response_ms"].fillna(-1).to_dict() == {"look": 1000.0, "pay": -1.0, "restart": -1.0}
    assert calls["error"].to_dict() == {"look": False, "pay": True, "restart": False}
    assert "duration_ms" not in log.calls  # its length in wall time is not recorded
    assert log.voice_tools()[["function", "n", "errors", "followed"]].values.tolist() == [
        ["look", 1, 0, 1], ["pay", 1, 1, 0], ["restart", 1, 0, 0],
    ]  # fmt: skip


def test_what_is_behind_the_speech_is_wall_time(tmp_path: Path) -> None:
    """Generation, synthesis and decisions as the ticks tell them, with their price; synthesis has none, and its sum is unknown."""
    rows = ticks(AGENT, USER)
    taken = {"action": "generate_message", "llm_generation_seconds": 1.5, "tts_synthesis_seconds": 0.25}
    rows[0]["user_chunk"].update(turn_taking_action=taken, usage={"prompt_tokens": 100, "completion_tokens": 9}, cost=0.01)
    rows[18]["user_chunk"].update(turn_taking_action={**taken, "llm_generation_seconds": 2.5}, usage={"prompt_tokens": 200}, cost=0.03)
    checked = {"interrupt_check_seconds": 0.5, "interrupt_check_cost": 0.002, "interrupt_check_usage": {"prompt_tokens": 50}}
    rows[6]["user_chunk"]["turn_taking_action"].update(checked)
    log = read(tmp_path, simulation(rows), user_info={"implementation": "voice_streaming_user_simulator", "llm": "gpt-4.1"})
    work = {row["work"]: row for row in log.voice_work().to_dict("records")}
    assert {name: (row["n"], row["total_ms"]) for name, row in work.items()} == {
        "generation": (2, 4000.0), "synthesis": (2, 500.0), "interrupt_check": (1, 500.0),
    }  # fmt: skip
    assert [work[name]["cost_usd"] for name in ("generation", "interrupt_check")] == [pytest.approx(0.04), pytest.approx(0.002)]
    assert pd.isna(work["synthesis"]["cost_usd"])
    assert work["synthesis"]["unknown_calls"] == 2
    assert work["generation"]["model"] == "gpt-4.1"
    starts = log.select(["start_ms"], types=["speech_work"])["start_ms"].unique().tolist()
    assert starts == [(moment_of(tick) - BEGAN).total_seconds() * 1000 for tick in (0, 6, 18)]


def test_cost_a_minute_is_that_of_audio_time(tmp_path: Path) -> None:
    """By what tau2 knows of the price of a session: one without a price is in neither part of the quotient, and makes the run's unknown."""
    ledger = {
        "records": [
            {"component": "stt", "provider": "deepgram", "model": "nova-3", "audio_input_seconds": 22.0},
            {"component": "tts", "provider": "openai", "model": "tts-1", "characters": 400},
        ],
        "cost": 0.25,
        "cost_breakdown": {"stt:deepgram/nova-3": 0.05},
    }
    rows = ticks(AGENT, USER)
    log = read(
        tmp_path, simulation(rows, agent_cost=0.22, user_cost=0.11, agent_usage=ledger), simulation(rows, agent_cost=None, user_cost=0.0)
    )
    costs = {row["side"]: row for row in log.voice_cost().to_dict("records")}
    assert [(costs[side]["priced"], costs[side]["simulations"]) for side in ("agent", "user")] == [(1, 2), (1, 2)]
    assert costs["agent"]["per_minute_usd"] == pytest.approx(0.22 / 22 * 60)
    assert costs["user"]["per_minute_usd"] == pytest.approx(0.11 / 22 * 60)
    assert cost_summary(log)["total_usd"] is None
    used = {row["component"]: row for row in log.voice_usage().to_dict("records")}
    assert (used["stt"]["audio_sent_ms"], used["stt"]["cost_usd"]) == (22000.0, pytest.approx(0.05))
    assert used["tts"]["characters"] == 400
    assert pd.isna(used["tts"]["cost_usd"])
    assert pd.isna(used["tts"]["input_tokens"])


def test_audio_time_and_wall_time_are_apart(tmp_path: Path) -> None:
    """44 ticks of half a second are 22 s of audio time, however long tau2 took to make them."""
    log = read(tmp_path, simulation(ticks(AGENT, USER)))
    (row,) = log.voice_simulations().to_dict("records")
    assert (row["audio_ms"], row["wall_ms"]) == (22000.0, 50000.0)
    assert row["wall_per_audio"] == pytest.approx(50 / 22)
    (summary,) = log.select(types=["speech_summary"]).to_dict("records")
    assert summary["ticks_wall_ms"] == pytest.approx(len(AGENT) * WALL_S * 1000)


@pytest.mark.parametrize(
    ("broken", "known"),
    [
        ({"tick_duration_seconds": None}, False),
        ({"tick_duration_seconds": 0.25}, False),
        ({"agent_chunk": {"role": "assistant"}}, False),
        ({"tick_id": 99}, False),
        ({"agent_chunk": None}, True),
    ],
)
def test_ticks_that_do_not_say_who_speaks_when_give_no_figure(broken: dict[str, Any], known: bool, tmp_path: Path) -> None:
    """Not 0: no length, a length that is not that of the others, no word on speech, a tick that was taken out. A side without a chunk is
    silent."""
    rows = ticks(AGENT, USER)
    changed = rows if broken == {"tick_duration_seconds": None} else rows[7:8]
    for row in changed:
        row.update(broken)
    path = write(tmp_path / "v.json", results([task("1")], [simulation(rows)]))
    log, missing = load_results([path])
    assert (len(log.voice_turn_taking()) > 0) is known
    assert (len(log.voice_speaking_time()) > 0) is known
    assert any("nothing is known of their turn taking" in sentence for sentence in missing.sentences()) is not known
    (row,) = log.voice_simulations().to_dict("records")
    assert [pd.notna(row[name]) for name in ("audio_ms", "owed")] == [known, known]


def test_the_runs_settings_give_the_length_of_ticks_that_have_none(tmp_path: Path) -> None:
    rows = [{**row, "tick_duration_seconds": None} for row in ticks(AGENT, USER)]
    log = read(tmp_path, simulation(rows), audio_native_config={"tick_duration_seconds": 0.2})
    assert log.voice_simulations()["audio_ms"].tolist() == [pytest.approx(44 * 200.0)]


def test_the_first_answer_has_a_line_on_speech(tmp_path: Path) -> None:
    """In audio time, with denominators; the tables say on which clock they are."""
    log = read(tmp_path, simulation(ticks(AGENT, USER), agent_cost=0.22, user_cost=0.11))
    said = " ".join(answer(log, ReportOptions(), 80))
    assert (
        "Voice, 22 s of audio time: agent answers 4 of 5 turns after 750 ms (mean), yields to 1 of 2 interruptions after 1 s (mean), "
        "interrupts 1 time · agent 54.5 %, user 38.6 %, both at once 15.9 %, silence 22.7 % · agent's cost a minute $0.60"
    ) in said
    titles = [section.title for section in all_sections(log, ReportOptions(), ["voice"])]
    assert titles == [
        "Voice: turn taking (audio time)",
        "Voice: who speaks (audio time)",
        "Voice: cost a minute (audio time)",
        "Voice: simulations",
    ]


def spoken_rows() -> list[dict[str, Any]]:
    """The lanes with words: a greeting, a turn that was understood otherwise, an answer in two utterances with a call in it, a stop."""
    rows = ticks(AGENT, USER)
    rows[0]["agent_chunk"]["content"] = "Hi!"
    say(rows, "user", 0, ["I am Ro", "ssi, ", "hello."], ["I am ", "Rosy ", "hello"])
    say(rows, "agent", 4, ["Wel", "come. "])
    say(rows, "agent", 6, ["Wait", ", ", "please", "."])
    rows[5]["agent_tool_calls"] = [{"id": "c", "name": "look", "arguments": {"name": "Rosy"}, "requestor": "assistant"}]
    rows[5]["agent_tool_results"] = [{"id": "c", "role": "tool", "content": "none", "error": False, "requestor": "assistant"}]
    say(rows, "user", len(rows) - 1, ["Bye. ###STOP###"])
    return rows


def test_the_transcript_has_audio_times_and_what_was_heard(tmp_path: Path) -> None:
    """Stretch by stretch, with the tool calls in their place; the greeting and the last word are texts, which last no audio time."""
    log = read(tmp_path, simulation(spoken_rows()))
    (talk,) = ConversationReader(log).conversations()
    told = [(turn.who, turn.text, turn.audio_at_ms, turn.audio_ms, turn.heard, [use.tool for use in turn.calls]) for turn in talk.turns]
    assert told == [
        ("user", "I am Rossi, hello.", 0.0, 1500.0, "I am Rosy hello", []),
        ("assistant", "Hi!", 0.0, None, None, []),
        ("assistant", "Welcome. Wait, please.", 2000.0, 3000.0, None, []),
        ("assistant", "", 2500.0, None, None, ["look"]),
        ("user", "Bye. ###STOP###", 22000.0, None, None, []),
    ]
    assert [turn.at_ms for turn in talk.turns] == [None] * 5  # wall time is not beside audio time
    assert not any("matched" in sentence for sentence in talk.missing)
    assert log.simulations["stop_token"].tolist() == ["stop"]


def test_the_deep_analysis_reads_the_transcript(tmp_path: Path) -> None:
    """Its calls, and the words that rules read."""
    recorded = LogAnalyzer.of_log(read(tmp_path, simulation(spoken_rows()))).recorded
    (said,) = recorded.conversations.values()
    assert [(message.role, message.text) for message in said.messages if message.text] == [
        ("user", "I am Rossi, hello."), ("assistant", "Hi!"), ("assistant", "Welcome. Wait, please."), ("tool", "none"),
        ("user", "Bye. ###STOP###"),
    ]  # fmt: skip
    assert recorded.calls["tool"].tolist() == ["look"]
    assert recorded.calls["seen"].isna().all()  # names are spelled in speech: where an argument came from is not said


def test_report_html_has_both_lanes(tmp_path: Path) -> None:
    """Speech and tool calls of each voice simulation, in audio time; nothing for a text simulation."""
    log = read(tmp_path, simulation(spoken_rows()), text_simulation("1", messages=messages(())))
    voice = report_data(log, ReportOptions())["voice"]
    (lanes,) = voice.values()
    assert lanes["audio"] == 22000.0
    assert [row[:4] for row in lanes["speech"][:2]] == [["user", "turn", 0.0, 1500.0], ["agent", "turn", 2000.0, 3000.0]]
    assert lanes["tools"] == [["look", 2500.0, 500.0, False, "assistant"]]
    assert sum(row[3] for row in lanes["speech"] if row[0] == "agent") == 12000.0


def test_a_text_run_says_nothing_of_speech(tmp_path: Path) -> None:
    log = read(tmp_path, text_simulation("1", messages=messages(())))
    assert list(all_sections(log, ReportOptions(), ["voice"])) == []
    assert not any("Voice" in line for line in answer(log, ReportOptions(), 80))
