"""A run over all domains, as a person starts it, and what must hold of what it leaves."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tau2_logging.cli import analyze_timing
from tau2_logging.cli.listing import list_domains, list_tasks
from tau2_logging.events import decode
from tau2_logging.instrument import has_module
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tests.support.command import ROOT, in_process, run_local
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, by_simulation, check_run, of
from tests.support.thorough import scaled

V1 = has_module("tau2", "runner")
DOMAINS = ("mock", "retail", "airline", "telecom")
TASKS = {"mock": 10 if V1 else 9, "retail": 114, "airline": 50, "telecom": 114}
MOST = scaled(12, 1000)
"""Tasks of a domain that are run. Every task of every domain is solved in `make test-thorough`."""
RUN = {domain: min(number, MOST) for domain, number in TASKS.items()}
HISTORIES = {("mock", "update_task_with_message_history"): 4, ("mock", "update_task_with_history_and_env_assertions"): 4}


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Tasks of all domains, with the scripted models, once for this module."""
    log_dir = tmp_path_factory.mktemp("logs")
    words = ("--domains", *DOMAINS, "--log-dir", str(log_dir), "--max-concurrency", "3", "--num-tasks", str(MOST))
    return run_local(*words, fresh=True), log_dir


def test_every_simulation_earns_its_reward(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The scripted agent solves every task: exit code 0, reward 1.0 for each, none missing."""
    process, log_dir = finished_run
    assert process.returncode == 0, process.stderr
    files = RunFiles(log_dir)
    for domain in DOMAINS:
        rewards = [simulation["reward_info"]["reward"] for simulation in files.results(domain)]
        assert rewards == [1.0] * RUN[domain], domain


def test_events_match_trajectories(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """For every simulation the live events are those of its trajectory, and its exclusive times add up."""
    _, log_dir = finished_run
    assert check_run(log_dir, DOMAINS, HISTORIES) == sum(RUN.values())


def test_grep_and_awk_read_it(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The one-liner of the seed gives the mean of the llm_call durations that the codec reads."""
    _, log_dir = finished_run
    log = log_dir / "tau2_retail.log"
    pipeline = f"grep 'type=llm_call' {log} | grep -oP 'duration_ms=\\d+\\.\\d+' | cut -d= -f2 | awk '{{s+=$1}} END {{print s/NR}}'"
    printed = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, check=True).stdout.strip()
    durations = [float(event.get("duration_ms") or 0) for event in of(RunFiles(log_dir).events("retail"), "llm_call")]
    assert float(printed) == pytest.approx(sum(durations) / len(durations), rel=1e-5)


