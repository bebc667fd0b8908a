"""The times of tokens in the log are those the server was told to take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.runner.settings.config import ModelChoice
from tests.support.command import ROOT
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN

TTFT_MS, ITL_MS = 150.0, 10.0


@pytest.mark.parametrize(
    ("concurrency", "settings", "close_ms"),
    [(1, {"num_tasks": 1}, TTFT_MS / 3), (16, {"num_trials": 2}, TTFT_MS)],
    ids=["alone", "crowded"],
)
def test_measured_token_times_are_those_of_the_server(concurrency: int, settings: dict[str, Any], close_ms: float, tmp_path: Path) -> None:
    """TTFT and decode time are what the server was told to take, and no TTFT is too short. Of one simulation a quarter of the calls, at
    least, is within a third of the TTFT, however busy the machine; of 16 that contend for a core or two, within the TTFT itself."""
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-m", "tau2_logging.models.simulated_server", "sim", "--port", "0", "--journal", str(journal)]
    latency = ["--ttft-ms", str(TTFT_MS), "--itl-ms", str(ITL_MS), "--reply-tokens", "15", "--lifetime", str(LONG_S)]
    with subprocess.Popen([*command, *latency], stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        base = server.stdout.readline().split()[-1]
        model = ModelChoice("hosted_vllm/sim", {"api_base": f"{base}/v1"})
        run_quietly(scripted(tmp_path, agent_model=model, user_model=model, max_concurrency=concurrency, ttft="on", **settings))
        server.terminate()
    told = {(line["prompt_tokens"], line["completion_tokens"]): line["decode_ms"] for line in map(json.loads, journal.open())}
    calls = of(RunFiles(tmp_path).events("mock"), "llm_call", "user_sim")
    late = [float(call.get("ttft_ms") or 0) - TTFT_MS for call in calls]
    longer = [float(call.get("decode_ms") or 0) - told[call.get("input_tokens"), call.get("output_tokens")] for call in calls]
    assert len(calls) >= concurrency
    assert {call.get("call_type") for call in calls} == {"vllm"}
    assert min(late) > -1.0  # a token cannot come before it was sent
    assert quarter(late) < close_ms
    assert quarter(longer) < close_ms


def quarter(errors: list[float]) -> float:
    """What a quarter of the errors is at most, without their signs."""
    return sorted(map(abs, errors))[len(errors) // 4]
