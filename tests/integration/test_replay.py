"""Recorded models: a run that another run's recording answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.cli import run_local
from tau2_logging.errors import UserError
from tau2_logging.logger.simulation import AGENT, USER
from tau2_logging.models.recorded import open_recording
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.runner.settings.from_options import new_config
from tests.support.command import in_process
from tests.support.executors import EXECUTORS, essence
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, of
from tests.support.thorough import scaled

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

DOMAINS = ("mock", "retail")
FAULTS = {"faults": {"invalid_args": 0.2, "unknown_tool": 0.1, "empty_reply": 0.25}, "seed": 3}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with faults of the agent's model, failed calls that were made again and replies that ended simulations."""
    log_dir = tmp_path_factory.mktemp("original")
    run_quietly(scripted(log_dir, agent=FAULTS, domains=DOMAINS, num_tasks=5, num_trials=2, max_concurrency=2, max_retries=1))
    return RunFiles(log_dir).only_run()


def replayed(log_dir: Path, recording: Path, args: dict[str, Any] | None = None, **settings: Any) -> RunConfig:
    """The same simulations, answered by a recording."""
    model = ModelChoice(f"recorded/{recording}", args or {}, named=True)
    judge = replace(model, named=False)
    chosen = {
        "agent_model": model,
        "user_model": model,
        "judge_model": judge,
        "domains": DOMAINS,
        "num_tasks": 5,
        "num_trials": 2,
        **settings,
    }
    agent = chosen.pop("agent", "llm_agent")
    return replace(scripted(log_dir, **chosen), agent=agent)


def results(folder: Path) -> dict[tuple[str, str, int], str]:
    """Of each simulation all but times and ids of messages; the ids of tool calls are kept, for the model has made them."""
    found = {}
    for path in folder.glob("results_*.json"):
        data = json.loads(path.read_text())["simulations"]
        texts = essence(data)
        for one in data:
            key = (one["task_id"], one["trial"])
            ids = [call["id"] for message in one["messages"] for call in message.get("tool_calls") or ()]
            text = re.sub(r"timestamp: [0-9T:.-]+", "", texts[key])
            found[(path.stem, *key)] = f"{text} {ids}"
    return found


@pytest.mark.parametrize("source", ["folder", "checkpoints", "results"])
def test_a_replay_is_the_recorded_run(original: Path, tmp_path: Path, source: str) -> None:
    """From the folder, a checkpoint or a results file of a run: trajectories, tool calls' ids, rewards and endings are the same, every
    call is answered by the recording and costs 0, and no model call of the run failed."""
    names = {"checkpoints": "simulations_{}.jsonl", "results": "results_{}.json"}
    for domain in DOMAINS if source in names else ("",):
        recording = original / names[source].format(domain) if domain else original
        config = replayed(tmp_path, recording, domains=(domain,) if domain else DOMAINS, run_name=f"replay{domain}")
        scored = _without_model_failures(original, domain) if source == "results" else None
        code, said = run_quietly(replace(config, task_ids=scored, num_tasks=None) if scored else config)
        assert code == 0, said
    replays = {key: text for folder in (tmp_path / "runs").iterdir() for key, text in results(folder).items()}
    assert replays
    assert replays.items() <= results(original).items()
    if source != "results":
        assert replays.keys() == results(original).keys()
    calls = [event for domain in DOMAINS for event in of(RunFiles(tmp_path).events(domain), "llm_call", "user_sim", "evaluator")]
    assert {(event.get("call_type"), event.get("cost_usd")) for event in calls} == {("recorded", 0.0)}


def _without_model_failures(folder: Path, domain: str) -> tuple[str, ...]:
    """Tasks of which a results file holds every reply: tau2 keeps none that its agent could not read."""
    data = json.loads((folder / f"results_{domain}.json").read_text())["simulations"]
    failed = {one["task_id"] for one in data if one["termination_reason"] == "agent_error"}
    return tuple(sorted({one["task_id"] for one in data} - failed))


def test_the_recording_has_failures_to_replay(original: Path) -> None:
    """Else the test above would say little: tool errors, loops, failed calls made again and simulations that a reply ended."""
    rows = [json.loads(line) for domain in DOMAINS for line in (original / f"simulations_{domain}.jsonl").read_text().splitlines()]
    assert {"user_stop", "too_many_errors", "agent_error"} & {row["termination"] for row in rows} >= {"user_stop", "agent_error"}
    files = RunFiles(original.parents[1])
    assert any(of(files.events(domain), "retry") for domain in DOMAINS)
    assert any(event.get("error") for domain in DOMAINS for event in of(files.events(domain), "tool_call"))


