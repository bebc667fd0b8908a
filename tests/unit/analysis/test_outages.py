"""Outages of model servers: the table against intervals worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.reports import csv_tables, markdown, stats_json
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tau2_logging.events import Event
from tests.unit.analysis.samples import event, llm, log_of, simulation, write

A, B = "a:8000", "b:8000"


def mark(type_: str, endpoint: str, start: float) -> Event:
    why = {"error_message": "connection refused"} if type_ == "server_down" else {}
    return event(type_, None, start / 1000, endpoint=endpoint, model="m", start_ms=start, **why)


def wait(task: str, start: float, ms: float, endpoint: str = A, error: bool = False) -> Event:
    more: dict[str, Any] = {"model": "hosted_vllm/m", "endpoint": endpoint, "attempt": 2, "error": error}
    return event("server_wait", task, (start + ms) / 1000, start_ms=start, wait_ms=ms, **more)


def two_outages(folder: Path) -> RunLog:
    """Server a is down from 1.0 to 4.2 s by two workers' word, and from 6 s on; b from 1.5 to 3 s. Of four simulations 1 and 2 waited, 3
    had a failed call at a. The failed call of 4 at 0.1 s was before a good answer."""
    events = [
        event("run_start", None, 0.0, start_ms=0.0),
        *simulation("4", 0.0, [llm("4", 0.0, 100.0, endpoint=A, error=True), llm("4", 200.0, 100.0, endpoint=A)]),
        *(mark(type_, A, at) for type_, at in (("server_down", 1000.0), ("server_down", 1100.0), ("server_up", 4000.0))),
        mark("server_up", A, 4200.0), mark("server_down", B, 1500.0), mark("server_up", B, 3000.0), mark("server_down", A, 6000.0),
        *simulation("1", 500.0, [wait("1", 1200.0, 3000.0)], duration_ms=5000.0),
        *simulation("2", 500.0, [wait("2", 2000.0, 1000.0, f"{A},{B}"), wait("2", 6500.0, 500.0, error=True)], duration_ms=6500.0),
        *simulation("3", 500.0, [llm("3", 600.0, 390.0, endpoint=A, error=True)], duration_ms=1000.0),
    ]  # fmt: skip
    return log_of(folder, events)


def test_an_outage_is_one_row_with_when_how_long_and_what_it_touched(tmp_path: Path) -> None:
    """Intervals over all workers' words; a server that was not back has no length; simulations over all that there are."""
    table = two_outages(tmp_path).outages()
    names = ["endpoint", "start_ms", "length_ms", "back", "failed_calls", "waits", "in_vain", "wait_ms", "simulations", "of_simulations"]
    rows = table[names].astype(object).where(table[names].notna(), None).to_numpy().tolist()
    assert rows == [
        [A, 1000.0, 3200.0, True, 1, 2, 0, 4000.0, 3, 4],
        [B, 1500.0, 1500.0, True, 0, 1, 0, 1000.0, 1, 4],
        [A, 6000.0, None, False, 0, 1, 1, 500.0, 1, 4],
    ]


def test_waits_for_servers_have_a_table_beside_retries(tmp_path: Path) -> None:
    log = two_outages(tmp_path)
    names = ["endpoint", "waits", "in_vain", "wait_ms", "longest_ms", "simulations", "of_simulations"]
    assert log.server_waits()[names].to_numpy().tolist() == [[A, 2, 1, 3500.0, 3000.0, 2, 4], [f"{A},{B}", 1, 0, 1000.0, 1000.0, 1, 4]]
    assert log.retries().empty


def test_a_log_of_each_domain_and_a_resumed_run_do_not_multiply_outages(tmp_path: Path) -> None:
    """Each word is in the log of every domain; an outage that was open when the run stopped is not joined to one after its resume."""
    first = [event("run_start", None, 0.0, start_ms=0.0), mark("server_down", A, 1000.0), *simulation("1", 0.0, duration_ms=2000.0)]
    again = [
        event("run_start", None, 60.0, start_ms=60_000.0), mark("server_down", A, 61_000.0), *simulation("1", 60_000.0, duration_ms=5000.0),
        mark("server_up", A, 62_500.0),
    ]  # fmt: skip
    paths = [write(tmp_path, [*first, *again], f"tau2_{domain}.log") for domain in ("airline", "retail")]
    log = load_log(paths)
    assert log.outages()["start_ms"].tolist() == [1000.0, 61_000.0]
    assert log.outages()["length_ms"].fillna(-1).tolist() == [-1, 1500.0]


def test_every_report_holds_them(tmp_path: Path) -> None:
    log, options = two_outages(tmp_path), ReportOptions()
    csv_tables.write(log, tmp_path, options)
    markdown.write(log, tmp_path, options)
    stats_json.write(log, tmp_path, options)
    assert (tmp_path / "outages.csv").read_text().count("\n") == 4
    assert (tmp_path / "server_waits.csv").read_text().count("\n") == 3
    assert "## Outages of model servers" in (tmp_path / "summary.md").read_text()
    assert [row["length_ms"] for row in json.loads((tmp_path / "stats.json").read_text())["outages"]] == [3200.0, 1500.0, None]
    titles = [section.title for section in all_sections(log, options)]
    assert {"Outages of model servers", "Waits for servers that were down"} <= {*titles}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_rate_of_recovery_has_turns_with_a_wrong_reply_below_it(share: float, tmp_path: Path) -> None:
    """Of four turns with a wrong reply (two with two of them); a turn of an attempt without a summary is in neither."""
    good = int(4 * share)
    turns = [(step, "asked_again") for step in (1, 1, 3, 5, 7, 7)] + [(step, "passed_on") for step in (1, 3, 5, 7)[good:]]
    counts = {"turns": 9, "model_calls": 15, "withheld": 6, "recovered": good, "passed_on": 4 - good, "told": 1}
    corrections = [event("correction", step=step, attempt=1, outcome=outcome) for step, outcome in [*turns, (9, "told")]]
    lost = [event("task_start", start_ms=0.0), event("correction", step=1, outcome="asked_again")]
    events = [*lost, *simulation(calls=[*corrections, event("agent_summary", **counts)]), *simulation("8", 50.0)]
    (row,) = log_of(tmp_path, events).recovery().to_dict("records")
    assert (row["wrong_turns"], row["recovery_rate"], row["simulations"], row["of_simulations"]) == (4, share, 1, 2)
    assert {name: row[name] for name in counts} == counts


def test_what_was_kept_is_weighted_by_what_was_seen(tmp_path: Path) -> None:
    """Sums over sums, not means of shares; a simulation whose prompts stayed as they were is in the denominator of simulations only."""

    def one(task: str, reductions: list[tuple[int, int]], seen: int, kept: int) -> list[Event]:
        made = [event("context_reduction", task, tokens_before=before, tokens_after=after) for before, after in reductions]
        saved = sum(before - after for before, after in reductions)
        known = {"reductions": len(made), "tokens_saved": saved, "identifiers_seen": seen, "identifiers_kept": kept}
        return simulation(task, calls=[*made, event("agent_summary", task, turns=3, **known)])

    events = [*one("1", [(1000, 400), (900, 500)], 30, 27), *one("2", [(100, 90)], 10, 3), *one("3", [], 0, 0)]
    log = log_of(tmp_path, events)
    (row,) = log.shortened_prompts().to_dict("records")
    assert (row["simulations"], row["shortened"], row["reductions"]) == (3, 2, 3)
    assert (row["tokens_saved"], row["saved_share"], row["information_kept_share"]) == (1010, 1010 / 2000, 30 / 40)
    assert log.recovery().empty
