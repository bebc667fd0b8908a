"""Results files that others have published: every figure is that which plain code works out from the file's JSON.

The files are not part of this project. `TAU2_RESULTS=folder_or_file[:another]` names some, for instance the submissions of tau2-bench's
leaderboard; without it the test is skipped. The same checks run on a file of our own in test_recorded_results.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.recordings import load_results
from tau2_logging.cli import analyze_timing
from tests.support.by_hand import checked_actions, figures, reference_actions
from tests.support.by_hand_checks import check_deep, check_log

VARIABLE = "TAU2_RESULTS"


def named_files() -> list[Path]:
    """The JSON files that the environment names; of v1's folders the results.json, which stands for the simulations beside it."""
    places = [Path(place) for place in os.environ.get(VARIABLE, "").split(os.pathsep) if place]
    found = [path for place in places for path in (sorted(place.rglob("*.json")) if place.is_dir() else [place])]
    return [path for path in found if path.parent.name != "simulations"]


def whole(path: Path) -> dict[str, Any]:
    """The file's content, with the simulations that v1 keeps beside it."""
    data: dict[str, Any] = json.loads(path.read_text())
    beside = sorted((path.parent / "simulations").glob("*.json")) if path.name == "results.json" else []
    return {**data, "simulations": data.get("simulations") or [json.loads(one.read_text()) for one in beside]}


def check_command(path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says on standard error; it ends well and leaves its files."""
    with pytest.raises(SystemExit) as left:
        analyze_timing.main(["--results", str(path), "--deep", "--output_dir", str(out), "--format", "json"])
    assert left.value.code == 0
    assert {"stats.json", "deep.json"} <= {made.name for made in out.iterdir()}
    return capsys.readouterr().err


@pytest.mark.skipif(not named_files(), reason=f"no published results files at hand; name some with {VARIABLE}=folder")
@pytest.mark.parametrize("path", named_files(), ids=lambda path: str(path)[-80:])
def test_a_published_file_gives_its_own_figures(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Log, deep analysis and command; where tau2 noted which reference actions every simulation made, that is the recall."""
    data = whole(path)
    if not isinstance(data.get("tasks"), list) or any("task_id" not in one for one in data["simulations"]) or not data["simulations"]:
        pytest.skip("no results file of tau2, or one without simulations that say their task")
    log, missing = load_results([path])
    if all(one.get("messages") for one in data["simulations"]):
        found = figures(data)
        check_log(found, log)
        check_deep(found, data, path)
        checked, made = checked_actions(data), reference_actions(data)
        assert checked == made or checked[1] < made[1] or missing.counts["task"]
    said = check_command(path, tmp_path / "out", capsys)
    assert all(sentence in said for sentence in missing.sentences())
