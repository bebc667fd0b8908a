"""The reader of logs against the codec: whatever was written comes back, and damage stays where it was done."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from benchmarks.generate_log import Plan, lines
from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.reader import block_reader
from tau2_logging.analysis.store.column_types import FIELD, META
from tau2_logging.errors import CodecError, UserError
from tau2_logging.events import FIELDS, KINDS, LEVELS, Event, canonical_fields, decode, encode
from tau2_logging.events.fields import field_type
from tests.support.thorough import scaled

DERIVED = {"end_ms", "role", "file", "line", "row"}
QUICK = settings(max_examples=scaled(15, 500), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.sampled_from(["openai/gpt-4.1", "get_order_details", "scripted/agent", "7", "true", "-", "1e5", "x"])
texts = st.one_of(words, words, words, st.text(max_size=12), st.text(alphabet='ab =\\"\n\u00e9\u2028[', max_size=8))
values = {
    "ms": st.one_of(
        st.floats(0, 1e9).map(lambda value: round(value, 3)), st.floats(-1e14, 1e14), st.sampled_from([0.0, 9999.999, 10000.0])
    ),
    "usd": st.one_of(st.floats(0, 10), st.floats(-1e6, 1e9)),
    "float": st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(allow_nan=False, allow_infinity=False)),
    "int": st.one_of(st.integers(0, 300), st.integers(-(10**18), 10**18)),
    "bool": st.booleans(),
    "str": texts,
}
anything = st.one_of(texts, st.integers(-(10**6), 10**6), st.booleans(), st.floats(-1e6, 1e6))


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event as the writer makes them: some of its kind's fields, sometimes others, sometimes values of another type."""
    type_ = draw(st.sampled_from([*KINDS, "llm_call", "tool_call", "my_event"]))
    names = list(KINDS[type_].fields) if type_ in KINDS else ["step"]
    chosen = draw(st.lists(st.sampled_from(names), unique=True)) if draw(st.booleans()) else names
    fields: dict[str, Any] = {name: draw(values[FIELDS[name].type]) for name in chosen}
    if draw(st.integers(0, 5)) == 0:
        fields.update(
            draw(st.dictionaries(st.sampled_from(["level", "gpu", "duration_ms", "step", "error", "file", "a.b"]), anything, max_size=2))
        )
    if draw(st.booleans()):
        fields |= {"domain": draw(texts), "trial": draw(st.integers(0, 3)), "run": draw(st.sampled_from(["r1", "r2"])), "span": draw(texts)}
    minute, ms = draw(st.integers(0, 59)), draw(st.integers(0, 999))
    return Event(
        level=draw(st.sampled_from([*LEVELS.values(), 17])),
        time=f"2026-11-20 17:{minute:02d}:01.{ms:03d}",
        task=draw(st.one_of(st.none(), texts)),
        thread=draw(st.one_of(st.just(139706683837312), st.integers(0, 10**17))),
        type=type_,
        fields=canonical_fields(fields),
    )


def read(tmp_path: Path, data: bytes, name: str = "some.log") -> RunLog | None:
    """The log of these bytes, None where they hold no event. It is read with polars where possible and line by line: no difference."""
    path = tmp_path / name
    path.write_bytes(data)
    with_polars, line_by_line = (_read(path, few) for few in (1, len(data) + 2))
    assert (with_polars is None) == (line_by_line is None)
    if with_polars is not None and line_by_line is not None:
        assert_frame_equal(with_polars.events, line_by_line.events)
        assert with_polars.readings == line_by_line.readings
        assert with_polars.rejected == line_by_line.rejected
    return with_polars


def _read(path: Path, few: int) -> RunLog | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_reader, "FEW", few)
        try:
            return load_log(path, run="all")
        except UserError:
            return None


def rows(log: RunLog | None) -> dict[int, dict[str, Any]]:
    """The events by line number: present values only, numbers as Python's own."""
    if log is None:
        return {}
    table = log.events
    return {
        int(row["line"]): {str(name): _python(value) for name, value in row.items() if _present(value)} for row in table.to_dict("records")
    }


def _present(value: Any) -> bool:
    return not (value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value)))


