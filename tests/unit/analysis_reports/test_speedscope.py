"""speedscope.json: balanced frames by construction, and the widths of the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.reports import speedscope
from tau2_logging.analysis.timeline.timeline import build_timeline
from tests.support.report_samples import Sample, hostile, pooled, write
from tests.support.thorough import scaled
from tests.unit.analysis_reports.test_perfetto import EVENTS

FIELDS = {
    "sampled": {"type", "name", "unit", "startValue", "endValue", "samples", "weights"},
    "evented": {"type", "name", "unit", "startValue", "endValue", "events"},
}
"""What the published file format (speedscope's file-format-spec.ts) requires of a profile."""


def exported(tmp_path: Path, *samples: Sample) -> dict[str, Any]:
    [path] = speedscope.write(load_log(write(tmp_path / "tau2_retail.log", samples)), tmp_path / "out", ReportOptions())
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def check_format(file: dict[str, Any]) -> None:
    """The required fields and no others; indexes in range; events in order of time, opened and closed in balance, inside the profile."""
    assert file["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = range(len(file["shared"]["frames"]))
    for profile in file["profiles"]:
        assert set(profile) == FIELDS[profile["type"]]
        assert profile["unit"] == "microseconds"
        if profile["type"] == "sampled":
            assert len(profile["samples"]) == len(profile["weights"])
            assert all(frame in frames for stack in profile["samples"] for frame in stack)
            assert profile["endValue"] == sum(profile["weights"])
            continue
        stack, last = [], profile["startValue"]
        for event in profile["events"]:
            assert last <= event["at"] <= profile["endValue"]
            last = event["at"]
            if event["type"] == "O":
                assert event["frame"] in frames
                stack.append(event["frame"])
            else:
                assert stack.pop() == event["frame"]
        assert stack == []


@settings(max_examples=scaled(20, 200), deadline=None)
@given(EVENTS)
def test_frames_are_balanced_whatever_times_the_log_says(events: list[dict[str, Any]]) -> None:
    """Also where calls overlap, stick out of their step, have no length or no times."""
    table = pd.DataFrame(events).assign(time="2026-11-20 17:45:01.123", run="r", file="f", line=1)
    check_format(speedscope.speedscope_file(build_timeline(table), "x"))


def test_the_sum_is_as_wide_as_the_calls(tmp_path: Path) -> None:
    """Microseconds of each role and model or tool are those of the log, failed calls included; one profile for each simulation."""
    file = exported(tmp_path, pooled(12, 4))
    check_format(file)
    log = load_log(tmp_path / "tau2_retail.log")
    names = [frame["name"] for frame in file["shared"]["frames"]]
    total, *simulations = file["profiles"]
    widths = {names[stack[2]]: weight for stack, weight in zip(total["samples"], total["weights"], strict=True)}
    calls = log.events[log.events["type"] == "llm_call"]
    for model, part in calls.groupby("model"):
        assert widths[f"agent model: {model}"] == pytest.approx(part["duration_ms"].sum() * 1000, abs=1)
    assert sum(widths.values()) == pytest.approx(log.calls["duration_ms"].sum() * 1000, abs=10)
    assert len({profile["name"] for profile in simulations}) == len(simulations) == 12


def test_names_that_look_like_markup_stay_text(tmp_path: Path) -> None:
    """They are values of JSON."""
    check_format(exported(tmp_path, hostile()))
