"""trace.pftrace.gz: legal nesting by construction, counters, arrows; read by a decoder of its own."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.reports import perfetto
from tau2_logging.analysis.tables.lanes import nest
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.slices import TOLERANCE_US, microseconds, placed_slices
from tau2_logging.analysis.timeline.timeline import LANES, Timeline, build_timeline
from tests.support.perfetto_reader import Reader
from tests.support.report_samples import Sample, hostile, pooled, write
from tests.support.thorough import scaled

TIMES = st.floats(-1e4, 1e5, allow_nan=False)
EVENTS = st.lists(
    st.fixed_dictionaries({
        "type": st.sampled_from(["llm_call", "tool_call", "expert_call", "user_sim", "evaluator", "evaluation", "retry", "step_complete",
                                 "task_start", "task_end", "heartbeat"]),
        "task": st.sampled_from(["0", "1"]), "domain": st.sampled_from(["retail", "airline", None]),
        "trial": st.sampled_from([0, 1]),
        "start_ms": TIMES | st.none(), "duration_ms": TIMES | st.none(),
        "total_duration_ms": TIMES | st.none(), "wait_ms": TIMES | st.none(),
        "elapsed_ms": TIMES | st.none(), "requestor": st.sampled_from(["assistant", "user", None]),
    }),
    min_size=1, max_size=30,
)  # fmt: skip


def lanes_of(events: list[dict[str, Any]]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    lanes = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            lanes[event["pid"], event["tid"]].append(event)
    return lanes


def assert_nested(slices: list[dict[str, Any]]) -> None:
    for i, a in enumerate(slices):
        for b in slices[i + 1 :]:
            a_end, b_end = a["ts"] + a["dur"], b["ts"] + b["dur"]
            apart = a_end <= b["ts"] or b_end <= a["ts"]
            assert apart or (a["ts"] <= b["ts"] and b_end <= a_end) or (b["ts"] <= a["ts"] and a_end <= b_end), (a, b)


def domains(number: int) -> list[Sample]:
    """A simulation in each domain."""
    samples = [Sample(domain=f"d{n}", seed=n) for n in range(number)]
    for n, sample in enumerate(samples):
        sample.simulation("1", 10.0 * n, 1)
    return samples


def test_a_table_is_cut_as_often_for_many_domains_as_for_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cut copies every column: once a domain and role, those of 10,000 domains took minutes."""
    cuts: list[int] = []
    made = pd.DataFrame.__getitem__

    def cut(frame: pd.DataFrame, key: Any) -> Any:
        cuts[-1] += 1
        return made(frame, key)

    for number in (2, 20):
        timeline = timeline_of(load_log(write(tmp_path / f"tau2_{number}.log", domains(number))))
        cuts.append(0)
        with monkeypatch.context() as patch:
            patch.setattr(pd.DataFrame, "__getitem__", cut)
            events = events_of(timeline)
        assert len({event["pid"] for event in events if event["ph"] == "C"}) == number
    assert cuts[0] == cuts[1] > 0


