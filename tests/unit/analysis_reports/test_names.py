"""File names for any task id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.analysis.reports.text.names import safe_name

TELECOM = "[mobile_data_issue]data_mode_off|data_usage_exceeded[PERSONA:Hard]" * 4


@given(st.text(max_size=300))
def test_a_name_for_any_text_is_one_short_part_of_a_path_in_plain_letters(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= 60
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-~")
    assert not name.startswith(".")


@given(st.lists(st.text(max_size=40), unique=True, max_size=20))
def test_different_texts_have_different_names_also_where_case_is_ignored(texts: list[str]) -> None:
    assert len({safe_name(text).lower() for text in texts}) == len(texts)


def test_a_plain_id_keeps_its_name_and_a_long_one_stays_readable() -> None:
    assert safe_name("7") == "7"
    assert safe_name(TELECOM).startswith("mobile-data-issue-data-mode-off")
    assert safe_name(TELECOM) != safe_name(TELECOM + "x")
