"""What must hold of the deep analysis of any record."""

from __future__ import annotations

import math
import random
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tau2_logging.analysis.deep import LogAnalyzer
from tests.support.recordings import action, call, results, simulation, task, write
from tests.support.thorough import scaled

TOOLS = st.sampled_from(["look", "pay", "transfer_to_human_agents"])
ARGUMENTS = st.dictionaries(
    st.sampled_from(["order_id", "amount", "note"]), st.sampled_from(["#1", 5, "Hello", True, ["a", "b"], None]), max_size=2
)
ERRORS = st.sampled_from([None, None, None, "Error: Order not found", "Error: Tool 'x' not found.", "Error: strange"])
CALLS = st.lists(
    st.builds(
        lambda tool, error, by, given: call(tool, error, by, **given),
        TOOLS,
        ERRORS,
        st.sampled_from(["assistant", "assistant", "user"]),
        ARGUMENTS,
    ),
    max_size=8,
)
ENDS = st.sampled_from([{}, {"termination_reason": "max_steps"}, {"duration": None, "start_time": None}, {"messages": None}])


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A results file of up to 4 tasks with up to 3 trials each."""
    tasks, runs = [], []
    for name in map(str, range(draw(st.integers(1, 4)))):
        wanted = draw(st.lists(st.builds(lambda tool, given: action(tool, **given), TOOLS, ARGUMENTS), max_size=3))
        tasks.append(task(name, *wanted))
        for trial in range(draw(st.integers(0, 3))):
            reward = draw(st.sampled_from([1.0, 0.0, None]))
            runs.append(simulation(name, trial, draw(CALLS), reward, tokens=draw(st.integers(1, 9)) * 100, **draw(ENDS)))
    return results(tasks, [*runs, simulation("0", 9)])


def tables(data: dict[str, Any]) -> dict[str, pd.DataFrame]:
    with tempfile.TemporaryDirectory() as folder:
        return {table.kind.key: table.frame for table in LogAnalyzer(write(Path(folder) / "results_retail.json", data)).tables}


@settings(max_examples=scaled(3, 100), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(records(), st.randoms(use_true_random=False))
def test_any_record_gives_sound_figures_whatever_the_order_of_its_simulations(data: dict[str, Any], shuffler: random.Random) -> None:
    """Rates lie in 0..1 and in their intervals, numerators are at most denominators, shares of a whole add up to 1; shuffled simulations
    give the same tables.
    """
    found = tables(data)
    for frame in found.values():
        check_rates(frame)
    check_shares(found)
    shuffled = {**data, "simulations": shuffler.sample(data["simulations"], len(data["simulations"]))}
    again = tables(shuffled)
    assert found.keys() == again.keys()
    for key, frame in found.items():
        pd.testing.assert_frame_equal(frame, again[key], check_dtype=False)


def check_rates(frame: pd.DataFrame) -> None:
    """Every rate of a table."""
    for name in [str(name) for name in frame if str(name).endswith("_rate") and f"{name}_low" in frame]:
        for rate, low, high, remark in zip(frame[name], frame[f"{name}_low"], frame[f"{name}_high"], frame["remark"], strict=True):
            if math.isnan(rate):
                assert str(remark).startswith("n too small")
            elif not math.isnan(low):
                assert 0 <= low <= rate <= high <= 1
    for name in {"errors", "made", "partly", "failed", "repeats", "times", "solved", "actions", "extra", "on_path"}.intersection(frame):
        if not (frame[name].dtype == object and frame[name].isna().all()):
            assert frame[name].dtype.kind in "if", f"{name} holds {frame[name].tolist()}"
    for part, whole in (("errors", "calls"), ("made", "actions"), ("solved", "simulations"), ("unseen", "judged"), ("repeats", "calls")):
        if part in frame and whole in frame:
            known = frame[[part, whole]].dropna()
            assert (known[part] <= known[whole]).all(), (part, whole)


def check_shares(found: dict[str, pd.DataFrame]) -> None:
    """What is split into parts is split without remainder."""
    wholes = {
        "tool_shares": (["domain", "requestor"], "calls", "of_calls"), "transitions": (["domain", "requestor", "from_tool"], "times", "of"),
        "cause_counts": (["domain"], "simulations", "not_solved"), "terminations": (["domain"], "ended", "simulations"),
        "after_errors": (["domain", "kind"], "times", "errors"),
    }  # fmt: skip
    for key, (by, part, whole) in wholes.items():
        if key in found:
            groups = found[key].groupby(by)
            assert (groups[part].sum() == groups[whole].first()).all(), key
