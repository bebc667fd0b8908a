"""Text that UTF-8 cannot hold (half of a pair of surrogates, which JSON can) ends no command that reads results files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tau2_logging.cli import analyze_timing, compare, results
from tests.support import recordings
from tests.support.recordings import call, simulation, task

HALF = "\ud83d"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two results files in one folder, with half a character in conversation, result, task, policy and name of the agent."""
    odd = simulation("7", 0, [call("look", f"found {HALF}", id=HALF)], reward=0.0)
    odd["messages"][0]["content"] = f"Hi {HALF}"
    odd["reward_info"] = {"reward": 0.0, "info": {"note": HALF}}
    data = recordings.results([task("7", {"name": "pay", "arguments": {"id": HALF}})], [odd, simulation("7", 1)], policy=f"Be {HALF}.")
    data["info"] |= {"agent_info": {"implementation": f"agent {HALF}", "llm": "gpt-4.1"}}
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    return tmp_path


def code(main: Callable[[list[str]], None], words: list[str]) -> object:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code


@pytest.mark.parametrize(
    "words",
    [
        ["to-atif", "a.json", "-o", "out"],
        ["to-log", "a.json", "-o", "out"],
        ["to-record", "a.json", "--organization", "x", "-o", "out.json"],
        ["filter", "a.json", "--task-ids", "7", "-o", "out.json"],
        ["merge", "a.json", "b.json", "-o", "out.json"],
    ],
    ids=lambda words: str(words[0]),
)
def test_results_are_written_in_other_forms(words: list[str], recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded)
    assert code(results.main, words) == 0
    assert list(recorded.glob("out*"))


def test_they_are_analyzed_and_compared(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded)
    formats = ["console", "csv", "json", "html", "markdown"]
    assert code(analyze_timing.main, ["--results", "a.json", "--deep", "--output_dir", "made", "--format", *formats]) == 0
    assert code(compare.main, ["a.json", "b.json", "--output-dir", "made2"]) == 0
    assert HALF not in "".join(path.read_text(encoding="utf-8") for path in recorded.glob("made*/*") if path.suffix != ".png")
