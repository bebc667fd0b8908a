"""The files of a comparison: each by itself, and nothing in them that is no number."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tau2_logging.analysis.reports.compared import compare_files
from tau2_logging.analysis.reports.compared.compare_markdown import markdown
from tau2_logging.analysis.reports.compared.compare_page import page_data
from tau2_logging.analysis.reports.compared.compare_text import text_lines
from tau2_logging.analysis.reports.report_failures import PartlyWrittenError
from tau2_logging.analysis.verdict.audited_pair import AuditedPair
from tau2_logging.analysis.verdict.compare_sides import compare_sides
from tests.unit.analysis_verdict.drawn_sides import side, tasks

FEW = tasks([1, None], [0, 0], [1, 1])


@pytest.mark.parametrize("other", [FEW, tasks([None, None]), {"u0": [1, 0]}])
def test_the_page_of_a_few_tasks_with_missing_scores_is_json(other: dict[str, list[float | None]]) -> None:
    """No interval is known of fewer than 5 pairs, at either end of the bounds: null, which JSON has, and not NaN, which it has not."""
    data = page_data(compare_sides([side("A", FEW), side("B", other)]), ())
    json.dumps(data, allow_nan=False)
    assert all(pair["low"] is None for pair in data["pairs"])


def test_a_file_that_cannot_be_made_does_not_cost_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setitem(compare_files.FORMATS, "markdown", ("compare.md", fails))
    comparison = compare_sides([side("A", FEW), side("B", FEW)])
    with pytest.raises(PartlyWrittenError) as caught:
        compare_files.write_files(comparison, (), tmp_path, ["json", "markdown", "html"])
    [failure] = caught.value.attempts.failures
    assert failure.report == "compare.md"
    assert "nothing to divide by" in failure.reason
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compare.html", "compare.json"]


def test_of_several_pairs_the_runs_have_the_letters_that_they_have_above() -> None:
    """The second pair is C against A, and not B."""
    many = tasks(*[[1, 0]] * 6)
    found = compare_sides([side(name, many) for name in ("one", "two", "three")])
    sound = AuditedPair("x", 6, 6, 1, 1, 6, (0.5, 0.25), found.pairs[0].success)
    found = replace(found, pairs=[replace(pair, audited=sound) for pair in found.pairs])
    for text in (" ".join(" ".join(text_lines(found)).split()), markdown(found)):
        assert [f"{a} 50.0 %, {b} 25.0 %" in text for a, b in ("AB", "AC")] == [True, True]
    assert [pair["audited_by_name"].count(" three 25.0 %") for pair in page_data(found, ())["pairs"]] == [0, 1]
