"""What tau2's objects look like when they are kept, whatever an agent has put into them."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tau2_logging.runner.work.dumping import Dump, dumped, dumped_all

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary()
    | st.just(object())
    | st.builds(lambda: 10**5000)
    | st.frozensets(st.integers())
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)) | st.integers(), inner))


class Message(BaseModel):
    """As tau2's messages are."""

    content: str
    raw_data: Any = None


class Mood(Enum):
    """A value that is no JSON."""

    GOOD = "good"


@given(VALUES)
def test_anything_becomes_json_that_utf8_can_hold(value: Any) -> None:
    """Whatever a message holds, its dump is JSON of one line in strict UTF-8."""
    text = dumped(Message(content="said", raw_data=value)).text
    assert text is not None
    assert "\n" not in text
    assert json.loads(text.encode("utf-8"))["content"] == "said"


def test_what_pydantic_can_write_is_left_to_it() -> None:
    """An ordinary message is dumped as pydantic dumps it, and nothing is said."""
    message = Message(content="ordinary \U0001f600", raw_data={"a": [1, 2.5, None]})
    assert dumped(message) == Dump(message.model_dump_json())


def test_what_is_replaced_is_said_and_the_rest_is_kept() -> None:
    """Half an emoji becomes U+FFFD, a number that is not finite null, an object its class's name; a note says so."""
    dump = dumped(Message(content="Thanks \ud83d!", raw_data={"a": float("nan"), "b": object(), "c": Mood.GOOD, "d": 7, 3: "x"}))
    assert dump.note is not None
    assert json.loads(dump.text or "") == {
        "content": "Thanks \ufffd!",
        "raw_data": {"a": None, "b": "(object)", "c": "good", "d": 7, "3": "x"},
    }


def test_a_cycle_ends() -> None:
    """What contains itself is cut off."""
    around: dict[str, Any] = {}
    around["self"] = around
    assert "nested too deep" in (dumped(Message(content="x", raw_data=around)).text or "")


def test_several_are_an_array_with_one_note() -> None:
    """A conversation is a JSON array; a note of one message is a note of all."""
    dump = dumped_all([Message(content="a"), Message(content="\udc00")])
    assert [message["content"] for message in json.loads(dump.text or "")] == ["a", "\ufffd"]
    assert dump.note is not None
    assert dumped_all([Message(content="a")]).note is None


def test_no_model_is_refused() -> None:
    """What is no model at all cannot be kept."""
    with pytest.raises(AttributeError):
        dumped(None)
