"""The totals of a run: the same in every report, and worked out again from the lines of the log."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.text import Text
from rich.console import Console

from tau2_logging.analysis import ReportOptions, RunLog, load_log
from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.reports import console, csv_tables, markdown, perfetto, stats_json
from tau2_logging.analysis.reports.html import page
from tau2_logging.analysis.reports.html.run_data import run_data
from tau2_logging.analysis.reports.pictures.overview import overview, time_by_kind
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.events import MODEL_CALL_TYPES, Event, decode
from tau2_logging.units import duration, money
from tests.support.perfetto_reader import Reader
from tests.support.report_samples import Sample, write

START_UP_MS, PAUSE_MS = 2000.0, 60_000.0
OPTIONS = ReportOptions()


def resumed() -> Sample:
    """Two starts of one run, each with a start-up; task 1 was killed in the first and failed in the second."""
    sample = Sample()
    sample.start()
    at = sample.simulation("0", START_UP_MS) + 10
    sample.event("task_start", "1", at, start_ms=at)
    at = sample.model_call("llm_call", "1", at + 20, 0, error=True, error_type="Timeout") + PAUSE_MS
    sample.start(at)
    at = sample.simulation("1", at + START_UP_MS, status="error", reward=None, error_type="RateLimitError", error_message="429") + 10
    sample.end(sample.simulation("2", at, turns=9))
    return sample


def by_hand(sample: Sample) -> dict[str, Any]:
    """The totals from the lines alone: a start of the run works from its first simulation to the last thing that it wrote of one."""
    events = [decode(line) for line in sample.lines]
    calls = [event for event in events if event.type in (*MODEL_CALL_TYPES, "tool_call")]
    breaks = [place for place, event in enumerate(events) if event.type == "run_start"]
    parts = [events[low:high] for low, high in zip(breaks, [*breaks[1:], len(events)], strict=True)]
    return {
        "wall_ms": sum(_worked(part) for part in parts),
        "simulations": len({event.task for event in events if event.type == "task_start"}),
        "attempts": sum(event.type == "task_start" for event in events),
        "calls": len(calls),
        "errors": sum(event.get("error") is True for event in calls),
        "cost_usd": sum(float(event.get("cost_usd") or 0) for event in calls),
    }


def _worked(events: list[Event]) -> float:
    of_tasks = [event for event in events if event.task not in (None, "-")]
    starts = [float(event.get("start_ms")) for event in of_tasks if event.type == "task_start"]  # type: ignore[arg-type]
    timed = [event for event in of_tasks if event.get("duration_ms") is not None]
    return max(float(event.get("start_ms")) + float(event.get("duration_ms")) for event in timed) - min(starts)  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    return load_log(write(tmp_path / "tau2_retail.log", [resumed()]))


def test_the_totals_are_those_of_the_lines(log: RunLog) -> None:
    wanted, found = by_hand(resumed()), totals_of(log).as_json()
    assert found["wall_ms"] == pytest.approx(wanted["wall_ms"], abs=0.01)
    assert found["cost_usd"] == pytest.approx(wanted["cost_usd"])
    assert int(str(found["model_calls"])) + int(str(found["tool_calls"])) == wanted["calls"]
    assert {name: found[name] for name in ("simulations", "attempts", "errors")} == {
        name: wanted[name] for name in ("simulations", "attempts", "errors")
    }


def test_every_report_shows_the_same_totals(log: RunLog, tmp_path: Path) -> None:
    wanted, totals = by_hand(resumed()), totals_of(log)
    wall, cost, failed = duration(wanted["wall_ms"]), money(wanted["cost_usd"]), wanted["errors"]
    for text in (_terminal(log), _written(markdown, log, tmp_path, "summary.md"), *_picture(log)):
        words = " ".join(text.split())
        assert re.search(rf"wall time( \|)? {re.escape(wall)}", words), text
        assert re.search(rf"cost( \|)? {re.escape(cost)}", words), text
        assert re.search(r"simulations( \|)? 3 \(2 ok, 1 error\), 4 attempts", words), text
        assert re.search(rf"errors( \|)? {re.escape(totals.shown['errors'])}", words), text
    tiles = {tile[0]: tile[1:] for tile in _page(log, tmp_path)["tiles"]}
    assert (tiles["wall time"][0], tiles["cost"][0], tiles["simulations"][0]) == (wall, cost, "3")
    assert sum(int(tiles[name][1].split()[0]) for name in ("model calls", "tool calls")) == failed
    stats = json.loads(_written(stats_json, log, tmp_path, "stats.json"))["totals"]
    packed, as_json = perfetto.write(log, tmp_path / "out", OPTIONS)
    trace = next(event["args"] for event in Reader().events(gzip.decompress(packed.read_bytes())) if event["name"] == "run")
    _written(csv_tables, log, tmp_path, "runs.csv")
    row = pd.read_csv(tmp_path / "out" / "runs.csv").iloc[0]
    for figures in (stats, trace, json.loads(as_json.read_text())["otherData"]["totals"], row):
        assert figures["wall_ms"] == pytest.approx(wanted["wall_ms"], abs=0.01)
        assert figures["cost_usd"] == pytest.approx(wanted["cost_usd"])
        assert (figures["simulations"], figures["attempts"], figures["errors"]) == (3, 4, failed)


def _terminal(log: RunLog) -> str:
    page = io.StringIO()
    console.show(all_sections(log, OPTIONS), Console(file=page, width=250))
    return page.getvalue()


def _written(report: Any, log: RunLog, folder: Path, name: str) -> str:
    report.write(log, folder / "out", OPTIONS)
    return (folder / "out" / name).read_text()


def _picture(log: RunLog) -> list[str]:
    """Its texts before it is saved, as one."""
    figure = overview(timeline_of(log), "run", totals_of(log))
    return [" ".join(text.get_text() for text in figure.findobj(Text))]


def _page(log: RunLog, folder: Path) -> dict[str, Any]:
    found = re.search(r'type="application/json"[^>]*>(.*?)</script>', _written(page, log, folder, "report.html"), re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_a_log_whose_level_leaves_calls_out_has_the_totals_that_its_simulations_sum_up(tmp_path: Path) -> None:
    """At INFO there is no call but the failed ones, which are warnings."""
    sample = Sample()
    sample.start()
    sample.simulation("0", 0.0, llm_errors=1)
    sample.lines = [line for line in sample.lines if not line.startswith(("[PROFILE]", "[USER_JUDGE]"))]
    sample.model_call("llm_call", "0", 30.0, 0, error=True, input_tokens=None, output_tokens=None, cost_usd=None)
    found = totals_of(load_log(write(tmp_path / "tau2_retail.log", [sample]))).as_json()
    assert (found["model_calls"], found["model_errors"], found["tool_calls"], found["tool_errors"]) == (6 + 6 + 1, 1, 6, 0)
    assert found["cost_usd"] == pytest.approx(0.024)


def test_what_a_log_does_not_say_is_unknown_in_the_totals_and_never_0(tmp_path: Path) -> None:
    sample = Sample()
    sample.event("task_start", "0", 0.0)
    found = totals_of(load_log(write(tmp_path / "tau2_retail.log", [sample])))
    assert (found.wall_ms, found.model_calls.made, found.errors) == (None, None, None)
    assert found.shown["wall time"] == "unknown"
    assert found.shown["errors"] == "unknown model calls, unknown tool calls"


def test_waits_before_retries_are_drawn_as_such_and_not_as_other_time(tmp_path: Path) -> None:
    """As in the time budget: two waits at one time, as of two experts, count once."""
    sample = Sample()
    sample.start()
    sample.event("task_start", "0", 0.0, start_ms=0.0)
    sample.event("retry", "0", 110.0, start_ms=100.0, wait_ms=300.0, attempt=2)
    sample.event("retry", "0", 210.0, start_ms=200.0, wait_ms=300.0, attempt=2)
    sample.timed("evaluation", "0", 600.0, 100.0)
    sample.event("retry", "0", 620.0, start_ms=610.0, wait_ms=50.0, attempt=2)
    sample.timed("task_end", "0", 0.0, 1000.0, status="ok", reward=1.0, llm_ms=0.0, evaluation_ms=100.0, other_ms=900.0)
    log = load_log(write(tmp_path / "tau2_retail.log", [sample]))
    drawn = time_by_kind(timeline_of(log).rows, timeline_of(log))
    assert {name: float(drawn[name].iloc[0]) for name in ("retry", "evaluation", "other")} == {
        "retry": 450.0, "evaluation": 50.0, "other": 500.0,
    }  # fmt: skip
    sims = run_data(timeline_of(log))["sims"]
    assert [sims[f"{name}_ms"] for name in ("retry_wait", "evaluation", "other")] == [[450_000], [50_000], [500_000]]
    row = log.budget().iloc[0]
    assert [row[f"{name}_ms"] for name in ("retry_wait", "evaluation", "other")] == [450.0, 50.0, 500.0]