def _python(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def believed(name: str, value: Any) -> bool:
    """Whether a run can have written this value; another one is left out."""
    kind = field_type(name)
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return False
    if name in ("span", "parent") and (not isinstance(value, str) or not value or value.endswith("\0")):
        return False
    if kind in (None, "str"):
        return True
    if kind == "bool" or isinstance(value, (bool, str)):
        return kind == "bool" and isinstance(value, bool)
    if kind == "int" and (value != int(value) or name == "seed"):
        return name == "seed" and value == int(value) and abs(value) < 2**63
    least = {"ms": -1e12 if name == "start_ms" else -0.001, "float": -1e9}.get(kind, 0)
    return least <= value <= {"ms": 1e12, "usd": 1e9, "int": 1e15, "float": 1e9}[kind]


def same_as_decoded(row: Mapping[str, Any], event: Event) -> None:
    """A row holds exactly what `decode` says of the line."""
    left = dict(row)
    assert left.pop("level") == {**{number: name for name, number in LEVELS.items()}, 17: "17"}.get(event.level, str(event.level))
    assert left.pop("time") == pd.Timestamp(event.time)
    assert left.pop("task", None) == event.task
    assert left.pop("thread") == event.thread
    assert left.pop("type") == event.type
    for name, value in event.fields.items():
        column = name + FIELD if name in (*META, *DERIVED) else name
        if not believed(name, value):
            assert column not in left or column in {*DERIVED, "start_ms", "trial"}
            continue
        found = left.pop(column)
        if field_type(name) in ("ms", "usd", "float") and not isinstance(value, (str, bool)):
            value = float(value)
        assert found == value
        assert isinstance(found, bool) == isinstance(value, bool)
    derived = DERIVED if "run" in event.fields else DERIVED | {"start_ms", "trial"}  # as the older runner is read
    assert set(left) <= derived


@QUICK
@given(st.lists(events(), min_size=1, max_size=8), st.integers(0, 3))
def test_what_the_writer_wrote_comes_back_equal(tmp_path: Path, written: list[Event], repeats: int) -> None:
    """Also when a group of equal shape is large, which is read by other means than a single line."""
    written = written * (1 + 30 * repeats)
    found = rows(read(tmp_path, "".join(encode(event) + "\n" for event in written).encode()))
    assert len(found) == len(written)
    for number, event in enumerate(written, 1):
        same_as_decoded(found[number], decode(encode(event)))


@QUICK
@given(st.lists(events(), min_size=2, max_size=6), st.data())
def test_damage_raises_nothing_and_stays_on_the_lines_it_touched(tmp_path: Path, written: list[Event], data: st.DataObject) -> None:
    """Flipped, cut and spliced bytes: every line that is whole is read as before."""
    lines = [encode(event).encode() for event in written * 8]
    before = b"\n".join(lines) + b"\n"
    place = data.draw(st.integers(0, len(before) - 1))
    end = min(len(before), place + data.draw(st.integers(1, 40)))
    change = data.draw(st.sampled_from(["flip", "cut", "splice"]))
    flipped = bytes([before[place] ^ data.draw(st.integers(1, 255))])
    piece = {"flip": flipped + before[place + 1 : end], "cut": b"", "splice": before[: end - place]}[change]
    after = before[:place] + piece + before[end:]
    found = rows(read(tmp_path, after))
    whole = {line.decode(): event for line, event in zip(lines, written * 8, strict=True)}
    for number, line in enumerate(after.split(b"\n")[:-1], 1):
        text = line.decode(errors="replace")
        if text in whole:
            same_as_decoded(found[number], decode(text))


@QUICK
@given(st.lists(events(), min_size=1, max_size=6), st.data())
def test_other_text_and_prefixes_around_the_events_change_nothing(tmp_path: Path, written: list[Event], data: st.DataObject) -> None:
    """As in eval_*.log, and in logs that another program has put its own prefix before."""
    alone = rows(read(tmp_path, "".join(encode(event) + "\n" for event in written).encode()))
    lines, numbers = [], []
    for event in written:
        lines += data.draw(
            st.lists(st.sampled_from(["INFO tau2.run | hello", "", "    File x.py, line 3", "a type\\u003dllm_call"]), max_size=2)
        )
        lines.append(data.draw(st.sampled_from(["", "2026-11-20T17:00:00Z worker-1 | ", "\x1b[0m"])) + encode(event))
        numbers.append(len(lines))
    mixed = rows(read(tmp_path, "".join(line + "\n" for line in lines).encode()))
    for number, (_, row) in zip(numbers, sorted(alone.items()), strict=True):
        assert {**mixed[number], "line": row["line"]} == row
    assert len(mixed) == len(alone)


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_read_without_an_exception(tmp_path: Path, data: bytes) -> None:
    """Whatever is in the file, each line is an event, other text, or rejected."""
    event = b"[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=1 type=llm_call duration_ms=1.000\n"
    log = read(tmp_path, event + data, "tau2_x.log")
    assert log is not None
    reading = log.readings[0]
    blank = sum(not line.decode(errors="replace").strip() for line in (event + data).split(b"\n")) - (
        not (event + data).endswith(b"\n") and 0
    )
    assert reading.events + reading.other + reading.rejected <= reading.lines
    assert reading.lines - blank <= reading.events + reading.other + reading.rejected


@QUICK
@given(st.text(max_size=80))
def test_a_line_is_an_event_for_the_reader_when_it_is_one_for_the_codec(tmp_path: Path, tail: str) -> None:
    """The reader accepts no less than `decode`, and what it accepts besides has no run (the older runner's grammar)."""
    line = "[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=1 type=llm_call run=r1" + tail.replace("\n", "").replace("\r", "")
    found = rows(read(tmp_path, (line + "\n").encode("utf-8", "replace")))
    text = (line.encode("utf-8", "replace")).decode()
    try:
        event = decode(text)
    except CodecError:
        assert not found
    else:
        same_as_decoded(found[1], event)


@pytest.mark.parametrize("size", [1, 2, 3, 64, 65, 5000])
def test_groups_of_any_size_read_the_same(tmp_path: Path, size: int) -> None:
    """A line is read the same alone as among thousands of its shape."""
    fields = {
        "step": 3,
        "function": "f",
        "start_ms": 12345.678,
        "duration_ms": 0.084,
        "error": False,
        "domain": "d",
        "trial": 0,
        "run": "r",
        "span": "ab1",
    }
    event = Event(15, "2026-11-20 17:45:01.123", "7", 1, "tool_call", fields)
    found = rows(read(tmp_path, (encode(event) + "\n").encode() * size))
    assert len(found) == size
    for row in found.values():
        same_as_decoded(row, event)


@pytest.mark.parametrize("kind", ["llm_call", "tool_call"])
def test_every_byte_of_a_line_is_checked(tmp_path: Path, kind: str) -> None:
    """One byte after the other is changed, among lines that are whole: each line says what it says alone, or is refused."""
    source = [line for line in islice(lines(Plan(faults=0.0), 10**6), 1500) if f" type={kind} " in line][:8]
    last, others = source[-1], ("\0", " ", "0", "7", "e", ".", "=", '"', "\\", "\u00e9")
    damaged = [last[:place] + other + last[place + 1 :] for place in range(len(last)) for other in (others[place % 10], others[place % 7])]
    text = source * 40 + damaged
    found = rows(read(tmp_path, "".join(line + "\n" for line in text).encode()))
    for number, line in enumerate(text, 1):
        try:
            event = decode(line)
        except CodecError:
            assert "run" not in found.get(number, {})
        else:
            if "time" in found[number]:  # a month 71 is left out
                same_as_decoded(found[number], event)


NUMBERS = (
    "007", "00.500", "1.", ".5", "1e5", "-1", "-0.000", "+1", "1_0", "0", "0.0", "0.10", "123456789012345", "12345678901234567",
    "99999999999.1234", "999999999999.123", "123456789012345.678", "1234567890123456.5", "0.1234567890123456", "0.12345678901234",
    "9999999999999999999", "99999999999999999999", "9648064786969.079", "9910468876528.353",
)  # fmt: skip
TEXTS = ("a" * 16, "a" * 17, "a\\b", '"a b"', '"a\\"b c"', '"a\\n"', '"a', 'a"', '""', "\u00e9", "a\x7f", '"\u00e9 \u2028"', "a\u2028b")


@pytest.mark.parametrize(
    ("field", "tokens"), [("step", NUMBERS), ("duration_ms", NUMBERS), ("span", TEXTS), ("function", TEXTS), ("error_message", TEXTS)]
)
def test_unusual_values_among_usual_ones_are_read_as_decode_reads_them(tmp_path: Path, field: str, tokens: tuple[str, ...]) -> None:
    usual = [
        f"[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=1 type=llm_call step={number} function=f{number % 3} duration_ms={number}.084 "
        f'error_message="no {number}" run=r span=a{number}'
        for number in range(200)
    ]
    put = [re.sub(f' {field}=("[^"]*"|[^ ]*)', lambda _, token=token: f" {field}={token}", usual[-1]) for token in tokens]  # type: ignore[misc]
    unusual = [line for line in put for _ in range(3)]
    found = rows(read(tmp_path, "".join(line + "\n" for line in [*usual, *unusual]).encode()))
    for number, line in enumerate(unusual, len(usual) + 1):
        try:
            event = decode(line)
        except CodecError:
            assert number not in found
        else:
            same_as_decoded(found[number], event)
