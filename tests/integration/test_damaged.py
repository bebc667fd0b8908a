"""Randomly damaged logs, events and results files: no traceback, no warning, no report lost. All 1,000: `python -m benchmarks.damaged`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.damaged import KINDS, Made, make_run, try_case

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

SEED = 6
FORMATS = ("json", "markdown", "trace", "html")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("number", range(5 * len(KINDS)))
def test_a_damaged_input_gives_no_traceback_and_loses_no_report(number: int, made: Made, tmp_path: Path) -> None:
    outcome = try_case(made, number, SEED, FORMATS, tmp_path)
    assert outcome.faults == ()
    assert outcome.code in (0, 1, 2)