def test_the_two_logs_hold_the_same_events(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """eval_{domain}.log holds every event of tau2_{domain}.log, in the same order, and what tau2 itself said besides."""
    _, log_dir = finished_run
    for domain in DOMAINS:
        events = (log_dir / f"tau2_{domain}.log").read_text().splitlines()
        everything = (log_dir / f"eval_{domain}.log").read_text().splitlines()
        assert sorted(line for line in everything if line.startswith("[")) == sorted(events)
        assert any("STARTING SIMULATION" in line for line in everything)


def test_the_next_command_works_on_it(finished_run: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path) -> None:
    """The analysis reads the logs of a real run without a rejected line, and finds in eval_* what it finds in tau2_*."""
    _, log_dir = finished_run
    found = []
    for kind in ("tau2", "eval"):
        logs = [str(log_dir / f"{kind}_{domain}.log") for domain in ("retail", "telecom")]
        words = ["--log_file", *logs, "--output_dir", str(tmp_path / kind), "--format", "json"]
        done = in_process(analyze_timing.main, *words)
        assert done.returncode == 0, done.stderr
        stats = (tmp_path / kind / "stats.json").read_text()
        found.append(json.loads(stats, parse_float=lambda text: round(float(text), 6)))  # sums depend on the order of the lines
    assert found[0]["latency"] == found[1]["latency"]
    assert found[0]["latency"]["llm_call"]["n"] == sum(
        len(of(RunFiles(log_dir).events(name), "llm_call")) for name in ("retail", "telecom")
    )
    assert found[0]["latency"]["task_end"]["n"] == RUN["retail"] + RUN["telecom"]


def test_what_is_opened_and_recommended_after_a_resumed_run_is_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not be the latest of its log; and --quiet holds for the analysis, too."""
    monkeypatch.chdir(tmp_path)
    words = ("--domains", "mock", "-n", "1", "--log-dir", "logs", "--no-progress")
    for name in ("first", "second"):
        assert run_local(*words, "--run-name", name).returncode == 0
    resumed = run_local("--resume", "logs/runs/first", "--open", "--quiet")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((tmp_path / "analysis_results" / "analysis.json").read_text())["run"] == "first"
    assert "--run first" in run_local("--resume", "logs/runs/first").stdout
    assert "Findings" not in resumed.stdout


def test_tau2_opens_the_results(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """tau2's own Results.load reads results_{domain}.json, and its metrics see the rewards."""
    simulation = pytest.importorskip("tau2.data_model.simulation", reason="tau2 is not installed")
    _, log_dir = finished_run
    results = simulation.Results.load(RunFiles(log_dir).only_run() / "results_retail.json")
    assert results.to_df().reward.tolist() == [1.0] * RUN["retail"]


def test_a_run_begins_and_ends_in_each_log(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """Each domain's log holds one run_start and one run_end, whose totals are those of its simulations."""
    _, log_dir = finished_run
    for domain in DOMAINS:
        events = RunFiles(log_dir).events(domain)
        kinds = Counter(event.type for event in events)
        assert (kinds["run_start"], kinds["run_end"]) == (1, 1)
        assert events[0].type == "run_start"
        assert events[-1].type == "run_end"
        ends = of(events, "task_end")
        assert events[-1].get("ok") == len(ends) == len(by_simulation(events))
        for name in ("input_tokens", "output_tokens", "llm_calls", "user_calls", "judge_calls", "tool_calls", "tool_errors"):
            assert events[-1].get(name) == sum(int(end.get(name) or 0) for end in ends), name
        assert re.fullmatch(r"[+-]\d\d:\d\d", str(events[0].get("utc_offset")))


def test_replay_and_gold_calls_are_no_tool_calls(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The evaluator repeats every live call (tau2 v1: that writes) and plays every reference action; both are counted, neither is a
    tool_call."""
    writes = set(Tau2Harness.load().write_tools("retail"))
    _, log_dir = finished_run
    for events in by_simulation(RunFiles(log_dir).events("retail")).values():
        (evaluation,) = of(events, "evaluation")
        assert evaluation.get("replay_calls") == sum(not V1 or event.get("function") in writes for event in of(events, "tool_call"))
        assert evaluation.get("gold_calls") == len(of(events, "tool_call"))  # this agent plays exactly the reference actions


def test_the_next_command_is_printed(finished_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The end of the run names the analysis command with the logs it has written, and says that no real model was evaluated."""
    process, log_dir = finished_run
    assert "No real model is evaluated" in process.stdout
    (line,) = [line for line in process.stdout.splitlines() if "analyze_timing_from_tau2_log.py" in line]
    for domain in DOMAINS:
        assert str(log_dir / f"tau2_{domain}.log") in line


def test_trials_use_the_seeds_tau2_gives(tmp_path: Path) -> None:
    """A run of several trials numbers them from 0 and gives each the seed that tau2's own runner would."""
    import random

    code, printed = run_quietly(scripted(tmp_path, task_ids=("create_task_1",), num_trials=3, seed=11))
    assert code == 0, printed
    source = random.Random(11)
    expected = {trial: source.randint(0, 1_000_000) for trial in range(3)}
    assert {item["trial"]: item["seed"] for item in RunFiles(tmp_path).results("mock")} == expected


def test_debug_adds_payloads_and_masks_secrets(tmp_path: Path) -> None:
    """At DEBUG each model and tool call has its payload beside it, and a key given as a model argument is nowhere in what is written."""
    secret = "sk-live-0123456789abcdef"
    code, printed = run_quietly(scripted(tmp_path, agent={"api_key": secret, "temperature": 0}, num_tasks=2, log_level="DEBUG"))
    assert code == 0, printed
    events = RunFiles(tmp_path).events("mock")
    assert len(of(events, "llm_payload")) == len(of(events, "llm_call", "user_sim", "evaluator"))
    assert len(of(events, "tool_payload")) == len(of(events, "tool_call"))
    assert json.loads(str(of(events, "tool_payload")[0].get("arguments")))["user_id"] == "user_1"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    for path in written:
        assert secret not in path.read_text(), path
    assert secret not in printed


def test_levels_drop_what_is_below(tmp_path: Path) -> None:
    """--log-level INFO writes no call events, and the totals at the end are the same as ever."""
    code, _ = run_quietly(scripted(tmp_path, num_tasks=2, log_level="INFO"))
    lines = (tmp_path / "tau2_mock.log").read_text().splitlines()
    assert {decode(line).type for line in lines} == {"run_start", "task_start", "task_end", "run_end"}
    assert int(decode(lines[-1]).get("input_tokens") or 0) > 0
    assert code == 0


def test_listing_shows_domains_and_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    """--list-domains names every domain with its number of tasks, --list-tasks every task id."""
    assert list_domains() == 0
    domains = capsys.readouterr().out
    for name, number in TASKS.items():
        assert re.search(rf"{name} +{number} tasks", domains)
    assert list_tasks("airline", None) == 0
    tasks = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in tasks] == [str(number) for number in range(50)]


def test_readme_commands_name_files_that_exist() -> None:
    """The two scripts the README tells people to run are there."""
    for name in ("run_local.py", "analyze_timing_from_tau2_log.py"):
        assert (ROOT / name).exists()
