"""A run's model calls as a load: AIPerf replays them against the server that the run had, and the figures are compared.

    python -m venv /tmp/aiperf && /tmp/aiperf/bin/pip install aiperf
    python -m benchmarks.trace_load /tmp/aiperf/bin/aiperf [--tasks 10]

Exit code 1 if AIPerf loses a request, or if its time to first token or throughput differ by more than 10 % from the run's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import litellm

from tau2_logging.analysis import load_log
from tau2_logging.analysis.recordings.load_formats import AIPERF, trace_rows
from tau2_logging.analysis.recordings.load_trace import LoadTrace, load_trace
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer

TOKENIZERS = Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers"
"""litellm's copies of OpenAI's tokenizers: AIPerf's `builtin` would download them."""

MOST = 0.10
SETTINGS = ServerSettings(ttft_ms=80, itl_ms=5, batch_size=4, reply_tokens=40)


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("aiperf", help="AIPerf's command")
    parser.add_argument("--tasks", type=int, default=10)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tau2_replay_") as name:
        folder = Path(name)
        with SimulatedServer(SETTINGS) as server:
            trace, run = _run(server.base_url, folder, args.tasks)
        with SimulatedServer(SETTINGS) as server:
            replay = _replay(args.aiperf, server.url, folder, trace)
    print(json.dumps({"run": run, "replay": replay}, indent=2))
    close = all(abs(replay[figure] / run[figure] - 1) <= MOST for figure in ("ttft_ms", "requests_s", "output_tokens_s"))
    return 0 if close and replay["requests"] == run["requests"] else 1


def _run(url: str, folder: Path, tasks: int) -> tuple[LoadTrace, dict[str, float]]:
    """Run tasks with the agent on the server; what was asked, and its figures by the log."""
    words = [
        "--domains",
        "retail",
        "--num-tasks",
        str(tasks),
        "--max-concurrency",
        "8",
        "--max-steps",
        "40",
        "--ttft",
        "on",
        "--no-progress",
    ]
    model = ["--agent-llm", "openai/sim", "--agent-llm-args", json.dumps({"api_base": url, "api_key": "none"})]
    command = [sys.executable, "run_local.py", *words, *model, "--log-dir", str(folder / "logs")]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
    log = load_log(folder / "logs" / "tau2_retail.log")
    trace, calls = load_trace(log), log.select(types=("llm_call",))
    seconds = max(one.end_ms for one in trace.requests) / 1000
    return trace, {
        "requests": len(trace.requests), "ttft_ms": float(calls["ttft_ms"].mean()), "requests_s": len(trace.requests) / seconds,
        "output_tokens_s": sum(one.reply for one in trace.requests) / seconds, "prompt_tokens": sum(one.prompt for one in trace.requests),
    }  # fmt: skip


def _replay(aiperf: str, url: str, folder: Path, trace: LoadTrace) -> dict[str, float]:
    """Return AIPerf's own figures of the replay."""
    file = folder / "trace.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in trace_rows(trace, AIPERF)), encoding="utf-8")
    words = ["--model", "sim", "--url", url, "--endpoint-type", "chat", "--streaming", "--input-file", str(file), "--tokenizer", "builtin"]
    words += ["--custom-dataset-type", "mooncake_trace", "--fixed-schedule", "--extra-inputs", "ignore_eos:true", "--workers-max", "2"]
    words += ["--ui", "none", "--no-gpu-telemetry", "--no-server-metrics", "--artifact-dir", str(folder / "aiperf")]
    env = {**os.environ, "TIKTOKEN_CACHE_DIR": str(TOKENIZERS)}
    subprocess.run([aiperf, "profile", *words], check=True, timeout=600, stdout=subprocess.DEVNULL, env=env)
    told: dict[str, Any] = json.loads((folder / "aiperf" / "profile_export_aiperf.json").read_text(encoding="utf-8"))
    return {
        "requests": told["request_count"]["avg"], "ttft_ms": told["time_to_first_token"]["avg"],
        "requests_s": told["request_throughput"]["avg"], "output_tokens_s": told["output_token_throughput"]["avg"],
        "prompt_tokens": told["input_sequence_length"]["sum"],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
