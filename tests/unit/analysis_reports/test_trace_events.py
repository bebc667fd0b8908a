"""trace.json: what trace.pftrace.gz holds, which test_perfetto.py examines, in the Trace Event Format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.reports import perfetto
from tau2_logging.analysis.reports.trace.trace_events import trace_events
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.timeline import Timeline, build_timeline
from tests.support.perfetto_reader import Reader
from tests.support.report_samples import Sample, hostile, pooled, write
from tests.support.thorough import scaled
from tests.unit.analysis_reports.test_perfetto import EVENTS


def slices(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((one["pid"], one["tid"], one["ts"], one["dur"], one["name"], one["cat"]) for one in events if one["ph"] == "X")


def in_both(timeline: Timeline) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return list(trace_events(timeline)), list(Reader().events(b"".join(perfetto.trace_packets(timeline, {}))))


@settings(max_examples=scaled(20, 400), deadline=None)
@given(EVENTS)
def test_slices_and_their_lanes_are_those_of_the_other_format(events: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(
        [{"file": "f", "line": n, "time": pd.Timestamp("2026-11-20") + pd.Timedelta(n, "s"), **e} for n, e in enumerate(events)]
    )
    as_json, packed = in_both(build_timeline(frame))
    before = min([0, *(one["ts"] for one in as_json if "ts" in one)])
    shifted = [{**one, "ts": one["ts"] - before} if "ts" in one else one for one in as_json]
    assert slices(shifted) == slices(packed)


def test_arrows_and_counters_are_there(tmp_path: Path) -> None:
    timeline = timeline_of(load_log(write(tmp_path / "tau2_retail.log", [pooled(6, 3)])))
    events = list(trace_events(timeline))
    starts, ends = ({one["id"]: one["ts"] for one in events if one["ph"] == phase} for phase in "sf")
    assert starts.keys() == ends.keys()
    assert len(starts) > 20
    assert all(starts[number] <= ends[number] for number in starts)
    last = {(one["name"], *one["args"]): next(iter(one["args"].values())) for one in events if one["ph"] == "C"}
    assert {value for (name, _), value in last.items() if name == "calls in flight"} == {0}
    assert last["tokens so far", "input"] == timeline.detailed(timeline.calls)["input_tokens"].sum()


def test_a_trace_of_many_slices_is_not_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load_log(write(tmp_path / "tau2_retail.log", [pooled(10, 2)]))
    timeline = timeline_of(run)
    for most, files in ((len(timeline.calls) + len(timeline.steps), 2), (len(timeline.calls) + len(timeline.steps) - 1, 1)):
        monkeypatch.setattr(perfetto, "MOST_AS_JSON", most)
        assert len(perfetto.write(run, tmp_path / f"out{files}", ReportOptions())) == files


def test_a_hostile_log_gives_valid_json_with_the_texts_as_they_are(tmp_path: Path) -> None:
    samples: list[Sample] = [hostile()]
    _, path = perfetto.write(load_log(write(tmp_path / "tau2_retail.log", samples)), tmp_path / "out", ReportOptions())
    names = {event["name"] for event in json.loads(path.read_text())["traceEvents"]}
    assert "task </script><script>window.hacked=1</script>" in names
