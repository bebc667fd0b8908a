"""What `branch` measured of a simulation, read from beside its run: words for tables, the curve of its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tau2_logging.analysis.conversations.measured_turns import measured_in
from tau2_logging.analysis.deep.attribution.branch_files import BRANCHES_FILE, read_branches

KEY = ("base", "retail", "17", "0")
_HEAD = {"run": "base", "domain": "retail", "task": "17", "trial": 0, "turns": 14, "reward": 0.0}
_SCAN = {
    **_HEAD, "kind": "scan", "chances": [{"turn": 1, "solved": 6, "scored": 6}, {"turn": 8, "solved": 20, "scored": 24},
                                         {"turn": 9, "solved": 2, "scored": 24}],
    "decisive": {"turn": 9, "before": [20, 24], "after": [2, 24], "sure": True},
}  # fmt: skip


def _branch(at: int, **arms: tuple[int, float | None, float | None]) -> dict[str, Any]:
    """A branch row of arms, each as (solved of 8, ends of the difference)."""
    told = [
        {"arm": name.replace("_", "="), "solved": solved, "scored": 8, "difference_low": low, "difference_high": high}
        for name, (solved, low, high) in arms.items()
    ]
    base = {"arm": "as-it-was", "solved": 1, "scored": 8}
    return {**_HEAD, "kind": "branch", "at": at, "arms": [base, *told]}


def _read(tmp_path: Path, *lines: Any) -> Any:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (tmp_path / BRANCHES_FILE).write_text(text, encoding="utf-8")
    return read_branches([str(tmp_path / "results_retail.json")])


def test_the_decisive_turn_has_its_evidence(tmp_path: Path) -> None:
    """One that is not sure is not named."""
    words = "decisive turn 9, measured: the chance of success fell from 0.83 (20 of 24) to 0.08 (2 of 24)"
    assert _read(tmp_path, _SCAN)[KEY].decided() == words
    assert _read(tmp_path, {**_SCAN, "decisive": {**_SCAN["decisive"], "sure": False}})[KEY].decided() is None
    assert _read(tmp_path, {**_SCAN, "decisive": None})[KEY].decided() is None


def test_what_would_have_saved_it_is_told_by_the_interval(tmp_path: Path) -> None:
    found = _read(tmp_path, _branch(8, user_gpt=(7, 0.28, 0.9), agent_small=(2, -0.2, 0.5), judge_b=(0, None, None)))
    assert found[KEY].saved() == [
        "another user (gpt) would have saved it: 7 of 8 after turn 8, as it was 1 of 8",
        "another agent (small) makes no difference that shows: 2 of 8 after turn 8, as it was 1 of 8",
        "another judge (b) was tried too seldom to tell: 0 of 8 after turn 8, as it was 1 of 8",
    ]


def test_the_last_scan_counts_and_the_last_branch_after_each_turn(tmp_path: Path) -> None:
    later = {**_SCAN, "decisive": {**_SCAN["decisive"], "turn": 8}}
    found = _read(
        tmp_path, _SCAN, _branch(8, user_a=(1, -0.1, 0.1)), later, _branch(8, user_b=(7, 0.2, 0.9)), _branch(3, user_c=(8, 0.3, 0.9))
    )
    assert found[KEY].decisive["turn"] == 8
    assert [words.split(":")[0] for words in found[KEY].saved()] == [
        "another user (c) would have saved it",
        "another user (b) would have saved it",
    ]


def test_a_row_that_ended_early_takes_the_place_of_no_complete_one(tmp_path: Path) -> None:
    """But of one that ended early itself."""
    early = {**_SCAN, "complete": False, "decisive": {**_SCAN["decisive"], "turn": 3}}
    half = {**_branch(8, user_b=(0, None, None)), "complete": False}
    found = _read(tmp_path, early, {**early, "decisive": None}, _SCAN, early, _branch(8, user_a=(7, 0.3, 0.9)), half)
    assert found[KEY].decisive["turn"] == 9
    assert found[KEY].saved() == ["another user (a) would have saved it: 7 of 8 after turn 8, as it was 1 of 8"]
    assert _read(tmp_path, early, {**early, "decisive": None})[KEY].decisive is None


def test_a_scan_with_somebody_else_is_not_that_of_the_conversation(tmp_path: Path) -> None:
    """It says which turn decides for them."""
    found = _read(tmp_path, {**_SCAN, "arm": "agent=gpt"})
    assert found[KEY].scan is None
    assert found[KEY].saved() == [
        "with another agent (gpt) turn 9 decides: the chance of success fell from 0.83 (20 of 24) to 0.08 (2 of 24)"
    ]


def test_the_curve_of_the_page_ends_with_the_conversation(tmp_path: Path) -> None:
    """Turns of the page count from 0."""
    shown = measured_in(_read(tmp_path, _SCAN)[KEY])
    assert shown is not None
    assert [point[0] for point in shown["curve"]] == [1, 8, 9]
    assert [round(point[1], 3) for point in shown["curve"]] == [1.0, 0.833, 0.083]
    assert (shown["turns"], shown["won"], shown["turn"]) == (14, False, 8)
    assert measured_in(None) is None


def test_damaged_rows_are_left_out_and_the_others_read(tmp_path: Path) -> None:
    broken = [
        "{", "[]", "null", "{}", {**_SCAN, "chances": None}, {**_SCAN, "turns": "many"},
        {**_SCAN, "chances": [{"turn": 1, "solved": 0, "scored": 0}]},
        {**_SCAN, "decisive": {"turn": 9, "sure": True}}, {**_branch(8), "arms": [{"arm": "as-it-was"}, {"arm": "agent=x"}]},
    ]  # fmt: skip
    found = _read(tmp_path, *broken, _SCAN)
    assert set(found) == {KEY}
    assert found[KEY].branches == {}
    assert found[KEY].decided() is not None
