"""trace.json: legal nesting by construction, counters, arrows."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.reports import perfetto
from tau2_logging.analysis.reports.trace import trace_events
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.timeline import LANES, build_timeline
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
            events = list(trace_events.trace_events(timeline))
        assert len({event["pid"] for event in events if event["ph"] == "C"}) == number
    assert cuts[0] == cuts[1] > 0


def trace(tmp_path: Path, *samples: Sample) -> dict[str, Any]:
    [_, path] = perfetto.write(load_log(write(tmp_path / "tau2_retail.log", samples)), tmp_path / "out", ReportOptions())
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


@settings(max_examples=scaled(20, 400), deadline=None)
@given(EVENTS)
def test_slices_of_a_lane_are_nested_or_disjoint_whatever_times_the_log_says(events: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(
        [{"file": "f", "line": n, "time": pd.Timestamp("2026-11-20") + pd.Timedelta(n, "s"), **e} for n, e in enumerate(events)]
    )
    written = list(trace_events.trace_events(build_timeline(frame)))
    for slices in lanes_of(written).values():
        assert all(isinstance(one["ts"], int) and one["dur"] >= 0 for one in slices)
        assert_nested(slices)


def test_a_process_is_a_domain_and_a_lane_is_a_simulation(tmp_path: Path) -> None:
    events = trace(tmp_path, pooled(8, 3), pooled(6, 2, domain="airline"))["traceEvents"]
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert sorted(names.values()) == ["tau2 airline", "tau2 retail"]
    for slices in lanes_of(events).values():
        assert [one["cat"] for one in slices].count("simulation") <= 1
        assert slices[0]["cat"] == "simulation", "a sequential simulation needs no second lane"
    assert len(lanes_of(events)) == 14


def test_parallel_calls_get_lanes_of_their_own(tmp_path: Path) -> None:
    sample = Sample()
    sample.start()
    sample.event("task_start", "0", 0, start_ms=0.0)
    for start in (1.0, 2.0, 3.0):
        sample.timed("tool_call", "0", start, 50.0, function="f")
    sample.timed("task_end", "0", 0.0, 100.0, status="ok")
    events = trace(tmp_path, sample)["traceEvents"]
    assert [len([one for one in lane if one["cat"] == "tool"]) for lane in lanes_of(events).values()] == [1, 1, 1]
    assert {event["args"]["name"] for event in events if event["name"] == "thread_name"} == {
        "task 0",
        "task 0 (parallel 1)",
        "task 0 (parallel 2)",
    }


def test_an_arrow_begins_inside_a_call_and_ends_at_the_start_of_one_that_came_later(tmp_path: Path) -> None:
    events = trace(tmp_path, pooled(5, 2))["traceEvents"]
    lanes = lanes_of(events)
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert starts.keys() == ends.keys()
    assert len(starts) > 20
    for number, start in starts.items():
        end = ends[number]
        assert start["ts"] <= end["ts"]
        assert any(one["ts"] <= start["ts"] < one["ts"] + one["dur"] and one["cat"] in LANES for one in lanes[start["pid"], start["tid"]])
        assert any(one["ts"] == end["ts"] and one["cat"] in LANES for one in lanes[end["pid"], end["tid"]])


def test_counters_of_calls_in_flight_end_at_zero_and_tokens_end_at_their_sum(tmp_path: Path) -> None:
    sample = pooled(6, 3)
    run = timeline_of(load_log(write(tmp_path / "tau2_retail.log", [sample])))
    last: dict[tuple[str, str], tuple[int, float]] = {}
    for event in trace_events.trace_events(run):
        if event["ph"] == "C":
            [(series, value)] = event["args"].items()
            assert event["ts"] >= last.get((event["name"], series), (0, 0))[0]
            last[event["name"], series] = (event["ts"], value)
    flights = {series: value for (name, series), (_, value) in last.items() if name == "calls in flight"}
    assert set(flights) >= {"agent model", "tools", "user simulator"}
    assert set(flights.values()) == {0}
    assert last["tokens so far", "input"][1] == run.calls["input_tokens"].sum()
    assert last["USD so far (known prices)", "usd"][1] == pytest.approx(run.calls["cost_usd"].sum(), rel=1e-6)


def test_a_trace_of_many_slices_is_not_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load_log(write(tmp_path / "tau2_retail.log", [pooled(10, 2)]))
    timeline = timeline_of(run)
    for most, files in ((len(timeline.calls) + len(timeline.steps), 2), (len(timeline.calls) + len(timeline.steps) - 1, 1)):
        monkeypatch.setattr(perfetto, "MOST_AS_JSON", most)
        assert len(perfetto.write(run, tmp_path / f"out{files}", ReportOptions())) == files


def test_a_hostile_log_gives_valid_json_with_the_texts_as_they_are(tmp_path: Path) -> None:
    loaded = trace(tmp_path, hostile())
    names = {event["name"] for event in loaded["traceEvents"]}
    assert "task </script><script>window.hacked=1</script>" in names
