"""Rollouts in tau2's gym, as RL trainers make them: each episode is a simulation of the log, also if the loop asks the policy itself.

    pip install gymnasium
    python examples/gym_rollout.py mock create_task_1 --episodes 2 --model gpt-4.1 --user-llm gpt-4.1
    python analyze_timing_from_tau2_log.py logs/tau2_mock.log

The gym runs tau2's orchestrator in a thread of its own, and evaluates in the trainer's. A trainer needs only the three lines
that are marked: an `Instrumentation` around all, a `simulation_scope` around an episode, and its `Outcome`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import litellm
from tau2.data_model.simulation import SimulationRun
from tau2.gym.gym_agent import AgentGymEnv

from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, Outcome, simulation_scope
from tau2_logging.logger.scope import end
from tau2_logging.sinks import DomainFiles


def rollout(logger: EventLogger, env: AgentGymEnv, trial: int, model: str, args: Mapping[str, Any]) -> SimulationRun:
    """Play one episode; return tau2's record of it."""
    with simulation_scope(logger, env.domain, env.task_id, trial) as simulation:  # an episode is a simulation
        observation, info = env.reset()
        messages = [{"role": "system", "content": info["policy"]}]
        tools = [tool.openai_schema for tool in info["tools"]]
        terminated = False
        while not terminated:
            messages.append({"role": "user", "content": observation or "Go on."})
            action = ask(model, messages, tools, args)
            messages.append({"role": "assistant", "content": action})
            observation, reward, terminated, _, info = env.step(action)
        played = SimulationRun.model_validate_json(info["simulation_run"])
        end(simulation, Outcome("ok", reward=reward, termination=played.termination_reason.value))  # what came of it
    return played


def ask(model: str, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], args: Mapping[str, Any]) -> str:
    """Return the model's next action in the gym's words: a tool call as JSON, or a text."""
    reply = litellm.completion(model=model, messages=list(messages), tools=list(tools), **args).choices[0].message
    if not reply.tool_calls:
        return str(reply.content)
    call = reply.tool_calls[0].function
    return json.dumps({"name": call.name, "arguments": json.loads(call.arguments)})


def main(argv: Sequence[str] | None = None) -> list[SimulationRun]:
    """Play the episodes; return tau2's records of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain")
    parser.add_argument("task")
    parser.add_argument("--episodes", type=int, default=1)
    parser.add_argument("--max-steps", type=int, default=100)
    parser.add_argument("--model", required=True)
    parser.add_argument("--user-llm", required=True)
    parser.add_argument("--llm-args", type=json.loads, default={}, help="for both models, as JSON")
    parser.add_argument("--log-dir", type=Path, default=Path("logs"))
    chosen = parser.parse_args(argv)
    logger = EventLogger("gym", [DomainFiles(chosen.log_dir, [chosen.domain], level=15)])
    env = AgentGymEnv(chosen.domain, chosen.task, chosen.max_steps, user_llm=chosen.user_llm, user_llm_args=chosen.llm_args)
    try:
        with Instrumentation(logger):  # everything inside is measured
            return [rollout(logger, env, trial, chosen.model, chosen.llm_args) for trial in range(chosen.episodes)]
    finally:
        logger.close()


if __name__ == "__main__":
    for one in main():
        print(one.id, one.termination_reason.value)
