"""The answers to `--what-if` on a terminal."""

from __future__ import annotations

import pytest

from tau2_logging.analysis.reports.text.what_if_lines import answer_text, reasons_text, what_if_lines
from tau2_logging.analysis.what_if import Forecast

TIME = Forecast("concurrency=16", 24_600, 24_600, 7200, 7100, 7300, None, None, True, False, ("The replay fits.", "No limit is known."))
ORDER = Forecast("order=longest", 24_600, 24_600, 24_600, 24_000, 25_000, None, None, True, False, ("The replay fits.",))
COST = Forecast("cache=on", 24_600, 24_600, 24_600, 24_600, 24_600, 0.5, None, False, True, ("Blocks of 128 tokens.",))


def test_an_answer_says_what_changes_and_by_how_much() -> None:
    assert answer_text(TIME) == "concurrency=16: wall time 7.2 s instead of 24.6 s (-71 %, likely 7.1 s to 7.3 s)"
    assert "(no change," in answer_text(ORDER)


def test_a_cost_that_is_not_known_is_unknown_and_the_time_is_left_out() -> None:
    assert answer_text(COST) == "cache=on: cost unknown instead of $0.50"


def test_a_reason_names_its_questions_unless_it_holds_for_all_about_time_or_all_about_cost() -> None:
    assert reasons_text([TIME, ORDER, COST]) == ["The replay fits.", "(concurrency=16) No limit is known.", "Blocks of 128 tokens."]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, what_if_lines([TIME, ORDER, COST], width))) <= width


def test_nothing_is_printed_if_nothing_was_asked() -> None:
    assert what_if_lines([], 80) == []
