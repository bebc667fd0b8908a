"""The codec is a bijection, and nothing that is written as a value can be taken for anything else."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tau2_logging.errors import CodecError
from tau2_logging.events import KINDS, Event, canonical_fields, decode, encode
from tau2_logging.events.codec import EventContext, encode_in, encode_parts, event_of
from tests.property.strategies import ANY_NAME, LEVEL, NASTY, RAW, TEXT, THREAD, TIME, TYPE, events, kind_fields, raw_fields
from tests.support.thorough import scaled

NOW = "2026-11-20 17:45:01.123"
TYPE_MARK = re.compile(r"(?<![A-Za-z0-9_.])type=")
IDS = st.none() | st.sampled_from(("1c9a4f2b", "é", "", "a b", "true", "7"))


@given(events())
def test_an_event_that_is_written_is_read_back_equal(event: Event) -> None:
    """decode(encode(event)) == event, types of values included."""
    back = decode(encode(event))
    assert back == event
    assert {name: type(value) for name, value in back.fields.items()} == {name: type(value) for name, value in event.fields.items()}


@given(events())
def test_a_line_that_is_read_is_written_back_equal(event: Event) -> None:
    """encode(decode(line)) == line for every line the writer makes."""
    line = encode(event)
    assert encode(decode(line)) == line


@given(LEVEL, TIME, st.none() | TEXT, THREAD, TYPE, raw_fields())
@example(20, NOW, "-", 1, "type=llm_call", {"type": "llm_call", "thread": 1, "task": "x", "a b": 1, "a_b": 2})
@example(20, NOW, None, 1, "tool_call", {"function": "x type=llm_call\n[PROFILE] duration_ms=1.000", "step": 10**19})
def test_no_value_name_task_or_type_forges_a_line_or_a_field(
    level: int, time: str, task: str | None, thread: int, type_: str, fields: dict[str, object]
) -> None:
    """Whatever is written is one line with one `type=`, and reads back as what was given and nothing more."""
    line = encode_parts(level, time, task, thread, type_, fields)
    assert len(line.splitlines()) == 1  # no break that any reader of lines knows
    assert line.isprintable()
    assert len(TYPE_MARK.findall(line)) == 1
    assert decode(line) == event_of(level, time, task, thread, type_, fields)


@given(ANY_NAME, RAW)
def test_a_field_of_any_name_and_value_is_kept_once(name: str, value: object) -> None:
    """A field is written under its own or a repaired name; only an absent value (None, not finite) is left out."""
    kept = decode(encode_parts(20, NOW, "7", 1, "note", {name: value})).fields
    absent = value is None or (isinstance(value, float) and (value != value or abs(value) == float("inf")))
    assert len(kept) == (0 if absent else 1)


@settings(max_examples=scaled(60, 3000))
@given(st.data())
def test_the_compiled_writer_writes_what_the_canonical_event_says(data: st.DataObject) -> None:
    """encode_parts of raw values equals encode of the canonical event, for every kind; a second time from the learned shape too."""
    type_ = data.draw(st.sampled_from(sorted(KINDS)))
    fields = data.draw(kind_fields(type_))
    expected = encode(Event(15, NOW, "7", 1, type_, canonical_fields(fields)))
    assert encode_parts(15, NOW, "7", 1, type_, fields) == expected
    assert encode_parts(15, NOW, "7", 1, type_, fields) == expected


EDGES = (
    0, 1, -1, 10**18 - 1, 10**18, -(10**18), 10**19, 0.0, -0.0, 0.0004, -0.0004, 0.0005, 1e9, 1e15, 1e300, float("inf"), float("-inf"),
    float("nan"), True, False, "", "x y", "7",
)  # fmt: skip


@pytest.mark.parametrize("name", ["step", "duration_ms", "cost_usd", "reward", "error", "model", "span", "mine"])
@pytest.mark.parametrize("value", EDGES, ids=repr)
def test_values_at_the_edges_are_written_as_the_canonical_event_says(name: str, value: object) -> None:
    """One of each type of field, in a shape that has been learned from an easy value."""
    easy = {"step": 1, "duration_ms": 1.0, "cost_usd": 1.0, "reward": 1.0, "error": True}.get(name, "x")
    encode_parts(15, NOW, "7", 1, "edges", {name: easy})
    expected = encode(Event(15, NOW, "7", 1, "edges", canonical_fields({name: value})))
    assert encode_parts(15, NOW, "7", 1, "edges", {name: value}) == expected
    assert decode(expected).fields == canonical_fields({name: value})


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_every_kind_is_written_in_the_order_of_its_row(type_: str) -> None:
    """Own fields stand as in the table however they are given, then unknown ones, then the context."""
    names = [*KINDS[type_].fields, "mine", "domain", "run", "span"]
    line = encode_parts(15, NOW, "7", 1, type_, dict.fromkeys(reversed(names), "x"))
    assert re.findall(r" ([a-z_0-9]+)=x", line) == names


@given(st.none() | TEXT, st.none() | TEXT, st.none() | st.integers(0, 9), IDS, IDS, st.sampled_from(sorted(KINDS)), st.data())
def test_a_context_that_is_encoded_once_changes_nothing(
    task: str | None, domain: str | None, trial: int | None, span: str | None, parent: str | None, type_: str, data: st.DataObject
) -> None:
    """encode_in is encode_parts of the fields with their context, also where a field bears a context's name."""
    fields = data.draw(kind_fields(type_) | raw_fields())
    context = EventContext(task, domain, trial, "run-1")
    expected = encode_parts(15, NOW, task, 1, type_, context.complete(fields, span, parent))
    assert encode_in(context, 15, NOW, 1, type_, fields, span, parent) == expected


