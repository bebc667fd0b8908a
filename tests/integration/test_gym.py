"""tau2's gym under Instrumentation, as examples/gym_rollout.py uses it: an episode is a simulation with all its events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tests.support.litellm_clients import LEFT_OPEN, collect_clients
from tests.support.run_files import RunFiles, by_simulation, of

pytestmark = LEFT_OPEN
for package in ("tau2.registry", "gymnasium"):
    pytest.importorskip(package, reason=f"{package} is not installed")


def test_an_episode_has_the_events_of_its_trajectory(tmp_path: Path) -> None:
    """Every tool result, every reply of policy and user is one event, though the gym's own thread plays the user and the trainer's thread
    asks the policy; reward and termination are the episode's, and its time adds up."""
    from examples import gym_rollout

    with SimulatedServer(ServerSettings(ttft_ms=1)) as server:
        args = json.dumps({"api_base": server.base_url, "api_key": "none"})
        models = ["--model", "openai/sim", "--user-llm", "openai/sim", "--llm-args", args]
        words = ["mock", "create_task_1", "--episodes", "2", "--max-steps", "8", *models, "--log-dir", str(tmp_path)]
        played = gym_rollout.main(words)
        collect_clients()
    events = by_simulation(RunFiles(tmp_path).events("mock"))
    assert sorted(events) == [("mock", "create_task_1", 0), ("mock", "create_task_1", 1)]
    for trial, simulation in enumerate(played):
        found = events["mock", "create_task_1", trial]
        tools = [message for message in simulation.messages if message.role == "tool"]
        said = [message for message in simulation.messages if message.role == "user"]
        actions = [message for message in simulation.messages if message.role == "assistant"]
        assert [one.get("error") for one in of(found, "tool_call")] == [message.error for message in tools]
        assert len(tools) > 1
        assert len(of(found, "user_sim")) == len(said)
        assert len(of(found, "llm_call")) == len(actions) - 1  # tau2's greeting is no model call
        (end,) = of(found, "task_end")
        assert end.get("termination") == simulation.termination_reason.value
        assert end.get("reward") == of(found, "evaluation")[-1].get("reward")
        spent = sum(end.get(name) or 0.0 for name in ("llm_ms", "user_ms", "tool_ms", "evaluation_ms", "setup_ms", "other_ms"))
        assert spent == pytest.approx(end.get("duration_ms"), abs=1.0)
