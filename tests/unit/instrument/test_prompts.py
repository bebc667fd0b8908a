"""Prompts in the log at DEBUG: each message once, and every prompt as it was sent."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.analysis import load_log
from tau2_logging.analysis.conversations.prompts_sent import prompts_of as prompts_in_log
from tau2_logging.events import Event, decode, encode
from tau2_logging.events.levels import DEBUG
from tau2_logging.events.sent_prompts import Prompts, part_hash
from tau2_logging.instrument.model_calls.model_call import ModelCall
from tau2_logging.logger import EventLogger, FakeClock, Simulation
from tau2_logging.logger.content.written_parts import WrittenParts
from tau2_logging.sinks import DomainFiles, MemorySink
from tests.support.run_files import prompts_of

LEAF = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(LEAF, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(("user", "assistant")), "content": st.text(max_size=9) | JSON})


def simulation(*sinks: Any, task: str = "7", domain: str = "retail") -> Simulation:
    return Simulation(EventLogger("run", sinks, FakeClock(), masking="none"), domain, task, 0)


def send(running: Simulation, messages: Any, tools: Any = None) -> str:
    """Make a call that replies nothing; return its span."""
    call = ModelCall(running, "m", "openai", messages)
    call.tools = tools
    call.finish({"choices": []})
    return call.span


def turns(number: int, said: str = "x" * 200) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"{at} {said}"} for at in range(number)]


@given(st.lists(st.tuples(st.integers(0, 9), st.lists(MESSAGE, max_size=3)), max_size=6))
def test_every_prompt_is_read_back_byte_for_byte(steps: list[tuple[int, list[Any]]]) -> None:
    """Whatever earlier prompt a call continues, through the text of the log and with its events in any order."""
    sink = MemorySink(DEBUG)
    running = simulation(sink)
    told: list[list[Any]] = [[]]
    expected = {}
    for at, more in steps:
        messages = told[at % len(told)] + more
        told.append(messages)
        expected[send(running, messages)] = json.dumps(messages, ensure_ascii=False)
    events = [decode(encode(event)) for event in sink.events]
    for order in (events, events[::-1]):
        prompts = prompts_of(order)
        assert {span: prompts.messages("run", span) for span in expected} == {
            span: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for span, text in expected.items()
        }


def test_a_message_is_written_once_and_its_hash_is_that_of_its_text() -> None:
    """In two simulations of a run, together with the definitions of the tools; another domain has a file of its own."""
    sink = MemorySink(DEBUG)
    logger = EventLogger("run", [sink], FakeClock())
    tools = [{"type": "function", "function": {"name": "get"}}]
    for task, domain in (("1", "retail"), ("2", "retail@arm"), ("3", "airline")):
        running = Simulation(logger, domain, task, 0)
        for length in (1, 3, 5):
            span = send(running, turns(length), tools)
        assert json.loads(str(prompts_of(sink.events).tools("run", span))) == tools
    parts = sink.of("prompt_part")
    assert all(part.get("hash") == part_hash(str(part.get("text"))) for part in parts)
    assert Counter(str(part.get("domain")) for part in parts) == {"retail": 6, "airline": 6}
    assert len({part.get("hash") for part in parts}) == 6


def test_the_log_grows_with_the_conversation_and_not_with_its_square(tmp_path: Path) -> None:
    """A conversation twice as long takes twice the bytes."""
    sizes = []
    for number in (40, 80):
        files = DomainFiles(tmp_path / str(number), ["retail"], DEBUG)
        running = simulation(files)
        for length in range(1, number + 1, 2):
            send(running, turns(length))
        files.close()
        sizes.append((tmp_path / str(number) / "tau2_retail.log").stat().st_size)
    assert sizes[1] < 2.05 * sizes[0]
    assert sizes[1] < 5 * len(json.dumps(turns(80)))


def test_processes_that_write_one_log_each_write_what_they_refer_to(tmp_path: Path) -> None:
    """One that is killed after any line leaves nothing that another needs; the analysis reads every prompt."""
    expected = {}
    for worker in ("a", "b"):
        files = DomainFiles(tmp_path, ["retail"], DEBUG)
        running = simulation(files, task=worker)
        expected |= {send(running, turns(length)): turns(length) for length in (1, 3)}
        files.close()
    log = load_log(tmp_path / "tau2_retail.log")
    prompts = prompts_in_log(log)
    assert {span: json.loads(str(prompts.messages("run", span))) for span in expected} == expected
    assert "prompt_part" not in (tmp_path / "eval_retail.log").read_text()


def test_what_a_damaged_log_does_not_hold_is_said_in_its_place() -> None:
    """Lost parts, a lost call that others continue, and calls that continue each other."""
    prompts = Prompts()
    prompts.add("prompt_part", {"run": "r", "hash": "aa", "text": '{"role": "user"}'})
    for span, before, sent in (("1", None, "aa,bb"), ("2", "0", "aa"), ("3", "4", "aa"), ("4", "3", None)):
        prompts.add("llm_payload", {"run": "r", "span": span, "continues": before, "sent": sent})
    lost = '{{"role": "unknown", "content": "({} is not in this log)"}}'
    assert prompts.messages("r", "1") == f'[{{"role": "user"}}, {lost.format("message bb")}]'
    assert prompts.messages("r", "2") == f'[{lost.format("what call 0 was sent")}, {{"role": "user"}}]'
    assert prompts.messages("r", "3") == '[{"role": "user"}]'
    assert prompts.messages("r", "9") is None


def test_a_log_of_an_earlier_version_has_the_prompt_itself() -> None:
    """As its `messages` say, whatever they are."""
    prompts = Prompts()
    prompts.add("llm_payload", {"run": None, "span": "1", "messages": '[{"role": "user"}]'})
    assert prompts.messages(None, "1") == '[{"role": "user"}]'


@pytest.mark.parametrize("odd", [None, "text", {"input": 1}, []])
def test_what_is_no_list_of_messages_is_written_as_it_is(odd: Any) -> None:
    """Also if a call was sent none."""
    sink = MemorySink(DEBUG)
    span = send(simulation(sink), odd)
    assert prompts_of(sink.events).messages("run", span) == json.dumps(odd)


def test_a_part_that_an_ended_simulation_could_not_write_is_written_by_the_next() -> None:
    """Nothing refers to a part that the log does not hold."""
    sink = MemorySink(DEBUG)
    logger = EventLogger("run", [sink], FakeClock())
    ended, running = (Simulation(logger, "retail", task, 0) for task in "12")
    ended.closed = True
    send(ended, turns(2))
    span = send(running, turns(2))
    assert json.loads(str(prompts_of(sink.events).messages("run", span))) == turns(2)


def test_of_parts_only_so_many_are_remembered() -> None:
    """A forgotten one is written again: memory has a limit, and the log is complete."""
    written: list[str] = []
    parts = WrittenParts(most=3)
    for raw in "abcdabcd":
        parts.hash_of("retail", raw, lambda raw=raw: raw, lambda name, text: written.append(text) is None)  # type: ignore[misc]
    assert written == list("abcdabcd")
    assert parts.hash_of("retail", "d", lambda: "d", lambda name, text: False) == part_hash("d")


def test_a_trace_with_content_holds_the_whole_prompt() -> None:
    """Of a later call too, which is written as what follows an earlier one."""
    from tau2_logging.events.traces import TraceBuilder

    sink = MemorySink(DEBUG)
    running = simulation(sink)
    start = Event(20, "t", "7", 1, "task_start", {"run": "run", "domain": "retail", "trial": 0, "span": running.span})
    for length in (1, 3):
        send(running, turns(length))
    builder = TraceBuilder(0, content=True)
    spans = [span for event in [start, *sink.events] for span in builder.add(event)]
    assert [json.loads(str(span.attributes["input.value"])) for span in spans] == [turns(1), turns(3)]