@pytest.mark.parametrize("name", ["domain", "trial", "run", "span", "parent"])
def test_the_context_of_a_simulation_wins_over_a_field_of_its_name(name: str) -> None:
    """And stands in the line once."""
    context = EventContext("7", "retail", 0, "run-1")
    fields = decode(encode_in(context, 15, NOW, 1, "note", {name: "mine", "step": 1}, "s1", "s0")).fields
    assert fields == {"step": 1, "domain": "retail", "trial": 0, "run": "run-1", "span": "s1", "parent": "s0"}


@given(
    st.one_of(
        st.text(), st.text(st.sampled_from('[]PROFILE 2026-1:.task=thread"\\u003dtype-\n')), st.lists(st.sampled_from(NASTY)).map(" ".join)
    )
)
def test_reading_any_text_raises_nothing_but_codec_errors(text: str) -> None:
    """decode either returns an event or says where it stopped."""
    try:
        stopped = len(decode(text).fields)
    except CodecError as error:
        stopped = error.column
    assert 0 <= stopped <= len(text)


@given(events(), st.data())
def test_reading_a_damaged_line_raises_nothing_but_codec_errors(event: Event, data: st.DataObject) -> None:
    """A line that is cut, or has something else spliced in, is read or refused; what is read is written so that it reads the same."""
    line = encode(event)
    begin = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(begin, len(line)))
    damaged = line[:begin] + data.draw(TEXT) + line[end:]
    try:
        line = encode(decode(damaged))
    except CodecError:
        return
    assert encode(decode(line)) == line


@pytest.mark.parametrize(
    "line",
    [
        f"[PROFILE] {NOW} task=7 thread={'9' * 5000} type=x",
        f"[{'9' * 5000}] {NOW} task=7 thread=1 type=x",
        f"[PROFILE] {NOW} task=7 thread=1 type=x a=1 a=2",
        f"[PROFILE] {NOW} task=7 thread=1 type=x a=",
        f'[PROFILE] {NOW} task=7 thread=1 type=x a="\\q"',
        f"[LOUD] {NOW} task=7 thread=1 type=x",
        "",
    ],
)
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    """Numbers beyond reason, names given twice, values that are missing or broken, unknown levels."""
    with pytest.raises(CodecError):
        decode(line)
