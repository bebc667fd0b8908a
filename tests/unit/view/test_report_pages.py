"""Findings and reports of a run that is still going, and of two runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.view.report_pages import ReportPages
from tau2_logging.view.run_state import RunState
from tau2_logging.view.runs_folder import BROKEN_OFF, RUNNING, Run
from tests.support.report_samples import Sample, write


def open_run(folder: Path, **about: object) -> Path:
    sample = Sample()
    sample.start(**about)
    for task in range(6):
        sample.simulation(str(task), 100.0 * task, finish=task < 3)
    return write(folder / "tau2_retail.log", [sample])


def run_of(log: Path, status: str) -> Run:
    name = Sample().run
    return Run(name, RunState(name), {}, status, (log,), None)


def test_what_is_in_flight_is_no_finding_until_the_run_is_over(tmp_path: Path) -> None:
    """Simulations that have not ended yet have no score; of a run that broke off that is a finding."""
    log, pages = open_run(tmp_path), ReportPages()
    try:
        told = [" ".join(one["sentence"] for one in pages.findings(run_of(log, status))["findings"]) for status in (RUNNING, BROKEN_OFF)]
    finally:
        pages.close()
    assert ["no score" in text for text in told] == [False, True]


def test_findings_are_made_again_only_after_a_pause(tmp_path: Path) -> None:
    """Making took one second here: for twenty more the log may grow as it likes."""
    log, now = open_run(tmp_path), [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    pages = ReportPages(clock)
    try:
        first = pages.findings(run_of(log, RUNNING))
        with log.open("a") as file:
            file.write(log.read_text())
        assert pages.findings(run_of(log, RUNNING)) is first
        now[0] += 30.0
        assert pages.findings(run_of(log, RUNNING)) is not first
    finally:
        pages.close()


def test_runs_on_different_data_of_tau2_are_not_shown_beside_each_other(tmp_path: Path) -> None:
    """Tasks of the same name are not the same tasks."""
    runs = []
    for data in ("v0.2", "v1"):
        (tmp_path / data).mkdir()
        runs.append(run_of(open_run(tmp_path / data, tau2_data=data), BROKEN_OFF))
    pages = ReportPages()
    try:
        with pytest.raises(UserError, match=r"tau2's v0\.2 data.* and .*tau2's v1 data"):
            pages.comparison(*runs)
        assert pages.comparison(runs[0], runs[0]).exists()
    finally:
        pages.close()
