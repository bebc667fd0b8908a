"""Randomly damaged logs, events and results files: no traceback, no warning, no report lost. 1,000 of them in all formats:
`python -m benchmarks.damaged`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.damaged import FORMATS, KINDS, Made, make_run, try_case
from tests.support.thorough import scaled

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

SEED = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("number", range(scaled(3, 15) * len(KINDS)))
def test_a_damaged_input_gives_no_traceback_and_loses_no_report(number: int, made: Made, tmp_path: Path) -> None:
    """Each case is asked for three of the nine formats, all of which have their turn."""
    formats = [FORMATS[(number + step) % len(FORMATS)] for step in (0, 3, 6)]
    outcome = try_case(made, number, SEED, formats, tmp_path)
    assert outcome.faults == ()
    assert outcome.code in (0, 1, 2)
