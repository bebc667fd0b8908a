"""Foreign text in our files can be taken for an event by nobody."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from tau2_logging.events import Event, encode
from tau2_logging.events.codec import HEADER
from tau2_logging.logger.bridge import not_an_event
from tests.property.strategies import TEXT, events

FORGED = "[PROFILE] 2026-11-20 17:45:01.123 task=1 thread=1 type=llm_call duration_ms=1.000"
FOREIGN = st.lists(st.one_of(TEXT, st.just(FORGED), st.sampled_from(("\n", "\u2028", "\x0b", "type=", "call_type="))), max_size=6).map(
    "".join
)


@given(FOREIGN)
@example(FORGED)
@example(f"x\u2028{FORGED}\x0c{FORGED}")
def test_no_line_of_foreign_text_is_an_event(text: str) -> None:
    """Neither at the start of a line nor after a prefix, for a reader that breaks lines at any character."""
    for line in not_an_event(text).splitlines():
        assert not HEADER.search(line)


@given(FOREIGN)
def test_grep_for_a_type_finds_no_foreign_text(text: str) -> None:
    """`type=` stands at the start of no word."""
    assert not re.search(r"(?<![A-Za-z0-9_])type=", not_an_event(text), re.ASCII)


@given(FOREIGN)
def test_every_line_but_the_first_is_indented(text: str) -> None:
    """So that a traceback is seen to belong to the line before it."""
    assert all(line.startswith("    ") for line in not_an_event(text).splitlines()[1:])


@given(
    st.text(st.characters(codec="ascii", exclude_categories=("Cc",))).filter(
        lambda text: "=" not in text and ":" not in text and "-" not in text
    )
)
def test_ordinary_text_is_kept(text: str) -> None:
    """Only the spaces at its end are lost."""
    assert not_an_event(text).rstrip() == text.rstrip()


@given(events())
def test_an_event_that_another_package_logs_again_is_not_counted_twice(event: Event) -> None:
    """The very line of an event, written by somebody's handler, is no event."""
    line = f"INFO other | {encode(event)}"
    assert HEADER.search(line)
    assert not HEADER.search(not_an_event(line))
