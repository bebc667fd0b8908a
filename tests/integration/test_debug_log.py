"""A run at DEBUG: every prompt once, put together again as it was sent, in a log that grows with its conversations."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.conversations.read_conversations import ConversationReader
from tau2_logging.analysis.reports.show_prompts import show_prompts
from tau2_logging.cli import analyze_timing
from tau2_logging.errors import UserError
from tau2_logging.instrument.model_calls import model_call
from tests.support.command import in_process
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, of, prompts_of

DOMAINS = ("mock", "retail")


@dataclass
class Debug:
    """The run's files, and what each call was sent, by span, as its client had it."""

    files: RunFiles
    sent: dict[str, tuple[str, Any]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def debug(tmp_path_factory: pytest.TempPathFactory) -> Debug:
    """Some tasks of mock and retail."""
    found = Debug(RunFiles(tmp_path_factory.mktemp("debug")))
    written = model_call.prompt_fields

    def seen(simulation: Any, messages: Any, tools: Any, span: str) -> dict[str, object]:
        found.sent[span] = json.dumps(messages, ensure_ascii=False), json.loads(json.dumps(tools))
        return written(simulation, messages, tools, span)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_call, "prompt_fields", seen)
        assert run_quietly(scripted(found.files.log_dir, domains=DOMAINS, num_tasks=4, log_level="DEBUG"))[0] == 0
    return found


def test_every_prompt_of_a_run_is_put_together_as_it_was_sent(debug: Debug) -> None:
    """Of the agent, the user and the judge, with the tools that they were given; no message is twice in a domain's log."""
    left = dict(debug.sent)
    for domain in DOMAINS:
        events = debug.files.events(domain)
        prompts = prompts_of(events)
        for payload in of(events, "llm_payload"):
            messages, tools = left.pop(str(payload.get("span")))
            assert prompts.messages(payload.get("run"), payload.get("span")) == messages
            assert json.loads(prompts.tools(payload.get("run"), payload.get("span")) or "null") == (tools or None)
        names = [part.get("hash") for part in of(events, "prompt_part")]
        assert len(names) == len(set(names)) > 10
    assert not left


def test_the_command_prints_prompts_byte_for_byte(debug: Debug) -> None:
    """One line of JSON for each call of the simulation, in which the messages' own text occurs; without DEBUG it says what to do."""
    log = debug.files.log_dir / "tau2_retail.log"
    done = in_process(analyze_timing.main, str(log), "--prompts", "0", "retail:1:0")
    lines = done.stdout.splitlines()
    for line in lines:
        told = json.loads(line)
        assert f'"messages": {debug.sent[told["span"]][0]}, ' in line
        assert (told["call"], bool(told["tools"])) in (("agent", True), ("user", False))
        assert told["reply"]["role"] == "assistant"
    calls = of(debug.files.events("retail"), "llm_call", "user_sim")
    assert len(lines) == sum(call.task in ("0", "1") for call in calls)


def test_a_conversation_is_read_from_the_log_alone(debug: Debug) -> None:
    """Its system prompt is the one that the agent was sent, and its messages are those of the results."""
    log = load_log(debug.files.log_dir / "tau2_retail.log")
    reader = ConversationReader(log)
    recorded = {one.key: one for one in reader.conversations()}
    assert len(recorded) == 4
    alone = ConversationReader(log)
    alone.files.results, alone.files.checkpoints = [], []
    first = json.loads(next(text for text, tools in debug.sent.values() if tools and "retail" in text))
    for one in alone.conversations():
        assert one.source == "DEBUG log"
        assert one.policy == first[0]["content"]
        assert [turn.text for turn in one.turns] == [turn.text for turn in recorded[one.key].turns]


def test_the_log_is_at_most_two_and_a_half_times_its_results(debug: Debug) -> None:
    """Both files of the domain, each by itself; what was said is still found in the first as text, prompts are not in the second."""
    results = (debug.files.only_run() / "results_retail.json").stat().st_size
    for name in ("tau2_retail.log", "eval_retail.log"):
        assert (debug.files.log_dir / name).stat().st_size < 2.5 * results
    events, everything = ((debug.files.log_dir / f"{kind}_retail.log").read_text() for kind in ("tau2", "eval"))
    said = debug.files.results("retail")[0]["messages"][1]["content"]
    assert said in events
    assert "type=tool_payload" in everything
    assert "type=llm_payload" not in everything
    assert "type=prompt_part" not in everything


def test_of_the_log_of_everything_no_conversation_is_made_up(debug: Debug) -> None:
    """It has what tools returned, and not what was said."""
    alone = ConversationReader(load_log(debug.files.log_dir / "eval_retail.log"))
    alone.files.results, alone.files.checkpoints = [], []
    assert list(alone.conversations()) == []


def test_without_prompts_the_command_says_how_to_have_them(tmp_path: Path) -> None:
    """In one sentence."""
    assert run_quietly(scripted(tmp_path, num_tasks=1))[0] == 0
    log = load_log(tmp_path / "tau2_mock.log")
    with pytest.raises(UserError, match=r"no prompts of mock:.*--log-level DEBUG .* tau2_<domain>\.log"):
        show_prompts(log, [str(log.simulations["task"][0])])
