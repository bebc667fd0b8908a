"""The second names of the domains, the `tau2-enhanced` command and `run_enhanced_simulation`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.cli.enhanced import translated
from tau2_logging.errors import UserError
from tau2_logging.events import StateSnapshot, ToolExecutionEvent, read_events
from tests.integration.test_agents import said
from tests.support.command import ROOT, environment
from tests.support.forked import run_forked
from tests.support.in_process import run_quietly, scripted
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

DOMAINS = ("mock", "airline", "telecom")


def test_an_enhanced_domain_is_the_domain_with_events(tmp_path: Path) -> None:
    """Same rewards and conversations as under the plain name, tau2's own environment class, and a file of events without asking."""
    from tau2_logging.runner.harness.enhanced_domains import enhanced_domains
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    run_quietly(scripted(tmp_path / "plain", domains=DOMAINS, num_tasks=2))
    run_quietly(scripted(tmp_path / "enhanced", domains=tuple(f"{domain}_enhanced" for domain in DOMAINS), num_tasks=2))
    registry = Tau2Harness.load().registry
    for domain in DOMAINS:
        plain, enhanced = outcomes(tmp_path / "plain", domain), outcomes(tmp_path / "enhanced", f"{domain}_enhanced")
        assert plain == enhanced
        assert len(plain) == 2
        directory = RunFiles(tmp_path / "enhanced").only_run()
        kinds = {type(event) for event in read_events(directory / f"events_{domain}_enhanced.jsonl")}
        assert kinds >= {ToolExecutionEvent, StateSnapshot}
        assert not (RunFiles(tmp_path / "plain").only_run() / f"events_{domain}.jsonl").exists()
        with enhanced_domains(registry):
            made = registry.get_env_constructor(f"{domain}_enhanced")
            assert made is registry.get_env_constructor(domain)
        assert f"{domain}_enhanced" not in registry.get_domains()


def outcomes(log_dir: Path, domain: str) -> dict[str, Any]:
    return {one["task_id"]: (one["reward_info"]["reward"], said(one)) for one in RunFiles(log_dir).results(domain)}


def test_a_domain_of_ones_own_gets_its_second_name(tmp_path: Path) -> None:
    """Whatever a person has registered with tau2 before the run."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    registry = Tau2Harness.load().registry
    registry.register_domain(registry.get_env_constructor("mock"), "mine")
    registry.register_tasks(registry.get_tasks_loader("mock"), "mine")
    try:
        code, _ = run_quietly(scripted(tmp_path, domains=("mine_enhanced",), num_tasks=2))
        assert code == 0
        assert (RunFiles(tmp_path).only_run() / "events_mine_enhanced.jsonl").exists()
    finally:
        for table in (registry._domains, registry._tasks):
            table.pop("mine")


def test_one_call_runs_a_domain(tmp_path: Path) -> None:
    """Tasks, agent, models and folder as arguments; tau2's Results and the two files come back."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness
    from tau2_logging.runner.run_enhanced import run_enhanced_simulation

    tasks = Tau2Harness.load().tasks("mock", None)[:2]
    results, (main, events) = run_enhanced_simulation(
        domain="mock_enhanced", tasks=tasks, agent="enhanced_agent", user="user_simulator", num_trials=2, save_dir=tmp_path
    )
    assert sorted((one.task_id, one.trial) for one in results.simulations) == sorted((task.id, trial) for task in tasks for trial in (0, 1))
    assert {one.reward_info.reward for one in results.simulations} == {1.0}
    assert main.parent == events.parent == RunFiles(tmp_path).only_run()
    assert [event for event in read_events(events) if isinstance(event, ToolExecutionEvent)]
    with pytest.raises(UserError, match="takes no colour"):
        run_enhanced_simulation("mock", save_dir=tmp_path, colour="red")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run --domain mock_enhanced --task-ids a b", "--domains mock_enhanced --events --task-ids a b"),
        ("-d telecom --task-set-name telecom_small", "--domains telecom --events --task-split small"),
        ("run -d mock --task-set-name mock --save-to r --save-dir x", "--domains mock --events --run-name r --log-dir x"),
    ],
)
def test_tau2s_words_are_translated(words: str, expected: str) -> None:
    """What run_local.py calls otherwise is renamed, everything else passed on."""
    assert translated(words.split()) == expected.split()


def test_a_task_set_of_another_domain_is_bad_input() -> None:
    """One line says what to give."""
    with pytest.raises(UserError, match="not a task set of mock"):
        translated(["run", "-d", "mock", "--task-set-name", "retail"])


def test_the_command_runs(tmp_path: Path) -> None:
    """As a process, to exit code 0 and a file of events."""
    line = [
        sys.executable,
        "-m",
        "tau2_logging.cli.enhanced",
        "run",
        "--domain",
        "mock_enhanced",
        "--agent",
        "retry_agent",
        "--no-progress",
    ]
    words = ["--task-ids", "create_task_1", "--save-to", "r", "--save-dir", str(tmp_path)]
    done = run_forked([*line, *words], cwd=ROOT, env=environment(), timeout=LONG_S)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "r" / "events_mock_enhanced.jsonl").exists()


def test_a_domain_that_tau2_cannot_make_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, before anything is run: as with tau2 v1's banking, which wants a search package and a key."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    def lacking() -> Any:
        raise ModuleNotFoundError("No module named 'rank_bm25'")

    harness = Tau2Harness.load()
    monkeypatch.setitem(harness.registry._domains, "lacking", lacking)
    with pytest.raises(UserError, match=r"cannot make the environment of lacking .*No module named 'rank_bm25'.*leave it out"):
        harness.try_environment("lacking")
