"""Numbers read eight characters at a time are the numbers Python reads."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.analysis.reader.swar import PAD, Text, clock_ms, fixed, short_ids, truth, whole

QUICK = settings(max_examples=150, deadline=None)


def places(tokens: list[str]) -> tuple[Text, np.ndarray, np.ndarray]:
    """A text of tokens with a space before each, and where they begin and end."""
    data = "".join(f" {token}" for token in tokens).encode()
    text = Text(len(data))
    text.room()[: len(data)] = data
    text.fill(len(data))
    ends = np.cumsum([len(token.encode()) + 1 for token in tokens]) + PAD
    return text, ends - [len(token.encode()) for token in tokens], ends


@QUICK
@given(st.lists(st.integers(0, 10**16 - 1), min_size=1, max_size=20))
def test_whole_numbers_of_up_to_16_digits_are_read_exactly(numbers: list[int]) -> None:
    found, bad = whole(*places([str(number) for number in numbers]))
    assert found.tolist() == numbers
    assert not bad.any()


@QUICK
@given(st.lists(st.integers(0, 10**14), min_size=1, max_size=20), st.sampled_from([2, 3, 6, 9]))
def test_decimal_numbers_are_the_floats_that_python_reads(numbers: list[int], decimals: int) -> None:
    tokens = [f"{number // 10**decimals}.{number % 10**decimals:0{decimals}d}" for number in numbers]
    found, bad = fixed(*places(tokens), decimals)
    assert found.tolist() == [float(token) for token in tokens]
    assert not bad.any()


@QUICK
@given(
    st.lists(st.text(alphabet="0123456789.-+eE x", min_size=1, max_size=17).filter(lambda token: " " not in token), min_size=1, max_size=20)
)
def test_anything_but_a_canonical_number_is_reported_bad(tokens: list[str]) -> None:
    text, start, end = places(tokens)
    number, bad = whole(text, start, end)
    for token, value, wrong in zip(tokens, number.tolist(), bad.tolist(), strict=True):
        assert wrong or str(value) == token
    value, bad = fixed(text, start, end, 3)
    for token, found, wrong in zip(tokens, value.tolist(), bad.tolist(), strict=True):
        assert wrong or f"{found:.3f}" == token


def test_a_time_of_day_that_no_clock_shows_is_bad() -> None:
    tokens = [
        "17:45:01.123",
        "00:00:00.000",
        "23:59:59.999",
        "24:00:00.000",
        "17:60:00.000",
        "17:00:60.000",
        "17-45:01.123",
        "17:45:01,123",
    ]
    text, start, _ = places(tokens)
    found, bad = clock_ms(text, start)
    assert found[:3].tolist() == [63901123, 0, 86399999]
    assert bad.tolist() == [False] * 3 + [True] * 5


def test_true_and_false_are_read_as_they_are_spelled_and_nothing_else() -> None:
    found, bad = truth(*places(["true", "false", "True", "tru", "falsey", "1"]), (b"true", b"false"))
    assert found[:2].tolist() == [1, 0]
    assert bad.tolist() == [False, False, True, True, True, True]


@QUICK
@given(st.lists(st.text(min_size=1, max_size=20).filter(lambda token: " " not in token and "\0" not in token), min_size=1, max_size=8))
def test_ids_come_back_equal_or_are_reported_bad(tokens: list[str]) -> None:
    found, bad = short_ids(*places(tokens))
    for token, value, wrong in zip(tokens, found.tolist(), bad.tolist(), strict=True):
        assert wrong or value.decode() == token
        assert not wrong or not token.isascii() or not token.replace("-", "").isalnum()
