"""From a DataFrame to a table of the page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tau2_logging.analysis.reports.html.table_data import MOST_ROWS, kind_of, label_of, table_data


def test_columns_are_shown_by_the_unit_in_their_names() -> None:
    ones = pd.Series([1.5, None])
    wanted = {
        "p50_ms": "ms",
        "duration_ms_other": "ms",
        "cost_usd": "usd",
        "idle_share": "share",
        "input_tokens": "int",
        "mean": "number",
    }
    assert {name: kind_of(name, ones) for name in wanted} == wanted
    assert kind_of("n", pd.Series([1, 2], dtype="Int64")) == "int"
    assert [label_of(name) for name in ("p50_ms", "duration_ms_other", "p50_ttft_ms")] == ["p50", "duration other", "TTFT p50"]


def test_absent_and_infinite_values_are_null_and_empty_columns_are_left_out() -> None:
    frame = pd.DataFrame({"task": ["1", None], "p50_ms": [np.nan, np.inf], "n": pd.array([3, None], dtype="Int64"), "never": [None, None]})
    table = table_data("title", frame)
    assert table is not None
    assert [column[0] for column in table["columns"]] == ["task", "p50_ms", "n"]
    assert table["rows"] == [["1", None, 3], [None, None, None]]


def test_a_table_without_rows_is_no_table_and_a_cut_one_says_so() -> None:
    assert table_data("title", pd.DataFrame({"n": []})) is None
    long = table_data("title", pd.DataFrame({"n": range(MOST_ROWS + 5)}), "About it.")
    assert long is not None
    assert len(long["rows"]) == MOST_ROWS
    assert long["note"] == "About it. The first 2,000 of 2,005 rows."


def test_a_row_leads_to_its_simulation_by_domain_task_and_trial() -> None:
    frame = pd.DataFrame({"domain": ["retail", "retail", None], "task": ["7", "8", "7"], "trial": pd.array([1, 0, None], dtype="Int64")})
    table = table_data("title", frame, rows_of={("retail", "7", "1"): 5, ("", "7", ""): 6})
    assert table is not None
    assert table["rows_of"] == [5, None, 6]