@pytest.mark.parametrize("executor", EXECUTORS[1 : scaled(2, 3)])
def test_workers_replay_without_the_recording(original: Path, tmp_path: Path, executor: str) -> None:
    """Worker processes, and Ray (thorough), give the same results as the recorded run: their part of it comes with each simulation."""
    config = replayed(tmp_path, original, executor=executor, workers=1, domains=("mock",), num_tasks=4, max_concurrency=2)
    code, said = run_quietly(config)
    assert code == 0, said
    found = results(RunFiles(tmp_path).only_run())
    assert len(found) == 8
    assert found.items() <= results(original).items()


def test_a_live_run_says_what_it_replays(original: Path, tmp_path: Path) -> None:
    """run_start has the recordings by role; the run says that they answer."""
    code, said = run_quietly(replayed(tmp_path, original, domains=("mock",), num_tasks=2, num_trials=1))
    assert code == 0, said
    assert "Recordings answer for agent and user and judge" in said
    (start,) = of(RunFiles(tmp_path).events("mock"), "run_start")
    assert start.get("replayed_from") == f"agent={original},user={original},judge={original}"


CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a word of the system prompt": (
        lambda agent: setattr(agent, "domain_policy", agent.domain_policy.replace("user", "customer", 1)),
        r"agent's call 1 of \d+: system prompt: after '.*': 'user.*' was recorded, 'customer.*' is sent",
    ),
    "the description of a tool": (
        lambda agent: setattr(agent.tools[1], "short_desc", "Makes nothing."),
        r"agent's call 1 of \d+: tool \w+: description .*is sent",
    ),
    "the order of a tool's arguments": (
        lambda agent: _reverse_arguments(agent.tools[0]),
        r"agent's call 1 of \d+: tool \w+: parameters.properties has other order: \w+, \w+.* was recorded, \w+, \w+.* is sent",
    ),
    "a tool that is missing": (lambda agent: agent.tools.pop(), r"agent's call 1 of \d+: tool \w+: it is not offered any more"),
}


def _reverse_arguments(tool: Any) -> None:
    fields = dict(reversed(tool.params.model_fields.items()))
    tool.params.model_fields.clear()
    tool.params.model_fields.update(fields)
    tool.params.model_rebuild(force=True)


