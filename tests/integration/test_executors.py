"""Worker processes: the same simulations as in threads, whatever happens to a worker."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.events import decode
from tau2_logging.events.semconv import SPAN_TYPES
from tau2_logging.runner.executors.processes import cpus
from tau2_logging.runner.settings.from_options import resumed_config
from tau2_logging.runner.settings.saved_run import write_run
from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.command import run_local, start_local
from tests.support.executors import EXECUTORS, essence
from tests.support.forked import FRESH_WORKERS
from tests.support.in_process import run_quietly, scripted
from tests.support.injection import prove_injection
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.otlp_receiver import Received, Receiver
from tests.support.patience import LONG_S, until
from tests.support.processes import gone, holding
from tests.support.run_files import RunFiles, by_simulation, check_run, check_simulation, last_attempt, of
from tests.support.thorough import scaled

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN
RAYS_WARNINGS = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")

WORKERS = {"threads": None, "processes": 2, "ray": 2}
COMPARED = EXECUTORS[: scaled(2, 3)]
"""Executors of which all is compared. Each worker of Ray's takes 6 s of CPU to start: only the last test has them by default."""
FAULTS = {"faults": {"invalid_args": 0.2, "unknown_tool": 0.1, "loop": 0.05}, "seed": 5}


@dataclass(frozen=True)
class Alike:
    """The log directory of each executor's run, and the spans that arrived from it."""

    directories: dict[str, Path]
    spans: dict[str, list[Received]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster of this machine, a head and another node, a core each: the one for all that Ray does here."""
    pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Alike:
    """The same tasks with faults, structured events and an OpenTelemetry endpoint, on every executor that is compared."""
    found = Alike({}, {})
    for executor in COMPARED:
        directory = found.directories[executor] = tmp_path_factory.mktemp(executor)
        with Receiver() as receiver:
            config = scripted(
                directory, agent=FAULTS, domains=("mock", "retail"), num_tasks=9, max_concurrency=4, events=True,
                executor=executor, log_level="DEBUG", otlp=receiver.url, workers=WORKERS[executor],
                ray_address=request.getfixturevalue("cluster").address if executor == "ray" else None,
            )  # fmt: skip
            code, said = run_quietly(config)
        assert code == 0, said
        found.spans[executor] = receiver.spans
    return found


HISTORIES = {("mock", "update_task_with_message_history"): 4, ("mock", "update_task_with_history_and_env_assertions"): 4}


@pytest.mark.parametrize("executor", ["processes", *(pytest.param(name, marks=pytest.mark.thorough) for name in EXECUTORS[2:])])
def test_the_variants_text_reaches_the_model_in_a_worker(executor: str, tmp_path: Path) -> None:
    """Control and five variants, the user behind real HTTP: every prompt the server got is its variant's."""
    proof = prove_injection(tmp_path, lambda config: run_quietly(config)[0], domains=("retail",), executor=executor, workers=1)
    assert len(proof.prompts) == 6


def test_a_worker_has_an_interpreter_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports what the run was told to load, an agent here, and its simulations are like those of any run."""
    own_agent(tmp_path, monkeypatch)
    words = ("--domains", "mock", "--num-tasks", "1", "--load", "my_agents", "--agent", "mine", "--executor", "processes", "--workers", "1")
    done = run_local(*words, "--log-dir", str(tmp_path / "logs"), **{FRESH_WORKERS: "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert of(RunFiles(tmp_path / "logs").events("mock"), "run_start")[0].get("agent") == "mine"
    assert check_run(tmp_path / "logs", ["mock"], HISTORIES) == 1


def own_agent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the module my_agents to a folder where every process finds it."""
    (folder / "my_agents.py").write_text(OWN_AGENT)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_worker_that_is_killed_costs_what_it_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL to one of two workers in the middle: every cell is there once, the loss is an event, its simulations begin anew. The agent is
    one that a module registers on import, in the run and in each worker."""
    own_agent(tmp_path, monkeypatch)
    logs = tmp_path / "logs"
    words = ("--domains", "mock", "--num-trials", "4", "--agent-llm-args", json.dumps({"ttft_ms": 100}), "--max-concurrency", "4")
    own = ("--load", "my_agents", "--agent", "mine")
    process = start_local(*words, *own, "--executor", "processes", "--workers", "2", "--log-dir", str(logs), "--run-name", "r")
    log = logs / "tau2_mock.log"
    wait_for(log, "type=worker_up", 2)
    wait_for(log, "type=task_end", log.read_text().count("type=task_end") + 2)
    os.kill(worker_of(logs), signal.SIGKILL)
    out, err = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, out + err
    assert re.search(r"worker w[01] ended: killed by SIGKILL; (1 simulation is|2 simulations are) run again", out)
    events = RunFiles(logs).events("mock")
    (down,) = of(events, "worker_down")
    assert down.get("error_message") == "killed by SIGKILL"
    assert of(events, "run_start")[0].get("agent") == "mine"
    results = RunFiles(logs).results("mock")
    keys = [(item["task_id"], item["trial"]) for item in results]
    assert len(keys) == len(set(keys)) == 36
    found = by_simulation(events)
    again = sum(len(of(item, "task_start")) for item in found.values()) - 36
    assert 0 <= again <= int(down.get("simulations") or 0)  # of those it had been given it may not have begun the last
    for item in results:
        key = ("mock", item["task_id"], item["trial"])
        last = last_attempt(found[key])
        if not last[0].get("played_before"):  # else only its evaluation was lost, and is all that is made again
            check_simulation(item, last, HISTORIES.get(key[:2], 0))


OWN_AGENT = """\
from tau2.agent.llm_agent import LLMAgent
from tau2.registry import registry


class Mine(LLMAgent):
    pass


registry.register_agent(Mine, "mine")
"""


def test_a_killed_run_and_ctrl_c_leave_no_worker(tmp_path: Path) -> None:
    """When the run is killed, its workers end by themselves; --resume goes on; SIGINT ends run and workers in order, exit code 130."""
    words = ("--domains", "mock", "--num-trials", "6", "--agent-llm-args", json.dumps({"ttft_ms": 100}), "--log-dir", str(tmp_path))
    log = tmp_path / "tau2_mock.log"
    process = start_local(*words, "--executor", "processes", "--workers", "1", "--run-name", "r")
    wait_for(log, "type=task_end")
    worker = worker_of(tmp_path)
    process.kill()
    process.communicate()
    assert gone([worker])
    process = start_local("--resume", str(tmp_path / "runs" / "r"))
    wait_for(log, "type=worker_up", 2)
    ended = log.read_text().count("type=task_end")
    wait_for(log, "type=task_end", ended + 2)  # the first may be the one whose row was lost with the killed run
    worker = worker_of(tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LONG_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert gone([worker])
    assert decode(log.read_text().splitlines()[-1]).get("signal") == "SIGINT"
    keys = [(item["task_id"], item["trial"]) for item in RunFiles(tmp_path).results("mock")]
    assert len(keys) == len(set(keys)) >= 2


def wait_for(log: Path, text: str, times: int = 1) -> None:
    """Until the log says it so often."""
    until(lambda: log.exists() and log.read_text().count(text) >= times)


@pytest.mark.skipif(cpus() < 2, reason="a single core has nothing to divide")
def test_many_at_a_time_are_given_to_processes_unasked(tmp_path: Path) -> None:
    """A line says so; run.json keeps what was asked for, so that another machine may decide otherwise when it resumes."""
    config = scripted(tmp_path, executor="auto", num_trials=4, max_concurrency=36, run_name="r")
    code, said = run_quietly(config)
    assert code == 0, said
    assert said.startswith(f"36 simulations at a time in {min(cpus(), 3)} worker processes, ")
    files = RunFiles(tmp_path)
    assert 1 <= len(of(files.events("mock"), "worker_up")) <= min(cpus(), 3)  # one may do all before another is ready
    assert len(of(files.events("mock"), "task_end")) == 36
    assert json.loads((tmp_path / "runs/r/run.json").read_text())["config"]["executor"] == "auto"


def worker_of(log_dir: Path) -> int:
    """A worker of run r."""
    return holding(log_dir / "runs" / "r" / "workers")[0]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"workers": 2}, "--workers counts processes"),
        ({"executor": "processes", "workers": 0}, "--workers is 0; give at least 1"),
        ({"executor": "fork"}, "no executor 'fork'; there are auto, threads, processes, ray"),
        ({"ray_address": "auto"}, "--ray-address names a cluster for --executor ray"),
        ({"executor": "processes", "workers": 3, "rate_limits": ("2",)}, "leaves none a minute for some of 3 workers"),
        ({"modules": ("no_such_module",)}, "--load no_such_module: it cannot be imported"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(settings: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """Before anything is run."""
    with pytest.raises(UserError, match=re.escape(problem)):
        run_quietly(scripted(tmp_path, **settings))


def test_a_resumed_run_may_have_another_executor(tmp_path: Path) -> None:
    """The number of workers belongs to the executor that was: with another one it is not kept."""
    config = scripted(tmp_path, executor="processes", workers=2)
    directory = tmp_path / "runs" / "r"
    directory.mkdir(parents=True)
    write_run(directory, {"run_id": "r", "config": config.as_json(), "started_wall": 1.0, "trial_seeds": [1]})
    resumed, _ = resumed_config({"resume": str(directory), "executor": "threads"})
    assert (resumed.executor, resumed.workers) == ("threads", None)
    same, _ = resumed_config({"resume": str(directory)})
    assert (same.executor, same.workers) == ("processes", 2)


@RAYS_WARNINGS
@pytest.mark.parametrize("executor", COMPARED[1:])
def test_trajectories_rewards_and_terminations_are_those_of_threads(alike: Alike, executor: str) -> None:
    """Ids and times apart."""
    for domain in ("mock", "retail"):
        expected = essence(RunFiles(alike.directories["threads"]).results(domain))
        assert len(expected) == 9
        assert essence(RunFiles(alike.directories[executor]).results(domain)) == expected


@RAYS_WARNINGS
@pytest.mark.parametrize("executor", COMPARED[1:])
def test_events_arrive_in_the_same_files_with_host_and_worker(alike: Alike, executor: str) -> None:
    """Every invariant between trajectory and events holds; each event of a simulation names host and worker; both logs and the structured
    events are complete, and the run's own totals agree."""
    directory = alike.directories[executor]
    assert check_run(directory, ["mock", "retail"], HISTORIES) == 18
    for domain in ("mock", "retail"):
        events = RunFiles(directory).events(domain)
        simulations = by_simulation(events)
        workers = [{(event.get("host"), event.get("worker")) for event in found} for found in simulations.values()]
        assert all(len(places) == 1 for places in workers)
        used = {worker for places in workers for _, worker in places}
        number = WORKERS[executor] or 0
        assert used <= {"w0", "w1"}
        ups = [event.get("simulations") for event in of(events, "worker_up")]
        assert set(ups) == {4 // number}
        assert len(ups) <= number  # one may do all before another is ready
        prompts = ("prompt_part", "llm_payload")
        lines = [line for line in (directory / f"tau2_{domain}.log").read_text().splitlines() if decode(line).type not in prompts]
        assert set(lines) <= set((directory / f"eval_{domain}.log").read_text().splitlines())
        (end,) = of(events, "run_end")
        assert end.get("tool_calls") == len(of(events, "tool_call"))
        assert end.get("ok") == 9
        rows = [json.loads(line) for line in (RunFiles(directory).only_run() / f"events_{domain}.jsonl").read_text().splitlines()]
        assert sum(item["type"] == "tool_execution" for item in rows) == len(of(events, "tool_call"))
        assert {item["worker"] for item in rows} <= used


@RAYS_WARNINGS
@pytest.mark.parametrize("executor", COMPARED)
def test_spans_of_every_worker_arrive_at_the_endpoint(alike: Alike, executor: str) -> None:
    """As many of each type as the log has events."""
    events = [event for domain in ("mock", "retail") for event in RunFiles(alike.directories[executor]).events(domain)]
    types = Counter(span.attributes["tau2.type"] for span in alike.spans[executor])
    types["task_end"] = types.pop("simulation")
    assert types == Counter(event.type for event in events if event.type in SPAN_TYPES)


@RAYS_WARNINGS
def test_a_node_that_dies_costs_what_it_ran(cluster: Any, tmp_path: Path) -> None:
    """One node is killed in the middle: all cells complete, none twice, each is what it is in threads; the loss is in the log, and so are
    host and worker of every event of a simulation."""
    config = scripted(
        tmp_path, agent={"ttft_ms": 400}, num_trials=4, max_concurrency=4, executor="ray", ray_address=cluster.address, run_name="r"
    )
    log = tmp_path / "tau2_mock.log"
    killed = threading.Event()

    def both_work() -> bool:
        text = log.read_text() if log.exists() else ""
        return (text.count("type=worker_up") == 2 and text.count("type=task_end") >= 8) or "type=run_end" in text

    def kill_one() -> None:
        deadline = time.monotonic() + LONG_S
        while time.monotonic() < deadline and not both_work():
            time.sleep(0.1)
        cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)
        killed.set()

    thread = threading.Thread(target=kill_one)
    thread.start()
    code, said = run_quietly(config)
    thread.join()
    assert killed.is_set()
    assert code == 0, said
    results = RunFiles(tmp_path).results("mock")
    keys = [(item["task_id"], item["trial"]) for item in results]
    assert len(keys) == len(set(keys)) == 36
    assert len(list(read_rows(tmp_path / "runs" / "r" / "simulations_mock.jsonl"))) == 36
    events = RunFiles(tmp_path).events("mock")
    assert len(of(events, "worker_down")) == 1
    assert {event.get("worker") for event in of(events, "worker_up")} == {"w0", "w1"}
    simulations = by_simulation(events)
    assert len(simulations) == 36
    for found in simulations.values():
        [(host, worker)] = {(event.get("host"), event.get("worker")) for event in last_attempt(found)}
        assert host
        assert worker in ("w0", "w1")
    assert run_quietly(scripted(tmp_path / "threads"))[0] == 0
    expected = essence(RunFiles(tmp_path / "threads").results("mock"))
    assert len(expected) == 9
    assert {key: value for key, value in essence(results).items() if key in expected} == expected
