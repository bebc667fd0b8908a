"""Spread, transitions, loops, paths, arguments and context length of hand-made simulations with known answers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.analysis.deep import context_length, correlations, efficiency, trends
from tau2_logging.analysis.deep.tool_calls import argument_use, diversity, loops, transitions
from tests.support.recordings import action, call, recorded, results, simulation, task, write


def test_gini_and_shannon_at_their_ends_and_between() -> None:
    """Equal use 0 and log2 k; 1, 2, 3, 4 calls: mean difference 20/16, mean 2.5, Gini 0.25."""
    assert diversity.gini([5, 5, 5]) == pytest.approx(0)
    assert diversity.shannon([5, 5, 5, 5]) == pytest.approx(2)
    assert diversity.gini([1, 2, 3, 4]) == pytest.approx(0.25)
    assert diversity.shannon([7]) == 0
    assert diversity.shannon([1, 1, 2]) == pytest.approx(1.5)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_gini_is_its_definition(counts: list[int]) -> None:
    """Σ|xᵢ-xⱼ|/(2k²·mean), summed over every pair."""
    pairs = sum(abs(a - b) for a in counts for b in counts)
    assert diversity.gini(counts) == pytest.approx(pairs / (2 * len(counts) ** 2 * np.mean(counts)))


def test_transitions_stay_within_a_simulation_and_a_requestor(tmp_path: Path) -> None:
    """a b | a, with a call of the user in between: no step from the end of one simulation to the next, none from agent to user."""
    runs = [simulation("0", 0, [call("a"), call("u", requestor="user"), call("b")]), simulation("0", 1, [call("a")])]
    table = transitions.transitions(recorded(tmp_path, [task("0")], runs))
    found = {(row["requestor"], row["from_tool"], row["to_tool"]): row["times"] for row in table.to_dict("records")}
    agent = {("start", "a"): 2, ("a", "b"): 1, ("a", "end"): 1, ("b", "end"): 1}
    assert found == {**{("assistant", *pair): n for pair, n in agent.items()}, ("user", "start", "u"): 1, ("user", "u", "end"): 1}


@given(st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=9), min_size=1, max_size=6))
def test_nothing_is_lost_between_the_columns_of_the_flow(paths: list[list[str]]) -> None:
    """Each simulation is in column 0; what enters a column left the one before; only `end` has no way on."""
    found = transitions.flow_of([path for path in paths if path] or [["a"]], 5, 4)
    nodes, links = found["nodes"], found["links"]
    for place, (column, tool, n) in enumerate(nodes):
        out, into = (sum(times for *ends, times in links if ends[side] == place) for side in (0, 1))
        assert out == (0 if tool == "end" or column == max(node[0] for node in nodes) == 4 else n)
        assert into == (0 if column == 0 else n)
        assert sum(1 for other in nodes if other[0] == column) <= 4 + 2


LOOPS = {
    "aaaa": (1, 4, 0), "xababab": (2, 3, 1), "abcabcabcd": (3, 3, 0), "aab": (0, 0, 0), "abab": (0, 0, 0), "": (0, 0, 0),
    "abbbbc": (1, 4, 1), "aaabcbcbcbc": (2, 4, 3),
}  # fmt: skip


@pytest.mark.parametrize("calls", LOOPS)
def test_a_loop_is_the_longest_stretch_of_a_sequence_that_comes_three_times(calls: str) -> None:
    """(period, times, first)."""
    assert loops.longest_loop(list(calls)) == LOOPS[calls]


def test_a_repeat_is_the_same_call_whatever_the_order_of_its_arguments(tmp_path: Path) -> None:
    """And a call after a failure is counted apart; another simulation's call is no repeat."""
    runs = [
        simulation("0", 0, [call("look", a=1, b=2), call("look", b=2, a=1), call("pay", error="Error: x"), call("pay")]),
        simulation("0", 1, [call("look", a=1, b=2)]),
    ]
    table = loops.repeated_calls(recorded(tmp_path, [task("0")], runs)).set_index("tool")
    assert table.loc["look", ["repeats", "calls", "after_error"]].tolist() == [1, 3, 0]
    assert table.loc["pay", ["repeats", "calls", "after_error"]].tolist() == [1, 2, 1]
    assert math.isnan(table.loc["look", "after_change"])  # nothing says which tools write


def test_every_call_beside_the_path_is_counted_once(tmp_path: Path) -> None:
    """Two on the path, one failed, one extra, one repeat of the extra one: detour 5/2."""
    calls = [call("a", x=1), call("b", error="Error: x"), call("c"), call("c"), call("b", y=2)]
    [row] = efficiency.path_lengths(
        recorded(tmp_path, [task("0", action("a", x=1), action("b", y=2))], [simulation("0", 0, calls)])
    ).to_dict("records")
    assert {name: row[name] for name in ("calls", "actions", "made", "failed", "repeated", "extra", "detour")} == {
        "calls": 5, "actions": 2, "made": 2, "failed": 1, "repeated": 1, "extra": 1, "detour": 2.5,
    }  # fmt: skip


