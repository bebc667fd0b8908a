"""What Hypothesis makes of events: names, values and texts, the nasty ones first."""

from __future__ import annotations

import enum
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from tau2_logging.events import FIELDS, KINDS, LEVELS, Event, canonical_fields


class Color(str, enum.Enum):
    """A text that is more than a text."""

    RED = "red green"
    TRUE = "true"


class Speechless:
    """An object whose `str` fails."""

    def __str__(self) -> str:
        raise ValueError("no text")


NASTY = (
    "", " ", "-", "--", "=", '"', "\\", "\\n", "\n", "\r\n", "\t", "\0", "\x1b[31m", "\x85", "\u2028", "\u2029", "\u00a0", "\ufeff",
    "\ud800", "\udc00\ud800", "true", "True", "false", "0", "-0", "007", "1e5", "1.0", "+1", "9" * 18, "9" * 19, "9" * 20, "nan", "inf",
    "1_000", "٣", "type=llm_call", " type=llm_call", "a type=tool_call function=x", "\\u003d", "\\\\u003d=", '\\"=', "日本語", "é", "🧪",
    "x\n[PROFILE] 2026-11-20 17:45:01.123 task=1 thread=1 type=llm_call duration_ms=1.000",
    "[mobile_data_issue]airplane|off[PERSONA:None]", "a" * 300,
)  # fmt: skip
ANY_TEXT = st.text(st.characters(exclude_categories=()))
TEXT = st.one_of(st.sampled_from(NASTY), ANY_TEXT, st.lists(st.sampled_from(NASTY), max_size=4).map("".join))
WHOLE = st.one_of(st.integers(), st.sampled_from((0, -1, 10**18, 10**18 + 1, -(10**18) - 1, 10**19, 2**64, 10**400)))
NUMBER = st.one_of(st.floats(), st.sampled_from((0.0, -0.0, 0.0004, 0.0005, -0.0004, 1e15, 1e16, 1e22, 1e300, 5e-324)))
RAW = st.one_of(
    st.none(),
    st.booleans(),
    WHOLE,
    NUMBER,
    TEXT,
    st.binary(max_size=8),
    st.sampled_from((Color.RED, Color.TRUE, Decimal("0.5"), Fraction(1, 3), Fraction(10**400), {1: {2}}, {(1,): 2}, object, Speechless())),
    st.lists(TEXT, max_size=3),
    st.dictionaries(TEXT, st.one_of(WHOLE, TEXT), max_size=3),
)
"""Anything a field may be given."""

LOG_NAME = st.one_of(st.sampled_from(sorted(FIELDS)), st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True)).filter(
    lambda name: name not in ("task", "thread", "type")
)
ANY_NAME = st.one_of(LOG_NAME, TEXT, st.sampled_from(("task", "thread", "type", "a b", "a_b", "step ", "step_")))
TYPE = st.one_of(st.sampled_from(sorted(KINDS)), TEXT)
LEVEL = st.one_of(st.sampled_from(sorted(LEVELS.values())), st.integers(0, 99))
TIME = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0") + f".{moment.microsecond // 1000:03d}")
THREAD = st.integers(0, 2**64 - 1)
CLEAN_TEXT = TEXT.map(lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def events() -> st.SearchStrategy[Event]:
    """Canonical events: what the codec must be a bijection on."""
    fields = st.dictionaries(LOG_NAME, RAW, max_size=12).map(canonical_fields)
    return st.builds(Event, LEVEL, TIME, st.none() | CLEAN_TEXT, THREAD, CLEAN_TEXT, fields)


def raw_fields() -> st.SearchStrategy[dict[str, object]]:
    """Fields as somebody's code may give them."""
    return st.dictionaries(ANY_NAME, RAW, max_size=12)


def kind_fields(type_: str) -> st.SearchStrategy[dict[str, object]]:
    """Values of the right type for the fields of a kind, some of them absent or of the wrong type: what the fast path sees."""
    makers = {
        "str": st.sampled_from(("openai", "openai/gpt-4.1", "stop", "two words", "")),
        "int": st.integers(0, 10**6) | WHOLE,
        "bool": st.booleans(),
        "float": st.floats(0, 1),
        "ms": st.floats(0, 1e6) | NUMBER,
        "usd": st.floats(0, 10) | NUMBER,
    }
    return st.fixed_dictionaries({}, optional={name: makers[FIELDS[name].type] | RAW for name in KINDS[type_].fields})
