"""How well token times are measured: a simulated model server is told what to take, real litellm clients run tau2 against it, and the
log is held against the server's own journal.

    python -m benchmarks.token_times                          1 and 32 simulations at a time, about a minute
    python -m benchmarks.token_times --domain retail          with its long prompts, which keep litellm busy

Differences in ms between what the log says and what the server was told: `ttft` to the first token, `decode` from the first to the last.
`sent` is how late the server itself was: what the figures are good for.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import numpy as np
from rich.console import Console

from tau2_logging.events import decode
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import ModelChoice, RunConfig

SHOWN = (0, 50, 95, 99, 100)


def measure(domain: str, concurrency: int, trials: int, told: dict[str, float], directory: Path) -> dict[str, Any]:
    """Run, and compare. `told` is what the server is to take, in ms."""
    journal = directory / "journal.jsonl"
    command = [sys.executable, "-m", "tau2_logging.models.simulated_server", "sim", "--port", "0", "--journal", str(journal)]
    latency = ["--ttft-ms", str(told["ttft"]), "--itl-ms", str(told["itl"]), "--reply-tokens", "20", "--lifetime", "300"]
    with subprocess.Popen([*command, *latency], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        model = ModelChoice("hosted_vllm/sim", {"api_base": f"{server.stdout.readline().split()[-1]}/v1"})
        config = RunConfig(
            domains=(domain,), num_tasks=8, num_trials=trials, max_concurrency=concurrency, agent_model=model, user_model=model,
            log_dir=directory, progress=False, ttft="on",
        )  # fmt: skip
        run(config, None, [], Console(file=io.StringIO()))
        server.terminate()
    exchanges = [json.loads(line) for line in journal.open()]
    decode_ms = {(one["prompt_tokens"], one["completion_tokens"]): one["decode_ms"] for one in exchanges}
    events = [decode(line) for line in (directory / f"tau2_{domain}.log").read_text().splitlines()]
    calls = [event for event in events if event.type in ("llm_call", "user_sim")]
    return {
        "calls": len(calls),
        "ttft": _spread([float(call.get("ttft_ms") or 0) - told["ttft"] for call in calls]),
        "decode": _spread(
            [float(call.get("decode_ms") or 0) - decode_ms[call.get("input_tokens"), call.get("output_tokens")] for call in calls]
        ),
        "sent": _spread([one["ttft_sent_ms"] - one["ttft_ms"] for one in exchanges]),
    }


def _spread(values: list[float]) -> list[float]:
    return [round(float(value), 2) for value in np.percentile(values, SHOWN)]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.token_times", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--domain", default="mock")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--ttft-ms", type=float, default=300.0)
    parser.add_argument("--itl-ms", type=float, default=15.0)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    figures = {}
    print(f"{'at a time':>10}{'calls':>7}  {'':8}" + "".join(f"{f'p{at}':>9}" for at in SHOWN) + "   ms more than the server was told")
    for number in options.concurrency:
        with tempfile.TemporaryDirectory() as name:
            told = {"ttft": options.ttft_ms, "itl": options.itl_ms}
            figures[number] = found = measure(options.domain, number, max(number // 4, 1), told, Path(name))
        for kind in ("ttft", "decode", "sent"):
            print(f"{number:10}{found['calls']:7}  {kind:8}" + "".join(f"{value:9.2f}" for value in found[kind]))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
