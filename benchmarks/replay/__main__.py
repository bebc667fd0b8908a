"""Are replays the recorded runs? Runs are recorded, replayed from their folder and from their results files, and compared.

    python -m benchmarks.replay [scripted] [server] [--tasks N] [--simulations N] [--json FILE]        about 5 minutes

`scripted`: the base split of all three domains (278 simulations) with the scripted models. `server`: 40 simulations of retail against the
simulated server, which plays agent and user with fixed dice. Compared are the conversation with its tool calls and their ids, the reward
and its parts, how it ended, and tau2's hash of both databases at the end. It fails if one of them differs, or if a replay makes a request.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from rich.console import Console

from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.runner.session import run
from tau2_logging.runner.settings.config import SCRIPTED_JUDGE, ModelChoice, RunConfig

DOMAINS = ("retail", "airline", "telecom")
_OWN = {"timestamp", "cost", "usage", "raw_data", "turn_idx", "generation_time_seconds"}
"""What a message has of its own, if another says the same, too."""
Key = tuple[str, str, int]


def finished(config: RunConfig) -> Path:
    """Run to the end; the folder of the run."""
    out = io.StringIO()
    if run(config, None, [], Console(file=out)) != 0:
        raise SystemExit(f"a run failed:\n{out.getvalue()}")
    return config.log_dir / "runs" / str(config.run_name)


def recorded(directory: Path, name: str, **settings: Any) -> RunConfig:
    """A run whose structured events hold the hashes of the databases."""
    return RunConfig(log_dir=directory, run_name=name, progress=False, events=True, max_concurrency=4, **settings)


def simulations(folder: Path) -> dict[Key, str]:
    """Of each simulation what has to be the same in a replay, as text."""
    hashes = dict(_hashes(folder))
    found = {}
    for path in sorted(folder.glob("results_*.json")):
        domain = path.stem.removeprefix("results_")
        for one in json.loads(path.read_text())["simulations"]:
            key = (domain, one["task_id"], one["trial"])
            said = [{name: value for name, value in message.items() if name not in _OWN} for message in one["messages"]]
            found[key] = json.dumps([said, one["reward_info"], one["termination_reason"], one["seed"], hashes.get(key)], sort_keys=True)
    return found


def _hashes(folder: Path) -> Iterator[tuple[Key, Any]]:
    """Yield tau2's hashes of the agent's and the user's database at the end of each simulation."""
    for path in folder.glob("events_*.jsonl"):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event["type"] == "state_snapshot" and event["moment"] == "end":
                yield (event["domain"], event["task"], event["trial"]), [event["agent_hash"], event["user_hash"]]


def compared(original: Path, replays: Mapping[str, Path]) -> dict[str, Any]:
    """Return how many simulations there are, and how many of each replay are the same."""
    wanted = simulations(original)
    found: dict[str, Any] = {"simulations": len(wanted), "with_hashes": sum(not text.endswith("null]") for text in wanted.values())}
    for name, folder in replays.items():
        got = simulations(folder)
        found[name] = sum(got.get(key) == text for key, text in wanted.items())
    return found


def replays_of(directory: Path, original: Path, **settings: Any) -> dict[str, Path]:
    """Replay a run from its folder, and each of its domains from its results file (as somebody else's would be)."""
    folder = finished(recorded(directory, "from_folder", **settings, **_models(original)))
    found = {"from_folder": folder}
    for domain in settings["domains"]:
        results = original / f"results_{domain}.json"
        alone = finished(recorded(directory, f"from_results_{domain}", **{**settings, "domains": (domain,)}, **_models(results)))
        together = directory / "runs" / "from_results"
        together.mkdir(exist_ok=True)
        for name in (f"results_{domain}.json", f"events_{domain}.jsonl"):
            (alone / name).rename(together / name)
        found["from_results"] = together
    return found


def _models(recording: Path) -> dict[str, Any]:
    model = ModelChoice(f"recorded/{recording}", {}, named=True)
    return {"agent_model": model, "user_model": model, "judge_model": ModelChoice(model.llm)}


def scripted(directory: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The base split of the three domains."""
    settings: dict[str, Any] = {"domains": DOMAINS, "num_tasks": options.tasks}
    started = time.monotonic()
    original = finished(recorded(directory, "original", **settings, judge_model=ModelChoice(SCRIPTED_JUDGE)))
    played_s = time.monotonic() - started
    replays = replays_of(directory, original, **settings)
    return {
        "name": "scripted",
        **compared(original, replays),
        "requests": _not_replayed(directory),
        "recorded_s": round(played_s, 1),
        **_sizes(original),
    }


def _not_replayed(directory: Path) -> int:
    """Return how many model calls of the replays were not answered by a recording."""
    kinds = tuple(f" type={kind} " for kind in MODEL_CALL_TYPES)
    lines = (line for path in directory.glob("tau2_*.log") for line in path.read_text().splitlines())
    return sum(" run=original " not in line and " call_type=recorded " not in line for line in lines if any(kind in line for kind in kinds))


def server(directory: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Retail against the simulated server, whose journal shows what it was asked."""
    settings: dict[str, Any] = {"domains": ("retail",), "num_tasks": options.simulations}
    with SimulatedServer(ServerSettings(seed=7, turns=4)) as served:
        model = ModelChoice("openai/sim", {"api_base": served.base_url, "api_key": "none"}, named=True)
        original = finished(recorded(directory, "original", **settings, agent_model=model, user_model=model, judge_model=model))
        asked = len(served.journal)
        replays = replays_of(directory, original, **settings)
        return {
            "name": "server", **compared(original, replays), "recorded_requests": asked, "requests": len(served.journal) - asked,
            **_sizes(original),
        }  # fmt: skip


def _sizes(folder: Path) -> dict[str, float]:
    """Return the megabytes of the results, and of the checkpoint with its prompts."""

    def megabytes(pattern: str) -> float:
        return round(sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6, 2)

    return {"results_mb": megabytes("results_*"), "checkpoint_mb": megabytes("simulations_*"), "prompts_mb": megabytes("prompts_*")}


PARTS = {"scripted": scripted, "server": server}


def main() -> None:
    """Print a line for each part; exit code 1 if a replay differs or makes a request."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=f"{' or '.join(PARTS)} (default: both)")
    parser.add_argument("--tasks", type=int, metavar="N", help="tasks of each domain (default: all)")
    parser.add_argument("--simulations", type=int, default=40, metavar="N", help="of the server (default: 40)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    figures = []
    for name in options.parts:
        with tempfile.TemporaryDirectory() as directory:
            figures.append(PARTS[name](Path(directory), options))
        print("  ".join(f"{key} {value}" for key, value in figures[-1].items()), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    same = all(one["simulations"] == one["from_folder"] == one["from_results"] and one["requests"] == 0 for one in figures)
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
