"""Proof that each variant's text reached the model, in any executor: a real HTTP server plays the user and keeps what it was sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.events.domain_label import arm_label
from tau2_logging.experiments.injection import Injection, check_injection
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, Arm, ModelChoice, RunConfig
from tau2_logging.users import BUILTIN

RUN = "injection"


@dataclass(frozen=True)
class Proof:
    """`prompts`: what the server was sent, by variant; `own`: tau2's own prompt of each task that was run; `checked`: what the log says."""

    config: RunConfig
    prompts: dict[str, list[str]]
    own: list[str]
    checked: dict[str, Injection]


def prove_injection(
    log_dir: Path,
    run: Callable[[RunConfig], int],
    domains: Sequence[str] = ("retail", "airline", "telecom"),
    num_tasks: int = 1,
    **settings: Any,
) -> Proof:
    """Run all variants on some tasks with `run` (which returns the exit code) and hold every prompt against its variant.

    `settings` are those of RunConfig: an executor, for one.
    Fails where a prompt is not exactly tau2's own with its variant's text before the scenario, or where the log does not prove the same.
    """
    with SimulatedServer(ServerSettings(models=tuple(BUILTIN))) as server:
        models = {name: ModelChoice(f"openai/{name}", {"api_base": server.base_url, "api_key": "sk-none"}) for name in BUILTIN}
        arms = tuple(Arm(name, variant, user_model=models[name]) for name, variant in BUILTIN.items())
        chosen: dict[str, Any] = {"max_concurrency": 6, "max_steps": 16, "progress": False, **settings}
        config = RunConfig(
            domains=tuple(domains), num_tasks=num_tasks, arms=arms, log_dir=log_dir, run_name=RUN,
            agent_model=ModelChoice(SCRIPTED_AGENT), user_model=models["control"], judge_model=ModelChoice(SCRIPTED_JUDGE), **chosen,
        )  # fmt: skip
        code = run(config)
        assert code == 0, "every simulation has to come to its end"
        prompts = sent_prompts(server)
    logs = [log_dir / f"tau2_{domain}.log" for domain in domains]
    proof = Proof(config, prompts, own_prompts(domains, num_tasks), check_injection(config, logs, RUN))
    check(proof)
    return proof


def sent_prompts(server: SimulatedServer) -> dict[str, list[str]]:
    """System prompts of all requests, by the model that was asked for: each variant has its own."""
    found = defaultdict(list)
    for exchange in server.journal:
        (system,) = [message["content"] for message in exchange.request["messages"] if message["role"] == "system"]
        found[exchange.model].append(system)
    return dict(found)


def own_prompts(domains: Sequence[str], num_tasks: int) -> list[str]:
    """What tau2's own simulator says for these tasks, made by tau2 alone."""
    from tau2.user.user_simulator import UserSimulator

    harness = Tau2Harness.load()
    found = []
    for domain in domains:
        environment = harness.registry.get_env_constructor(domain)()
        for task in harness.tasks(domain, None)[:num_tasks]:
            tools = environment.get_user_tools() if environment.user_tools is not None else None
            simulator = UserSimulator(tools=tools, instructions=str(task.user_scenario), llm="none", llm_args={})
            found.append(simulator.system_prompt)
    return found


def check(proof: Proof) -> None:
    """What has to hold."""
    assert set(proof.prompts) == set(BUILTIN)
    for name, variant in BUILTIN.items():
        expected = {own.replace("<scenario>\n", f"{variant.block}<scenario>\n") for own in proof.own}
        assert set(proof.prompts[name]) == expected, f"{name}: other prompts than its own were sent"
        others = [other for other in BUILTIN.values() if other.text and other.name != name]
        for prompt in proof.prompts[name]:
            assert prompt.count("<manner>") == bool(variant.text)
            assert not [other.name for other in others if other.manner in prompt]
    labels = {arm_label(domain, name) for domain in proof.config.domains for name in BUILTIN}
    assert set(proof.checked) == labels
    for label, injection in proof.checked.items():
        assert injection.proven, f"{label}: {injection}"
    assert sum(item.calls for item in proof.checked.values()) > sum(item.simulations for item in proof.checked.values())