def trace(tmp_path: Path, *samples: Sample, tasks: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    log = load_log(write(tmp_path / "tau2_retail.log", samples))
    path, *_ = perfetto.write(log, tmp_path / "out", ReportOptions(tasks=tasks))
    return list(Reader().events(gzip.decompress(path.read_bytes())))


def events_of(timeline: Timeline, **options: int) -> list[dict[str, Any]]:
    return list(Reader().events(b"".join(perfetto.trace_packets(timeline, {}, **options))))


def timeline_of_events(events: list[dict[str, Any]]) -> Timeline:
    times = pd.Timestamp("2026-11-20")
    return build_timeline(pd.DataFrame([{"file": "f", "line": n, "time": times + pd.Timedelta(n, "s"), **e} for n, e in enumerate(events)]))


@settings(max_examples=scaled(20, 400), deadline=None)
@given(EVENTS)
def test_slices_of_a_lane_are_nested_or_disjoint_whatever_times_the_log_says(events: list[dict[str, Any]]) -> None:
    for slices in lanes_of(events_of(timeline_of_events(events))).values():
        assert all(isinstance(one["ts"], int) and one["dur"] >= 0 for one in slices)
        assert_nested(slices)


@settings(max_examples=scaled(40, 800), deadline=None)
@given(EVENTS)
def test_placing_all_simulations_at_once_gives_what_placing_each_gives(events: list[dict[str, Any]]) -> None:
    timeline = timeline_of_events(events)
    found = placed_slices(timeline, timeline.rows["row"].tolist())
    ranks = {"expert": 3, "judge": 3}
    for row in timeline.rows.itertuples():
        steps, calls = timeline.steps_of(row.row), timeline.calls_of(row.row)
        starts = [row.start_ms, *steps["start_ms"], *calls["start_ms"]]
        ends = [row.end_ms, *steps["end_ms"], *calls["end_ms"]]
        rank = [0, *[1] * len(steps), *(ranks.get(lane, 2) for lane in calls["lane"])]
        one_by_one = nest(list(zip(microseconds(starts).tolist(), microseconds(ends).tolist(), rank, strict=True)), TOLERANCE_US)
        mine = found.row == row.row
        together = sorted(zip(found.lane[mine].tolist(), found.start[mine].tolist(), found.end[mine].tolist(), strict=True))
        assert together == sorted((slice_.lane, slice_.start, slice_.end) for slice_ in one_by_one)


def test_every_slice_of_the_timeline_is_in_the_trace_with_its_details(tmp_path: Path) -> None:
    samples = [pooled(8, 3), pooled(6, 2, domain="airline")]
    events = [event for event in trace(tmp_path, *samples) if event["ph"] == "X"]
    run = timeline_of(load_log(tmp_path / "tau2_retail.log"))
    assert len(events) == len(run.rows) + len(run.steps) + len(run.calls) > 100
    by_line = {(event["cat"], event["args"]["line"]): event for event in events if event["cat"] in LANES}
    for call in run.detailed(run.calls).itertuples():
        event = by_line[call.lane, call.line]
        assert abs(event["ts"] - call.start_ms * 1000) <= TOLERANCE_US
        for name in ("model", "function", "input_tokens", "cost_usd", "ttft_ms", "step"):
            value = getattr(call, name)
            assert event["args"].get(name) == (None if pd.isna(value) else value)


def test_the_trace_of_a_task_holds_the_simulations_of_that_task_alone(tmp_path: Path) -> None:
    events = [event for event in trace(tmp_path, pooled(8, 3), tasks=("2",)) if event["ph"] == "X"]
    assert {event["name"] for event in events if event["cat"] == "simulation"} == {"task 2"}
    assert len({event["tid"] for event in events}) == 1


def test_a_process_is_a_domain_and_a_lane_is_a_simulation(tmp_path: Path) -> None:
    events = trace(tmp_path, pooled(8, 3), pooled(6, 2, domain="airline"))
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert sorted(names.values()) == ["tau2 airline", "tau2 retail"]
    for slices in lanes_of(events).values():
        assert [one["cat"] for one in slices].count("simulation") <= 1
        assert "simulation" in {one["cat"] for one in slices}, "a sequential simulation needs no second lane"
    assert len(lanes_of(events)) == 14


def test_parallel_calls_get_lanes_of_their_own(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    sample.event("task_start", "0", 0, start_ms=0.0)
    for start in (1.0, 2.0, 3.0):
        sample.timed("tool_call", "0", start, 50.0, function="f")
    sample.timed("task_end", "0", 0.0, 100.0, status="ok")
    events = trace(tmp_path, sample)
    assert [len([one for one in lane if one["cat"] == "tool"]) for lane in lanes_of(events).values()] == [1, 1, 1]
    assert {event["args"]["name"] for event in events if event["name"] == "thread_name"} == {
        "task 0",
        "task 0 (parallel 1)",
        "task 0 (parallel 2)",
    }


def test_an_arrow_begins_inside_a_call_and_ends_at_the_start_of_one_that_came_later(tmp_path: Path) -> None:
    events = trace(tmp_path, pooled(5, 2))
    starts = {number: event for event in events if event["ph"] == "X" for number in event["out"]}
    ends = {number: event for event in events if event["ph"] == "X" for number in event["in"]}
    assert starts.keys() == ends.keys()
    assert len(starts) > 20
    for number, start in starts.items():
        assert start["ts"] + start["dur"] <= ends[number]["ts"] + TOLERANCE_US
        assert start["cat"] in LANES
        assert ends[number]["cat"] in LANES
        assert (start["pid"], start["tid"]) == (ends[number]["pid"], ends[number]["tid"])


def test_counters_of_calls_in_flight_end_at_zero_and_tokens_end_at_their_sum(tmp_path: Path) -> None:
    sample = pooled(6, 3)
    run = timeline_of(load_log(write(tmp_path / "tau2_retail.log", [sample])))
    last: dict[str, tuple[float, float]] = {}
    for event in events_of(run):
        if event["ph"] == "C":
            assert event["ts"] >= last.get(event["name"], (0, 0))[0]
            last[event["name"]] = (event["ts"], event["value"])
    flights = {name.split(": ")[1]: value for name, (_, value) in last.items() if name.startswith("calls in flight")}
    assert set(flights) >= {"agent model", "tools", "user simulator"}
    assert set(flights.values()) == {0}
    assert last["tokens so far: input"][1] == run.detailed(run.calls)["input_tokens"].sum()
    assert last["USD so far (known prices)"][1] == pytest.approx(run.detailed(run.calls)["cost_usd"].sum(), rel=1e-6)


def test_what_is_left_out_of_a_large_trace_is_counted_in_it(tmp_path: Path) -> None:
    run = timeline_of(load_log(write(tmp_path / "tau2_retail.log", [pooled(10, 2)])))
    events = events_of(run, most_slices=100)
    drawn = sum(event["ph"] == "X" and event["cat"] in LANES for event in events)
    left_out = sum(event["args"].get("calls_left_out", 0) for event in events if event["ph"] == "X")
    assert left_out > 0
    assert drawn + left_out == len(run.calls)
    assert sum(event["ph"] == "X" and event["cat"] == "simulation" for event in events) == 10


def test_a_hostile_log_gives_a_valid_trace_with_the_texts_as_they_are(tmp_path: Path) -> None:
    names = {event["name"] for event in trace(tmp_path, hostile())}
    assert "task </script><script>window.hacked=1</script>" in names
