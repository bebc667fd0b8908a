"""What the agents make up for: the same tasks with tau2's agent and with ours, on scripted models with a known weakness.

    python -m benchmarks.agents                    retail and airline, about two minutes
    python -m benchmarks.agents --tasks 20         twenty of each

mistakes   87 % of the model's calls of write tools have wrong arguments, 20 % once it is told what the tool takes. Compared is the share of
           executed write calls that fail, with llm_agent and with retry_agent.
fault-free the same two agents on a model without faults: no difference is expected, and none is to be claimed.
context    the model loses the thread in prompts of more than --limit tokens. Compared is the reward, with llm_agent and with context_agent.

Pairs are tasks. The interval is a bootstrap over tasks (2,000 resamples, Efron & Tibshirani 1993, ch. 13; whole tasks are drawn, so the
calls of one task stay together), the p-value a sign-flip permutation test of the mean difference (10,000 flips, two-sided; 1 where every
difference is 0).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import numpy as np
from rich.console import Console

from tau2_logging.events import ToolExecutionEvent, decode, read_events
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, ModelChoice, RunConfig

DOMAINS = ("retail", "airline")
Pairs = dict[tuple[str, str], np.ndarray[Any, Any]]
"""(failed, made) or (reward, 1) by task."""


@dataclass(frozen=True)
class Side:
    """One run: counts by task, and what the log says of the prompts."""

    failed: Pairs
    reward: Pairs
    longest_prompt: int
    miscounted: int


def play(directory: Path, name: str, agent: str, settings: dict[str, Any], model: dict[str, Any], tasks: int | None) -> Side:
    """Run the tasks with an agent and a model."""
    config = RunConfig(
        domains=DOMAINS, num_tasks=tasks, agent=agent, agent_args=settings, agent_model=ModelChoice(SCRIPTED_AGENT, model),
        judge_model=ModelChoice(SCRIPTED_JUDGE), log_dir=directory / name, run_name=name, progress=False, events=True,
    )  # fmt: skip
    run(config, console=Console(file=io.StringIO()))
    failed: Pairs = defaultdict(lambda: np.zeros(2))
    reward: Pairs = {}
    longest, miscounted, counted = 0, 0, {}
    for domain in DOMAINS:
        for event in read_events(directory / name / "runs" / name / f"events_{domain}.jsonl"):
            if isinstance(event, ToolExecutionEvent) and event.tool_type == "write":
                failed[domain, str(event.task)] += (not event.success, 1)
        for line in (directory / name / f"tau2_{domain}.log").read_text().splitlines():
            entry = decode(line)
            if entry.type == "task_end":
                reward[domain, str(entry.task)] = np.array([float(entry.get("reward") or 0), 1.0])
            elif entry.type == "context_reduction":
                counted[entry.task] = entry.get("tokens_after")
            elif entry.type == "llm_call":
                longest = max(longest, int(entry.get("input_tokens") or 0))
                miscounted += counted.pop(entry.task, entry.get("input_tokens")) != entry.get("input_tokens")
    return Side(failed, reward, longest, miscounted)


def compare(before: Pairs, after: Pairs) -> dict[str, Any]:
    """Two pooled shares with their intervals, their difference with its own, and the paired test."""
    keys = sorted(before.keys() & after.keys())
    pair = np.array([[before[key], after[key]] for key in keys])
    source = np.random.default_rng(0)
    drawn = source.integers(0, len(keys), (2000, len(keys)))
    shares = _shares(pair[drawn].sum(axis=1))
    whole = _shares(pair.sum(axis=0)[None])[0]
    each = pair[:, 1, 0] / pair[:, 1, 1] - pair[:, 0, 0] / pair[:, 0, 1]
    return {
        "tasks": len(keys),
        "counts": pair.sum(axis=0).tolist(),
        "before": _with_interval(whole[0], shares[:, 0]),
        "after": _with_interval(whole[1], shares[:, 1]),
        "difference": _with_interval(whole[1] - whole[0], shares[:, 1] - shares[:, 0]),
        "p": _sign_flip(each, source),
    }


def _shares(sums: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return sums[..., 0] / sums[..., 1]


def _with_interval(value: float, resampled: np.ndarray[Any, Any]) -> list[float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return [float(value), float(low), float(high)]


def _sign_flip(differences: np.ndarray[Any, Any], source: np.random.Generator) -> float:
    if not differences.any():
        return 1.0
    signs = source.choice([-1.0, 1.0], (10_000, len(differences)))
    means = np.abs((signs * differences).mean(axis=1))
    return float((1 + (means >= abs(differences.mean()) - 1e-12).sum()) / 10_001)


def report(title: str, what: str, row: dict[str, Any]) -> None:
    """Print a comparison."""
    (a, b), (c, d) = row["counts"]
    print(f"\n{title}: {what}, {row['tasks']} tasks")
    for name, (value, low, high), count in (("llm_agent", row["before"], f"{a:g} of {b:g}"), ("ours", row["after"], f"{c:g} of {d:g}")):
        print(f"  {name:10} {value:7.1%}  95 % interval {low:.1%} to {high:.1%}   ({count})")
    value, low, high = row["difference"]
    print(f"  difference {value:+7.1%}  95 % interval {low:+.1%} to {high:+.1%}   paired test p = {row['p']:.4g}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agents", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, help="tasks of each domain (default: all)")
    parser.add_argument("--limit", type=int, default=6500, help="prompt tokens from which on the model loses the thread (default: 6500)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        for title, model in (("mistakes", {"bad_writes": 0.87}), ("fault-free", {})):
            plain, ours = (play(directory, f"{title}-{agent}", agent, {}, model, options.tasks) for agent in ("llm_agent", "retry_agent"))
            figures[title] = compare(plain.failed, ours.failed)
            report(title, "write calls that failed", figures[title])
            figures[f"{title} reward"] = compare(plain.reward, ours.reward)
            report(title, "reward", figures[f"{title} reward"])
        weak = {"context_limit": options.limit}
        plain = play(directory, "context-llm_agent", "llm_agent", {}, weak, options.tasks)
        ours = play(directory, "context-context_agent", "context_agent", {"limit": options.limit}, weak, options.tasks)
        figures["context"] = compare(plain.reward, ours.reward)
        report("context", "reward", figures["context"])
        prompts = {"limit": options.limit, "longest_before": plain.longest_prompt, "longest_after": ours.longest_prompt}
        figures["context"].update(prompts, miscounted=ours.miscounted)
        print(f"  longest prompt: {plain.longest_prompt} and {ours.longest_prompt} tokens; prompts miscounted: {ours.miscounted}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
