"""Structured events of a script of one's own."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.errors import UserError
from tau2_logging.events import CorrectionEvent, StructuredEvent, read_events
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.logging import ExecutionEvent, ExecutionLogger, ToolExecutionEvent
from tau2_logging.sinks import MemorySink


@dataclass
class CostEstimateEvent(ExecutionEvent):
    """A kind of one's own."""

    estimate: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.source = f"estimate:{self.estimate}"


def test_a_tool_call_is_written_as_a_run_writes_it_and_analyzed(tmp_path: Path) -> None:
    """Shape, masking, result, time in ms; the signature is unknown, so that nothing is said to be missing."""
    path = tmp_path / "execution.jsonl"
    with ExecutionLogger(str(path)) as logger:
        logger.log_tool_execution("book", True, 0.5, {"flight": "HAT1", "password": "hunter2"}, result=[1, 2])
        logger.log_tool_execution(tool_name="book", success=False, execution_time=None, error_message="no seat", error_type="ValueError")
        assert logger.get_statistics() == {
            "total_events": 2, "event_counts": {"tool_execution": 2}, "failed_tool_executions": 1, "log_file": path,
        }  # fmt: skip
        assert list(read_events(path)) == logger.events
    good, bad = logger.events
    assert isinstance(good, ToolExecutionEvent)
    assert (good.tool, good.success, good.duration_ms, good.argument_count, good.result_type) == ("book", True, 500.0, 2, "array")
    assert "hunter2" not in path.read_text()
    assert (bad.duration_ms, bad.error_message, bad.error_type) == (None, "no seat", "ValueError")  # type: ignore[attr-defined]
    calls = LogAnalyzer(path).recorded.calls
    assert calls["error"].tolist() == [False, True]
    assert calls["missing"].tolist() == [None, None]


def test_an_event_of_ones_own_kind_is_read_back_with_its_fields(tmp_path: Path) -> None:
    path = tmp_path / "execution.jsonl"
    with ExecutionLogger(path) as logger:
        logger.log_event(CostEstimateEvent(timestamp=0.0, estimate="tokens", figures={"usd": 1.5, "api_key": "secret"}))
        logger.log_event(CorrectionEvent(tool="book", outcome="told"))
    own, ours = read_events(path)
    assert type(own) is StructuredEvent
    assert (own.type, own.time[:4]) in (("cost_estimate", "1970"), ("cost_estimate", "1969"))
    assert own.extra["source"] == "estimate:tokens"
    assert own.extra["figures"] == {"usd": 1.5, "api_key": "***"}
    assert isinstance(ours, CorrectionEvent)
    assert ours.time


def test_within_a_simulation_an_event_says_where_it_belongs(tmp_path: Path) -> None:
    logger = ExecutionLogger(tmp_path / "execution.jsonl")
    run = EventLogger("run-1", [MemorySink()])
    with simulation_scope(run, "retail", "7", trial=2) as simulation:
        simulation.step = 4
        logger.log_tool_execution("book", True, 0.1)
    run.close()
    logger.close()
    (event,) = logger.events
    assert (event.run, event.domain, event.task, event.trial, event.step) == ("run-1", "retail", "7", 2, 4)


def test_lines_wait_for_the_buffer_unless_each_is_flushed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """None is lost, whichever thread wrote it."""
    path = tmp_path / "execution.jsonl"
    logger = ExecutionLogger(path, auto_flush=False, buffer_size=3, console_output=True)
    logger.log_tool_execution("a", True, 0.1)
    assert path.read_text() == ""
    writers = [threading.Thread(target=lambda: [logger.log_tool_execution("b", True, 0.1) for _ in range(20)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    logger.close()
    assert len(list(read_events(path))) == 81
    assert [json.loads(line)["tool"] for line in capsys.readouterr().out.splitlines()].count("b") == 80


def test_a_file_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write"):
        ExecutionLogger(tmp_path)
    assert ExecutionLogger().get_statistics()["log_file"] is None  # without a file events are kept in memory
