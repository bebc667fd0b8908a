"""Variants in runs: the text reaches the model, the log proves it, results stand by variant."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.experiments.injection import check_injection
from tau2_logging.runner.settings.config import Arm, RunConfig
from tau2_logging.runner.settings.simulation_settings import simulation_settings
from tau2_logging.runner.settings.user_variants import variant_arms
from tau2_logging.users import BUILTIN
from tests.support.command import run_local
from tests.support.in_process import run_quietly, scripted
from tests.support.injection import prove_injection
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.run_files import RunFiles, by_simulation, check_run, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN


def test_each_prompt_holds_exactly_its_variants_text(tmp_path: Path) -> None:
    """Control and five variants on three domains in threads, the user behind real HTTP: every prompt the server got is tau2's own with the
    variant's text before the scenario, and the hashes in the log prove the same."""
    proof = prove_injection(tmp_path, lambda config: run_quietly(config)[0])
    events = [event for domain in proof.config.domains for event in RunFiles(tmp_path).events(domain)]
    starts = {key: of(found, "task_start")[0] for key, found in by_simulation(events).items()}
    assert len(starts) == 6 * 3
    for (domain, _, _), start in starts.items():
        assert domain.endswith(f"@{start.get('variant')}")
    assert len({start.get("prompt_hash") for start in starts.values()}) == len(starts)
    wrong = replace(proof.config, arms=tuple(Arm(arm.name, BUILTIN["anger"]) for arm in proof.config.arms))
    logs = [tmp_path / f"tau2_{domain}.log" for domain in wrong.domains]
    found = check_injection(wrong, logs, "injection")
    assert [label for label, item in found.items() if item.proven] == ["retail@anger", "airline@anger", "telecom@anger"]


@pytest.fixture(scope="module")
def run_of_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mock with three variants; the first start fails in part and is resumed."""
    directory = tmp_path_factory.mktemp("variants")
    config = scripted(directory, arms=variant_arms("control,anger,placebo"), num_trials=2, run_name="r", max_retries=0)
    failing = replace(config, agent_model=replace(config.agent_model, args={"faults": {"server_error": 0.2}}))
    code, _ = run_quietly(failing)
    assert code == 1
    code, _ = run_quietly(config, resume=directory / "runs" / "r")
    assert code == 0
    return directory


def test_results_stand_by_variant_and_the_log_by_domain(run_of_three: Path) -> None:
    """results_{domain}@{variant}.json in tau2's format, complete after a resume; one log a domain, whose invariants hold in every arm."""
    files = RunFiles(run_of_three)
    labels = ["mock@control", "mock@anger", "mock@placebo"]
    assert sorted(path.name for path in run_of_three.glob("*.log")) == ["eval_mock.log", "tau2_mock.log"]
    history = {"update_task_with_message_history": 4, "update_task_with_history_and_env_assertions": 4}
    events = by_simulation(files.events("mock"))
    for label in labels:
        results = json.loads((files.only_run() / f"results_{label}.json").read_text())
        assert len(results["simulations"]) == 18
        assert results["info"]["user_info"]["implementation"] == f"user_simulator@{label.partition('@')[2]}"
        assert results["info"]["environment_info"]["domain_name"] == "mock"
        assert len([key for key in events if key[0] == label]) == 18
    assert set(history) <= {task for _, task, _ in events}


def test_arms_meet_in_random_order_with_the_same_seeds(run_of_three: Path) -> None:
    """Cells are drawn by the run's seed, not arm after arm; a trial of a task has one seed in all arms."""
    starts = of(RunFiles(run_of_three).events("mock"), "task_start")[:54]
    order = [str(event.get("domain")) for event in starts]
    changes = sum(order[at] != order[at - 1] for at in range(1, len(order)))
    assert changes > 20
    seeds = {(event.task, event.get("trial"), event.get("seed")) for event in starts}
    assert len(seeds) == len({(task, trial) for task, trial, _ in seeds})


def test_a_run_without_variants_is_as_it_was(tmp_path: Path) -> None:
    """No arm in any name; the user's prompt hash is there, and is that of the control."""
    run_quietly(scripted(tmp_path, num_tasks=2))
    run_quietly(scripted(tmp_path / "control", num_tasks=2, arms=variant_arms("control")))
    check_run(tmp_path, ["mock"])
    plain, control = (of(RunFiles(path).events("mock"), "task_start") for path in (tmp_path, tmp_path / "control"))
    assert {event.get("domain") for event in plain} == {"mock"}
    assert all(event.get("variant") is None for event in plain)
    assert sorted(str(event.get("prompt_hash")) for event in plain) == sorted(str(event.get("prompt_hash")) for event in control)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"arms": (Arm("a"), Arm("a"))}, "two arms are named 'a'"),
        ({"user": "user_simulator", "arms": variant_arms("control,anger")}, "does not go with variants"),
        ({"harness": "maseval", "domains": ("retail",), "arms": variant_arms("control,anger")}, "has a user of its own"),
        ({"arms": (Arm("a", agent="nobody"),)}, "no agent 'nobody'"),
        ({"arms": variant_arms("anger"), "agent": "llm_agent_solo"}, "works without a user"),
        ({"arms": (Arm("a", agent="retry_agent", agent_args={"patience": 1}),)}, "no setting 'patience'"),
    ],
)
def test_arms_that_cannot_be_run_are_refused(settings: dict[str, object], problem: str, tmp_path: Path) -> None:
    """One line, before anything is written."""
    with pytest.raises(UserError, match=problem):
        run_quietly(replace(scripted(tmp_path / "new"), **settings))  # type: ignore[arg-type]
    assert not (tmp_path / "new" / "runs").exists()


def test_settings_survive_the_run_file() -> None:
    """Arms, texts and all, so that a resumed run and another machine need no other file."""
    arms = (*variant_arms("control,anger"), Arm("careful", agent="retry_agent", agent_args={"attempts": 5}))
    config = RunConfig(arms=arms)
    assert RunConfig.from_json(json.loads(json.dumps(config.as_json(), default=str))) == config
    settings = simulation_settings(config)
    assert list(settings) == ["retail@control", "retail@anger", "retail@careful"]
    assert (settings["retail@careful"].base_agent, settings["retail@anger"].agent) == ("retry_agent", "llm_agent")


def test_the_command_says_what_it_does_not_know(tmp_path: Path) -> None:
    """A variant that is not there: one line and exit code 2."""
    done = run_local("--domains", "mock", "--user-variants", "control,rage", "--log-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("run_local.py: error: no variant 'rage'; there are control, ")