@pytest.fixture
def changed_agent(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of tau2's own agent with a change in it, registered with tau2."""
    from tau2.agent.llm_agent import LLMAgent
    from tau2.registry import registry

    class Changed(LLMAgent):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            request.param(self)

    registry._agents["changed"] = Changed
    yield "changed"
    del registry._agents["changed"]


@pytest.mark.parametrize(("changed_agent", "words"), CHANGES.values(), ids=CHANGES, indirect=["changed_agent"])
def test_a_changed_prompt_is_found_at_the_first_call_and_named(original: Path, tmp_path: Path, changed_agent: str, words: str) -> None:
    """In a strict replay the simulation ends there, with status error and no reward, and the run says where and which words."""
    config = replayed(tmp_path, original, agent=changed_agent, domains=("mock",), num_tasks=1, num_trials=1)
    code, said = run_quietly(config)
    assert code == 1
    (end,) = of(RunFiles(tmp_path).events("mock"), "task_end")
    assert (end.get("status"), end.get("reward"), end.get("error_type"), end.get("llm_calls")) == ("error", None, "PromptDiffers", 0)
    assert re.search(words, str(end.get("error_message"))), end.get("error_message")
    assert "1 of 1 replayed simulations differ from the recording" in said


@pytest.mark.parametrize("changed_agent", [CHANGES["a word of the system prompt"][0]], ids=["changed"], indirect=True)
def test_a_loose_replay_goes_on(original: Path, tmp_path: Path, changed_agent: str) -> None:
    """With the recorded answers, to the recorded end; it says that prompts differ."""
    settings: dict[str, Any] = {"agent": changed_agent, "domains": ("mock",), "num_tasks": 3, "num_trials": 1}
    code, said = run_quietly(replayed(tmp_path, original, {"mode": "loose"}, **settings))
    assert code == 0, said
    assert results(RunFiles(tmp_path).only_run()).items() <= results(original).items()
    assert "3 of 3 replayed simulations differ from the recording" in said


@pytest.mark.parametrize("changed_agent", [CHANGES["a word of the system prompt"][0]], ids=["changed"], indirect=True)
def test_a_fallback_takes_over(original: Path, tmp_path: Path, changed_agent: str) -> None:
    """From the first prompt that differs the live model answers, under its own name in the log."""
    args = {"fallback": "scripted/agent", "fallback_args": {"ttft_ms": 1}}
    settings: dict[str, Any] = {"agent": changed_agent, "domains": ("mock",), "num_tasks": 2, "num_trials": 1}
    config = replayed(tmp_path, original, **settings)
    code, said = run_quietly(replace(config, agent_model=replace(config.agent_model, args=args), user_model=ModelChoice("scripted/user")))
    assert code == 0, said
    events = RunFiles(tmp_path).events("mock")
    assert {event.get("model") for event in of(events, "llm_call")} == {"scripted/agent"}
    assert "scripted/agent answers from here on" in said


def test_recorded_latencies(original: Path, tmp_path: Path) -> None:
    """A recorded call takes as long again if that is asked for."""
    slow = tmp_path / "slow"
    one = {"domains": ("mock",), "num_tasks": 1, "num_trials": 1}
    run_quietly(scripted(slow, agent={"ttft_ms": 150}, **one))
    code, said = run_quietly(replayed(tmp_path / "again", RunFiles(slow).only_run(), {"latency": "recorded"}, **one))
    assert code == 0, said
    assert all(float(event.get("duration_ms") or 0) >= 150 for event in of(RunFiles(tmp_path / "again").events("mock"), "llm_call"))


def test_what_the_recording_lacks_is_said_before_the_start(original: Path, tmp_path: Path) -> None:
    """A simulation that it does not hold, no recording at all, arguments that cannot be: one sentence each, and nothing is written."""
    with pytest.raises(
        UserError, match=r"lacks 8 of 18 simulations, the first: task '.*' trial 0 of mock; it holds 10 simulations of mock"
    ):
        run_quietly(replayed(tmp_path, original, domains=("mock",), num_tasks=None))
    with pytest.raises(UserError, match=r"no recording at .*nowhere"):
        run_quietly(replayed(tmp_path, tmp_path / "nowhere"))
    with pytest.raises(UserError, match="holds no recording"):
        run_quietly(replayed(tmp_path, tmp_path))
    with pytest.raises(UserError, match="mode is 'strickt'; give strict or loose"):
        run_quietly(replayed(tmp_path, original, {"mode": "strickt"}))
    assert not (tmp_path / "runs").exists()


def test_the_judge_of_a_replay_is_the_recorded_one(original: Path) -> None:
    """If none is named: a replay asks nobody."""
    config = new_config({"agent_llm": f"recorded/{original}", "user_llm": "gpt-4.1"})
    assert config.judge_model == ModelChoice(f"recorded/{original}")


def test_a_dry_run_and_a_check_know_it(original: Path, tmp_path: Path) -> None:
    """`--dry-run` says that it is free; `--check` says that it is not asked."""
    model = ("--agent-llm", f"recorded/{original}", "--user-llm", f"recorded/{original}", "--log-dir", str(tmp_path))
    dry = in_process(run_local.main, "--domains", "mock", "--num-tasks", "2", *model, "--dry-run")
    assert (dry.returncode, "cost          free" in dry.stdout) == (0, True), dry.stdout
    check = in_process(run_local.main, *model, "--check")
    assert check.returncode == 0, check.stdout
    assert "answers from its recording and is not asked" in check.stdout


def test_a_results_file_tells_the_same_prompts_as_the_hashes(original: Path) -> None:
    """The messages of each prompt, made from the conversation alone, are those that were hashed when the call was made."""
    path = original / "simulations_retail.jsonl"
    hashed, told = open_recording(path), open_recording(original / "results_retail.json")
    assert told.found.keys() <= hashed.found.keys()
    compared = 0
    for key in told.found:
        by_hash, by_talk = hashed.simulation(key, 0).calls, told.simulation(key, 0).calls
        for role in (AGENT, USER):
            for kept, made in zip(by_hash[role], by_talk[role], strict=False):  # a reply that ended the simulation is in no conversation
                assert kept.messages == made.messages
                compared += 1
    assert compared > 50
