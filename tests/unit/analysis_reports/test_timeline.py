"""From a log to rows and intervals on one clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.timeline.build import read_timeline, timeline_of
from tau2_logging.analysis.timeline.queries import causes, chosen, label
from tau2_logging.analysis.timeline.timeline import Timeline
from tests.support.report_samples import Sample, pooled, write


def timeline(tmp_path: Path, *samples: Sample, run: str = "all") -> Timeline:
    return timeline_of(load_log(write(tmp_path / "tau2_retail.log", samples), run=run))


def test_each_simulation_is_a_row_from_its_start_to_its_end_with_its_calls(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    end = sample.simulation("7", 1000.0, turns=2)
    run = timeline(tmp_path, sample)
    row = run.rows.iloc[0]
    assert (row.domain, row.task, row.trial, row.status, row.reward) == ("retail", "7", 0, "ok", 1.0)
    assert (row.start_ms, row.end_ms) == pytest.approx((1000.0, end), abs=0.002)
    assert run.calls["lane"].value_counts().to_dict() == {"agent": 2, "tool": 2, "user": 2, "judge": 1, "evaluation": 1}
    assert run.calls["start_ms"].between(row.start_ms, row.end_ms).all()
    assert len(run.steps) == 6


def test_a_resumed_run_is_laid_end_to_end_and_the_pause_takes_no_time(tmp_path: Path) -> None:
    first, second = Sample(), Sample()
    first.start()
    first_end = first.simulation("0", 0.0)
    later = "2026-11-21"
    second.start(resumed=True)
    second_end = second.simulation("1", 0.0)
    second.lines = [line.replace("2026-11-20", later) for line in second.lines]
    run = timeline(tmp_path, first, second)
    assert run.breaks == pytest.approx((first_end,), abs=0.002)
    assert run.end_ms == pytest.approx(first_end + second_end, abs=0.01)
    assert run.rows["start_ms"].tolist() == pytest.approx([0.0, first_end], abs=0.01)


def test_the_starts_of_two_domains_of_one_run_are_one_start(tmp_path: Path) -> None:
    run = timeline(tmp_path, pooled(4, 2), pooled(4, 2, domain="airline"))
    assert run.breaks == ()
    assert run.rows.groupby("domain")["start_ms"].min().tolist() == [0.0, 0.0]
    assert len(run.rows) == 8


def test_a_simulation_that_was_killed_and_run_again_has_two_rows_of_which_the_last_counts(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    end = sample.simulation("0", 0.0, turns=1, finish=False)
    sample.simulation("0", end + 10, turns=2)
    rows = timeline(tmp_path, sample).rows
    assert rows["attempt"].tolist() == [1, 2]
    assert rows["counted"].tolist() == [False, True]
    assert rows["status"].tolist() == ["unfinished", "ok"]
    assert label(rows.iloc[0], False) == "0 attempt 1"


def test_an_unfinished_simulation_ends_with_what_it_waited_on(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    end = sample.simulation("0", 0.0, turns=1, finish=False)
    run = timeline(tmp_path, sample)
    waiting = run.calls[run.calls["open"]].iloc[0]
    assert (waiting["lane"], waiting["name"]) == ("waiting", "llm_call")
    assert waiting["end_ms"] - waiting["start_ms"] == pytest.approx(30_000, abs=2)
    assert run.end_ms == pytest.approx(end, abs=2)


def test_a_heartbeat_of_a_simulation_that_went_on_is_no_wait(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    sample.event("task_start", "0", 0, start_ms=0.0)
    sample.event("heartbeat", "0", 500, waiting_on="llm_call", elapsed_ms=500.0)
    sample.timed("llm_call", "0", 0, 1000, model="m")
    sample.timed("task_end", "0", 0, 1001, status="ok")
    assert timeline(tmp_path, sample).calls["lane"].tolist() == ["agent"]


def test_an_evaluation_lies_around_its_judges_and_keeps_its_own_time(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    sample.simulation("0", 0.0, turns=1)
    calls = timeline(tmp_path, sample).calls.set_index("lane")
    evaluation, judge = calls.loc["evaluation"], calls.loc["judge"]
    assert evaluation["own_ms"] == pytest.approx(5.0, abs=0.002)
    assert evaluation["start_ms"] <= judge["start_ms"] <= judge["end_ms"] <= evaluation["end_ms"]


def test_a_log_without_start_ms_is_placed_by_the_times_of_its_lines(tmp_path: Path) -> None:
    sample = Sample()
    sample.event("llm_call", "3", 1500, duration_ms=500.0, model="m")
    sample.event("tool_call", "3", 1600, duration_ms=50.0, function="f")
    run = timeline(tmp_path, sample)
    assert run.calls[["start_ms", "end_ms"]].to_numpy().ravel().tolist() == pytest.approx([0, 500, 550, 600])
    assert run.rows["status"].tolist() == ["unknown"]


@pytest.mark.parametrize("wrong", [1e300, -1e300, 1e18])
def test_a_forged_time_does_not_stretch_the_run(tmp_path: Path, wrong: float) -> None:
    sample = Sample()
    sample.start()
    sample.simulation("0", 0.0, turns=1)
    sample.event("tool_call", "0", 100, start_ms=wrong, duration_ms=wrong, function="f")
    assert 0 < timeline(tmp_path, sample).end_ms < 1e6


def test_a_tool_call_is_caused_by_its_requestor_and_a_model_call_by_the_call_before(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    sample.timed("llm_call", "0", 0, 10, has_tool_calls=True)
    sample.timed("tool_call", "0", 11, 1, function="a", requestor="assistant")
    sample.timed("tool_call", "0", 13, 1, function="b", requestor="assistant")
    sample.timed("user_sim", "0", 15, 5)
    sample.timed("tool_call", "0", 21, 1, function="c", requestor="user")
    sample.timed("llm_call", "0", 23, 5)
    sample.timed("expert_call", "0", 24, 2)
    calls = timeline(tmp_path, sample).calls
    assert [(calls["name"][a], calls["name"][b]) for a, b in zip(*causes(calls), strict=True)] == [
        ("llm_call", "a"), ("llm_call", "b"), ("b", "user_sim"), ("user_sim", "c"), ("c", "llm_call"),
    ]  # fmt: skip


def test_the_slowest_the_median_and_a_failed_simulation_are_drawn_unless_tasks_are_named(tmp_path: Path) -> None:
    run = timeline(tmp_path, pooled(12, 3))
    rows = run.rows.loc[chosen(run)]
    length = run.rows["end_ms"] - run.rows["start_ms"]
    assert rows.index[0] == length.idxmax()
    assert (length < length[rows.index[1]]).sum() == 5
    assert rows.iloc[2]["status"] != "ok" or rows.iloc[2]["reward"] < 1
    assert run.rows.loc[chosen(run, ["3", "retail:5"]), "task"].tolist() == ["3", "5"]


def test_of_a_very_large_log_every_simulation_keeps_its_row_and_the_bad_and_long_ones_their_calls(tmp_path: Path) -> None:
    log = load_log(write(tmp_path / "tau2_retail.log", [pooled(40, 4)]))
    whole, part = read_timeline(log), read_timeline(log, most=900)
    assert part.rows["task"].tolist() == whole.rows["task"].tolist()
    assert part.rows["end_ms"].tolist() == pytest.approx(whole.rows["end_ms"].tolist(), abs=1)
    assert 0 < part.unread < 40
    assert whole.unread == 0
    read = part.rows[part.rows["read"]]
    assert len(part.calls) == int(whole.calls["row"].isin(read.index).sum())
    bad = set(whole.rows.index[(whole.rows["status"] != "ok") | (whole.rows["reward"].astype(float) < 1)])
    assert bad <= set(read.index)
    length = whole.rows["end_ms"] - whole.rows["start_ms"]
    assert length[list(set(read.index) - bad)].min() >= length[whole.rows.index.difference(read.index)].max()


def test_a_judge_s_call_from_before_the_evaluation_does_not_stretch_it(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    sample.timed("evaluator", "0", 10.0, 100.0)
    sample.timed("evaluator", "0", 205.0, 20.0)
    sample.timed("evaluation", "0", 200.0, 30.0)
    calls = timeline(tmp_path, sample).calls
    evaluation = calls[calls["lane"] == "evaluation"].iloc[0]
    assert (evaluation["start_ms"], evaluation["end_ms"]) == pytest.approx((200.0, 250.0))
