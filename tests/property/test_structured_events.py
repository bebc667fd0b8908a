"""Structured events are read back as they were written, and differences of states make one of the other."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tau2_logging.errors import CodecError
from tau2_logging.events import (
    EVENT_CLASSES,
    RejectedLine,
    StructuredEvent,
    ToolExecutionEvent,
    apply_changes,
    decode_event,
    difference,
    encode_event,
    read_events,
)
from tau2_logging.events.difference import changed_records, summary
from tau2_logging.events.structured import make_event

TEXT = st.text(st.characters(codec=None), max_size=12)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXT
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
RECORDS = st.lists(
    st.fixed_dictionaries({"line_id": st.sampled_from("abcdef/~="), "status": LEAVES}), max_size=5, unique_by=lambda r: r["line_id"]
)


def values_of(annotation: str, of: type | None) -> st.SearchStrategy[Any]:
    """Values that a field of an event may have."""
    if of is not None:
        return st.lists(st.builds(of, **{item.name: TEXT if "str" in str(item.type) else JSON for item in dataclasses.fields(of)})).map(
            tuple
        )
    plain = {"str": TEXT, "int": st.integers(-(2**53), 2**53), "float": NUMBERS, "bool": st.booleans(), "None": st.none()}
    kinds = [part.strip() for part in annotation.split("|")]
    found = [plain[kind] if kind in plain else st.lists(TEXT).map(tuple) if kind.startswith("tuple") else OBJECTS for kind in kinds]
    return st.one_of(found)


@st.composite
def events(draw: st.DrawFn) -> StructuredEvent:
    """Any event of any kind, with a field of a later version."""
    kind = draw(st.sampled_from(EVENT_CLASSES))
    fields = [item for item in dataclasses.fields(kind) if item.name not in ("type", "extra")]
    values = {item.name: draw(values_of(str(item.type), item.metadata.get("of"))) for item in fields}
    return kind(**values, extra=draw(st.dictionaries(st.just("of_a_later_version"), JSON)))


@given(events())
def test_an_event_is_read_back_without_loss(event: StructuredEvent) -> None:
    """Every field of every kind, unknown ones too; one line, ASCII."""
    line = encode_event(event)
    assert line.isascii()
    assert "\n" not in line
    assert decode_event(line) == event


@pytest.mark.parametrize("kind", EVENT_CLASSES)
def test_an_event_is_made_as_its_class_makes_it(kind: type[StructuredEvent]) -> None:
    """With some fields given, and with none; a field that it does not have is refused."""
    assert make_event(kind, {}) == kind()
    assert make_event(kind, {"task": "7", "extra": {"x": 1}}) == kind(task="7", extra={"x": 1})
    assert make_event(kind, {}).extra is not make_event(kind, {}).extra
    with pytest.raises(TypeError, match="no field unknown"):
        make_event(kind, {"unknown": 1})


@given(
    TEXT.filter(lambda name: name not in {kind.type for kind in EVENT_CLASSES}), st.dictionaries(TEXT.map(lambda name: f"x{name}"), JSON)
)
def test_a_kind_nobody_knows_is_kept(name: str, fields: dict[str, Any]) -> None:
    """An event of a later version comes back with everything in it."""
    event = decode_event(json.dumps({"type": name, "task": "7", **fields}))
    assert (event.type, event.task, event.extra) == (name, "7", fields)
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x"])
def test_what_json_has_not_is_written_as_text(value: object) -> None:
    """A reader of strict JSON can read every line."""
    line = encode_event(ToolExecutionEvent(arguments={"x": value}))
    assert isinstance(json.loads(line, parse_constant=pytest.fail)["arguments"]["x"], str)


def test_a_key_that_json_has_not_is_written_as_text() -> None:
    """The event is not lost for it."""
    line = encode_event(ToolExecutionEvent(arguments={"x": {(1, 2): 3}}))
    assert json.loads(line)["arguments"] == {"x": {"(1, 2)": 3}}


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"type": 3}', '{"type": "state_change", "changes": [{"what": 1}]}'])
def test_a_line_that_is_no_event_says_so(line: str) -> None:
    """CodecError, whatever stands there."""
    with pytest.raises(CodecError):
        decode_event(line)


def test_half_a_line_is_reported_and_the_rest_is_read(tmp_path: Any) -> None:
    """A process that was killed leaves half a line; a resumed run goes on after it."""
    line = encode_event(ToolExecutionEvent(tool="a"))
    path = tmp_path / "events_mock.txt"
    path.write_text(f"{line}\n{line[:40]}\n{line}\n")
    first, broken, last = read_events(path)
    assert isinstance(broken, RejectedLine)
    assert (first, broken.number, last) == (ToolExecutionEvent(tool="a"), 2, ToolExecutionEvent(tool="a"))


@example({"²": None}, {})  # a digit for str.isdigit, none for int
@given(OBJECTS, OBJECTS)
def test_changes_make_the_state_after_of_the_state_before(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Any two states, down to the difference of 1, 1.0 and true; equal states have no difference."""
    changes = difference(before, after)
    assert as_text(apply_changes(before, changes)) == as_text(after)
    assert (changes == ()) == (as_text(before) == as_text(after))


@given(RECORDS, RECORDS)
def test_records_of_a_list_are_told_apart_by_their_id(before: list[Any], after: list[Any]) -> None:
    """Added, removed, changed or reordered, the list after comes out."""
    assert as_text(apply_changes({"lines": before}, difference({"lines": before}, {"lines": after}))) == as_text({"lines": after})


def as_text(state: Any) -> str:
    """The text that tau2 would hash."""
    return json.dumps(state, sort_keys=True)


def test_changes_are_told_in_words() -> None:
    """A record's own changes stand together, under its name; a part that is no collection is one record."""
    before = {
        "reservations": {"ABC123": {"status": "ok", "bags": 1}},
        "device": {"wifi": True, "apn": {"name": "x"}},
        "lines": [{"line_id": "L1"}],
    }
    after = {
        "reservations": {"ABC123": {"status": "cancelled", "bags": 2}, "NEW": {}},
        "device": {"wifi": False, "apn": {"name": "y"}},
        "lines": [],
    }
    changes = difference(before, after)
    assert summary(changes) == (
        "reservations/ABC123: status 'ok' -> 'cancelled', bags 1 -> 2; reservations/NEW: added; device: wifi True -> False; "
        "device/apn: name 'x' -> 'y'; lines/L1: removed"
    )
    assert changed_records(changes) == 5
