"""The two files of tau2-enhanced as one recording."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.recordings import load_results
from tau2_logging.errors import UserError
from tests.support.recordings import call, results, simulation, task, write

CALLS = [call("get_user", id="ann"), call("book", flight="HAT1"), call("get_user", id="ann")]
TOOK_S = (0.25, 0.5, 0.125)
AHEAD = timedelta(hours=7)


def event(made: datetime, tool: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
    """An execution as the file has it: in seconds since 1970, seven hours ahead of the local times of the results."""
    at = (made + AHEAD).timestamp()
    return {"event_type": "ToolExecutionEvent", "timestamp": at, "tool_name": tool, "tool_args": arguments, "execution_time": seconds}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A simulation with three calls; each is executed once more by the evaluator, in another order and much slower."""
    told = simulation("1", 0, CALLS)
    answered = [datetime.fromisoformat(one["timestamp"]) for one in told["messages"] if one["role"] == "tool"]
    live = [event(at, one["tool"], one["arguments"], took) for at, one, took in zip(answered, CALLS, TOOK_S, strict=True)]
    end = answered[-1] + timedelta(seconds=20)
    repeated = [event(end, one["tool"], one["arguments"], 9.0) for one in CALLS]
    changed = {"event_type": "StateChangeEvent", "timestamp": end.timestamp(), "action_trigger": "book"}
    made = {"timestamp": (end + timedelta(seconds=3)).isoformat(), "execution_events": [*repeated, changed, *reversed(live)]}
    return write(tmp_path / "x.json", results([task("1")], [told])), write(tmp_path / "x_enhanced_logs.json", made)


def test_each_call_has_the_time_of_its_own_execution_and_repetitions_are_no_calls(files: tuple[Path, Path]) -> None:
    """Whichever of the two files is named, or both."""
    for named in (files[0], files[1], list(files), files[0].parent):
        calls = LogAnalyzer(named).recorded.calls
        assert calls["duration_ms"].tolist() == [1000 * seconds for seconds in TOOK_S]
    log, _ = load_results([files[1]])
    of_tools = log.events[log.events["type"] == "tool_call"]
    assert of_tools["duration_ms"].tolist() == [1000 * seconds for seconds in TOOK_S]
    assert set(of_tools["timing"]) == {"measured"}


def test_a_call_without_an_execution_at_its_time_is_as_long_as_the_gap_before_it(files: tuple[Path, Path]) -> None:
    """As without the second file."""
    files[1].write_text('{"execution_events": []}')
    assert LogAnalyzer(files[1]).recorded.calls["duration_ms"].isna().all()


def test_the_second_file_alone_says_what_it_lacks(files: tuple[Path, Path]) -> None:
    files[0].unlink()
    with pytest.raises(UserError, match=r"neither their tasks .* beside it, as x\.json"):
        LogAnalyzer(files[1])


@pytest.mark.parametrize("text", ["[]", '{"execution_events": [{"event_type": "ToolExecutionEvent"}]}', "{"])
def test_a_damaged_second_file_is_one_line(files: tuple[Path, Path], text: str) -> None:
    files[1].write_text(text)
    with pytest.raises(UserError, match="not a readable file of tau2-enhanced"):
        LogAnalyzer(files[0])
