"""The log is read with grep and awk: the pipelines people have typed for years give the right number."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tau2_logging.events import Event, encode

NOW = "2026-11-20 17:45:01.123"
HOSTILE = "x type=llm_call duration_ms=999.0\n[PROFILE] 2026-11-20 17:45:01.123 task=1 thread=1 type=llm_call duration_ms=999.000"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Three calls of the agent's model, and a tool call whose names and values try to pass for one."""
    events = [Event(15, NOW, "7", 1, "llm_call", {"step": n, "model": "m", "duration_ms": ms}) for n, ms in enumerate((10.0, 20.5, 0.084))]
    events.append(
        Event(15, NOW, HOSTILE, 1, "tool_call", {"function": HOSTILE, "call_type": "local_function", "duration_ms": 1.0, "mine": HOSTILE})
    )
    path = tmp_path / "tau2_retail.txt"
    path.write_text("".join(f"{encode(event)}\n" for event in events), encoding="utf-8")
    return path


def shell(command: str) -> str:
    """What a pipeline prints."""
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.strip()


def test_the_mean_of_the_seeds_pipeline_is_that_of_the_model_calls(log: Path) -> None:
    """grep, grep -oP, cut and awk as the user types them; the hostile tool call is not counted."""
    mean = shell(f'grep "type=llm_call" {log} | grep -oP "duration_ms=\\d+\\.\\d+" | cut -d= -f2 | awk \'{{s+=$1}} END {{print s/NR}}\'')
    assert float(mean) == pytest.approx((10.0 + 20.5 + 0.084) / 3, rel=1e-5)


def test_one_event_is_one_line(log: Path) -> None:
    """wc -l counts events, grep -c counts those of a type."""
    assert shell(f"wc -l < {log}") == "4"
    assert shell(f'grep -c "type=llm_call" {log}') == "3"
    assert shell(f'grep -c " type=tool_call " {log}') == "1"