def test_a_value_counts_as_seen_where_policy_message_or_result_held_it_before(tmp_path: Path) -> None:
    """Not after, and not where it is too short or a truth."""
    calls = [
        call("look", order_id="#W123", result="item 998877"),
        call("buy", item="998877", reason="mistake", card="4711", n=1, really=True),
    ]
    data = results([task("0")], [simulation("0", 0, calls)], policy="A reason is a mistake or a change of mind.")
    from tau2_logging.analysis.deep import LogAnalyzer

    found = LogAnalyzer(write(tmp_path / "r.json", data)).recorded.calls["seen"].tolist()
    assert found == [{"order_id": False}, {"item": True, "reason": True, "card": False, "n": None, "really": None}]


def test_unseen_values_have_their_rate(tmp_path: Path) -> None:
    runs = [simulation(str(n), 0, [call("look", order_id="Hello" if n < 2 else "other")]) for n in range(6)]
    [row] = argument_use.unseen_values(recorded(tmp_path, [], runs)).to_dict("records")
    assert (row["unseen"], row["judged"]) == (4, 6)


def cliff(tmp_path: Path, lengths: dict[str, list[tuple[int, float]]]) -> object:
    """Simulations by task: (tokens of the longest prompt, reward)."""
    runs = [
        simulation(name, trial, reward=reward, tokens=tokens)
        for name, trials in lengths.items()
        for trial, (tokens, reward) in enumerate(trials)
    ]
    return recorded(tmp_path, [task(name) for name in lengths], runs)


def test_a_cliff_that_is_task_mix_alone_disappears_within_tasks(tmp_path: Path) -> None:
    """Short tasks are always solved, long ones never: plain success falls from 1 to 0, the other trials of the tasks say the same."""
    lengths = {f"{n}": [(100 if n < 6 else 9000, float(n < 6))] * 4 for n in range(12)}
    found = cliff(tmp_path, lengths)
    table = context_length.success_by_context(found)
    assert table["success_rate"].tolist() == [1.0, 0.0]
    assert table["expected_rate"].tolist() == [1.0, 0.0]
    assert table["beyond_task_mix_share"].tolist() == [0.0, 0.0]
    [row] = context_length.within_tasks(found).to_dict("records")
    assert row["remark"].startswith("n too small: 0 tasks")


def test_a_cliff_within_tasks_is_found(tmp_path: Path) -> None:
    """In 6 of 8 tasks both longer trials fail, in 2 one of each half does: odds ratio and pairs by hand."""
    one = [(100, 1.0), (200, 1.0), (8000, 0.0), (9000, 0.0)]
    other = [(100, 0.0), (200, 1.0), (8000, 1.0), (9000, 0.0)]
    found = cliff(tmp_path, {str(n): one if n < 6 else other for n in range(8)})
    [row] = context_length.within_tasks(found).to_dict("records")
    assert (row["informative_tasks"], row["pairs"]) == (8, 32)
    assert row["shorter"] == 6 * 4 + 2 * 2
    assert row["odds_ratio"] == pytest.approx((2 * 1 / 4) / ((6 * 4 + 2 * 1) / 4))  # Σad/n over Σbc/n
    assert row["p"] < 0.01
    table = context_length.success_by_context(found)
    assert table["beyond_task_mix_share"].iloc[0] > 0 > table["beyond_task_mix_share"].iloc[-1]


def test_an_argument_that_goes_with_failure_is_found_and_corrected_for_the_number_of_tests(tmp_path: Path) -> None:
    runs = [simulation(str(n), 0, [call("pay", amount=5, note="hello there"), call("pay", error="Error: x", amount=5)]) for n in range(12)]
    table = correlations.call_correlations(recorded(tmp_path, [], runs)).set_index(["tool", "feature"])
    row = table.loc[("pay", "given:note")]
    assert row["delta"] == -1.0
    assert row["p"] < 0.01 <= row["p_holm"] * 3
    assert row["p_holm"] >= row["p"]
    assert ("pay", "given:amount") not in table.index  # always given: nothing to compare


def test_few_observations_give_a_remark_and_no_figure(tmp_path: Path) -> None:
    table = correlations.call_correlations(
        recorded(tmp_path, [], [simulation("0", 0, [call("a", x=1), call("a", error="Error: x", x=1, y=2)])])
    )
    assert set(table["remark"]) == {"n too small"}
    assert table[["delta", "p", "p_holm"]].isna().all(axis=None)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_spans_hold_every_value_once_and_keep_equal_values_together(values: list[int]) -> None:
    places = trends.spans(values)
    assert sorted(place for span in places for place in span) == list(range(len(values)))
    sets = [{values[place] for place in span} for span in places]
    assert sum(map(len, sets)) == len(set(values))
