"""Execution, recall and reward of a few hand-made simulations: three figures that do not move each other."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import pytest

from tau2_logging.analysis.deep import LogAnalyzer, recall, rewards
from tests.support.recordings import action, analyzer, call, messages, recorded, simulation, task

CANCEL = action("cancel", order_id="#1", reason="ordered by mistake")


def only(analysis: LogAnalyzer, part: str, name: str) -> list[dict[str, object]]:
    """The rows of a table of an outcome."""
    return analysis.get_results()[part][name].to_dict("records")


def test_a_failed_call_that_matches_is_recalled_and_failed_and_may_still_be_solved(tmp_path: Path) -> None:
    """The three outcomes of one call: it failed, its action counts as made, the task's reward is 1."""
    failing = call("cancel", error="Error: Non-pending order cannot be cancelled", order_id="#1", reason="ordered by mistake")
    found = analyzer(tmp_path, [task("0", CANCEL)], [simulation("0", trial, [failing]) for trial in range(5)])
    [execution] = only(found, "execution", "execution")
    [made] = only(found, "recall", "recall")
    [reward] = only(found, "reward", "success")
    assert (execution["errors"], execution["calls"], execution["error_rate"]) == (5, 5, 1.0)
    assert (made["made"], made["actions"], made["failed"]) == (5, 5, 5)
    assert (reward["solved"], reward["simulations"]) == (5, 5)


def test_a_missed_action_names_the_nearest_call_argument_by_argument(tmp_path: Path) -> None:
    """Of two calls of the same tool the one with fewer differences; what is missing, extra and different is told apart."""
    calls = [call("cancel", order_id="#9"), call("cancel", order_id="#1", reason="no longer needed", note="x"), call("look", order_id="#1")]
    found = recorded(tmp_path, [task("0", CANCEL, action("pay", amount=5))], [simulation("0", 0, calls)])
    first, second = recall.missed_actions(found).to_dict("records")
    assert first["nearest"] == '{"order_id": "#9"}'
    assert first["differing"] == 'order_id: wanted "#1", given "#9"; reason: missing, wanted "ordered by mistake"'
    assert first["at_call"] == 1
    assert second["nearest"] == "the tool was never called"
    nearer = recorded(tmp_path, [task("0", CANCEL)], [simulation("0", 0, calls[1:])])
    [row] = recall.missed_actions(nearer).to_dict("records")
    assert row["differing"] == 'reason: wanted "ordered by mistake", given "no longer needed"; note: extra, given "x"'


def test_the_rule_of_a_match_is_tau2s() -> None:
    """compare_args alone count where there are any; else the arguments of the call, so that one that leaves them out still matches."""
    wanted = {"order_id": "#1", "reason": "ordered by mistake"}
    assert recall.matches("cancel", wanted, ["order_id"], call("cancel", order_id="#1", reason="other"))
    assert not recall.matches("cancel", wanted, None, call("cancel", order_id="#1", reason="other"))
    assert recall.matches("cancel", wanted, None, call("cancel", order_id="#1"))
    assert recall.matches("cancel", wanted, [], call("cancel", order_id="#2"))
    assert not recall.matches("cancel", wanted, None, call("cancel_order", **wanted))


def test_a_match_that_left_arguments_out_is_counted_apart(tmp_path: Path) -> None:
    found = recorded(tmp_path, [task("0", CANCEL)], [simulation("0", 0, [call("cancel", order_id="#1")])])
    [row] = recall.recall_by(found, "domain").to_dict("records")
    assert (row["made"], row["partly"]) == (1, 1)


def test_what_stood_in_the_talk_before_the_simulation_began_is_nobodys_call(tmp_path: Path) -> None:
    """A task may begin in the middle of a talk: its calls are no tool calls of the agent, but tau2's action check counts them."""
    history = messages([call("cancel", order_id="#1", reason="ordered by mistake")])
    began = [*history, *messages([call("look", order_id="#1")])]
    found = recorded(tmp_path, [task("0", CANCEL, history=history)], [simulation("0", messages=began)])
    assert found.calls["tool"].tolist() == ["look"]
    assert found.calls["position"].tolist() == [0]
    assert recall.gold_actions(found)["made"].tolist() == [True]


def test_pass_k_is_the_share_of_k_trials_without_a_failure(tmp_path: Path) -> None:
    """C(c, k)/C(n, k), checked by going through every choice of k of the trials; tasks with fewer trials are left out, and said so."""
    outcomes = {"0": [1, 1, 0, 1], "1": [0, 0, 1, 0], "2": [1, 1, 1, 1], "3": [1, 0], "4": []}
    runs = [simulation(name, trial, reward=float(good)) for name, trials in outcomes.items() for trial, good in enumerate(trials)]
    runs.append(simulation("4", 0, reward=None))  # no trial of it is scored
    table = rewards.pass_k(recorded(tmp_path, [task(name) for name in outcomes], runs)).set_index("k")
    for k in (1, 2, 3, 4):
        able = [trials for trials in outcomes.values() if len(trials) >= k]
        chosen = [[all(pick) for pick in combinations(trials, k)] for trials in able]
        assert table.loc[k, "expected_passes"] == pytest.approx(sum(sum(one) / len(one) for one in chosen))
        assert (table.loc[k, "of_tasks"], table.loc[k, "tasks_left_out"]) == (len(able), 5 - len(able))


def test_a_simulation_without_a_reward_is_not_a_failure(tmp_path: Path) -> None:
    runs = [simulation("0", 0), simulation("0", 1, reward=0.0), *(simulation("0", n, reward=None) for n in range(2, 5))]
    [row] = rewards.success_by(recorded(tmp_path, [task("0")], runs), "domain").to_dict("records")
    assert (row["solved"], row["simulations"], row["without_reward"]) == (1, 2, 3)
    assert math.isnan(row["success_rate"])
    assert row["remark"].startswith("n too small")


def test_each_part_of_the_reward_has_its_own_denominator(tmp_path: Path) -> None:
    runs = [simulation("0", n, parts={"DB": 1.0, "COMMUNICATE": float(n > 0)}) for n in range(5)] + [simulation("1", 0, parts={"DB": 0.0})]
    table = rewards.reward_parts(recorded(tmp_path, [task("0"), task("1")], runs)).set_index("part")
    assert table.loc["DB", ["full", "judged"]].tolist() == [5, 6]
    assert table.loc["COMMUNICATE", ["full", "judged"]].tolist() == [4, 5]
