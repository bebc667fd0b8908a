"""Randomly damaged logs, events and results files: no traceback, no warning, no report lost. 1,000 of them in all formats:
`python -m benchmarks.damaged`.

The damage is the same each time: it is done to recorded files by default. A thorough test does it to those of a new run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.damaged import FORMATS, KINDS, Made, make_run, try_case
from tests.support.thorough import THOROUGH, scaled

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

SEED = 6
RECORDED = Path(__file__).resolve().parents[1] / "golden" / "damaged"
"""Four simulations of mock, made like those of the benchmark."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_run(tmp_path_factory.mktemp("run")) if THOROUGH else Made(RECORDED / "tau2_mock.log", RECORDED / "runs/recorded")


@pytest.mark.parametrize("number", range(scaled(3, 15) * len(KINDS)))
def test_a_damaged_input_gives_no_traceback_and_loses_no_report(number: int, made: Made, tmp_path: Path) -> None:
    """Each case is asked for three of the nine formats; of three cases of a kind, each format has its turn."""
    formats = FORMATS[number // len(KINDS) % 3 :: 3]
    outcome = try_case(made, number, SEED, formats, tmp_path)
    assert outcome.faults == ()
    assert outcome.code in (0, 1, 2)
