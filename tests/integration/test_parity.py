"""`python -m tau2_logging parity`, `--harness maseval` and rescoring, with real processes, real environments and real reports."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from tau2_logging.cli import rescore
from tau2_logging.environments.maseval_data import lay_out
from tau2_logging.instrument import Instrumentation, has_module
from tau2_logging.logger import EventLogger
from tau2_logging.models.scripted import TaskScripts
from tau2_logging.models.scripted.provider import register
from tau2_logging.sinks import MemorySink
from tests.support.command import ROOT, environment
from tests.support.forked import run_forked
from tests.support.in_process import run_quietly, scripted
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles, check_run, of
from tests.support.thorough import scaled

REPORT = ROOT / "tests" / "golden" / "maseval" / "report.jsonl"
"""Recorded by MASEval 0.5.1 with scripted models: a task of retail and two of telecom, twice each. Its evaluator gives telecom's 0."""

needs_maseval = pytest.mark.skipif(not has_module("maseval", "benchmark"), reason="MASEval is not installed (requirements-maseval.txt)")

STRIDE = scaled(38, 8)
"""Of the 278 tasks so many are stepped over; `python -m tau2_logging parity` plays them all."""

ALTERED = """
    import importlib.machinery, sys

    class Altered(importlib.machinery.SourceFileLoader):
        def get_code(self, name):
            source = self.get_data(self.path).decode()
            assert "pending" in source
            return compile(source.replace('"pending"', '"completed"').replace("not found", "missing"), self.path, "exec")

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "tau2.domains.mock.tools":
                spec = importlib.machinery.PathFinder.find_spec(name, path)
                spec.loader = Altered(name, spec.origin)
                return spec

    sys.meta_path.insert(0, Finder)
"""
"""A release of tau2 in which two words of mock's tools are others."""


def parity(*words: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return run_forked([sys.executable, "-m", "tau2_logging.parity", *words], timeout=LONG_S, cwd=ROOT, env=environment())


@pytest.fixture(scope="module")
def other_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter of its own with this one's packages, and the altered tau2."""
    folder = tmp_path_factory.mktemp("release")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "altered.py").write_text(textwrap.dedent(ALTERED))
    lines = [*(path for path in [*site.getsitepackages(), *sys.path] if os.path.isdir(path) and "site-packages" in path), "import altered"]
    (packages / "altered.pth").write_text("\n".join(lines) + "\n")
    return folder / "bin" / "python"


def test_two_releases_are_compared_in_two_interpreters(other_release: Path, tmp_path: Path) -> None:
    """A tool that answers otherwise in another interpreter's tau2 is found, named and counted, with its state; everything else is equal,
    and the exit code says that there is a difference."""
    done = parity("--domains", "mock", "--right", f"tau2@{other_release}", "--fuzz", "6", "--json", str(tmp_path / "all.json"))
    assert done.returncode == 1, done.stderr
    data = json.loads((tmp_path / "all.json").read_text())
    assert {item["what"].split("(")[0] for item in data["differences"] if item["kind"] == "output"} >= {"create_task"}
    assert {item["kind"] for item in data["differences"]} >= {"output", "database"}
    for item in data["differences"]:
        if item["kind"] == "output":
            assert item["left"].replace("pending", "completed").replace("not found", "missing") == item["right"]
    assert {tool["name"] for tool in data["tools"]} >= {"create_task", "get_users", "update_task_status", "transfer_to_human_agents"}
    assert "outputs of tools differ" in done.stdout
    assert not any(finding["deliberate"] for finding in data["findings"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--left", "maseval"], "--left has to be tau2"),
        (["--domains", "bank"], "no domain 'bank'"),
        (["--fuzz", "-1"], "--fuzz is -1"),
        (["--right", "tau2@/no/python"], "no interpreter /no/python"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was wrong and what to do, no traceback."""
    from tau2_logging.parity.__main__ import main

    assert main(words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_recorded_reports_are_scored_by_tau2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """MASEval need not be there; the results are tau2's own format, every perfect conversation has tau2's reward 1 where MASEval gave
    telecom's 0, a failure of the infrastructure is left out and said."""
    from tau2.data_model.simulation import Results

    failed = {**json.loads(REPORT.read_text().splitlines()[0]), "status": "environment_error", "repeat_idx": 2, "traces": {}, "eval": None}
    (tmp_path / "report.jsonl").write_text(REPORT.read_text() + json.dumps(failed) + "\n")
    assert rescore.main([str(tmp_path / "report.jsonl"), "--output", str(tmp_path / "out")]) == 1
    out = capsys.readouterr().out
    assert "retail: 2 conversations scored, 0 differently from MASEval" in out
    assert "telecom: 4 conversations scored, 4 differently from MASEval" in out
    assert "left out: 1 (environment_error 1)" in out
    for domain, simulations in (("retail", 2), ("telecom", 4)):
        results = Results.load(tmp_path / "out" / f"results_{domain}.json")
        assert [run.reward_info.reward for run in results.simulations] == [1.0] * simulations
        assert {run.task_id for run in results.simulations} == {task.id for task in results.tasks}
        assert all(run.messages[0].role == "assistant" and "###STOP###" in run.messages[-1].content for run in results.simulations)


@pytest.mark.parametrize("text", ["", "no json\n{}\n", '{"a": 1}\n{"b": 2}\n'])
def test_a_file_that_is_no_report_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2, nothing written."""
    path = tmp_path / "report.jsonl"
    path.write_text(text)
    assert rescore.main([str(path), "--output", str(tmp_path / "out")]) == 2
    assert str(path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_maseval_its_harness_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written."""
    from tau2_logging.errors import UserError

    monkeypatch.setitem(sys.modules, "maseval", None)  # as where it is not installed
    with pytest.raises(UserError, match=r"requirements-maseval\.txt"):
        run_quietly(scripted(tmp_path / "logs", domains=("retail",), harness="maseval"))
    assert not (tmp_path / "logs").exists()


@needs_maseval
def test_what_maseval_does_otherwise_is_found_and_explained(tmp_path: Path) -> None:
    """Telecom's perfect conversations are not perfect for MASEval's evaluator: the command says why, from experiments whose repairs make
    them perfect; environments, tools and databases are equal but for the wording of errors."""
    from tau2.registry import registry

    domains = scaled(["retail", "telecom"], ["airline", "retail", "telecom"])
    wanted = [task.id for domain in domains for task in registry.get_tasks_loader(domain)("base")[::STRIDE]]
    done = parity("--domains", *domains, "--task-ids", *dict.fromkeys(wanted), "--fuzz", "12", "--json", str(tmp_path / "all.json"))
    assert done.returncode == 1, done.stderr
    data = json.loads((tmp_path / "all.json").read_text())
    assert {item["kind"] for item in data["differences"]} <= {"error_prefix", "order_id_prefix", "reward"}
    assert {item["domain"] for item in data["differences"] if item["kind"] == "reward" and not item["slip"]} == {"telecom"}
    names = {finding["name"] for finding in data["findings"] if not finding["deliberate"]}
    assert names >= {"reward", "reward_slip", "policy", "loader", "base_split", "evaluator_key"}
    assert "asks the traces for 'users'" in done.stdout
    assert "5,699 characters on the right" in done.stdout


@needs_maseval
def test_maseval_runs_under_our_profiler(tmp_path: Path) -> None:
    """Events, trajectories and results of every simulation agree, repeats are trials, evaluations are told apart from live calls, and
    both rewards stand side by side."""
    code, said = run_quietly(scripted(tmp_path, domains=("retail", "telecom"), harness="maseval", num_tasks=scaled(2, 3), num_trials=2))
    assert code == 0, said
    assert check_run(tmp_path, ["retail", "telecom"]) == scaled(8, 12)
    assert "mean reward by tau2's evaluator" in said
    files = RunFiles(tmp_path)
    for domain in ("retail", "telecom"):
        ends = of(files.events(domain), "task_end")
        assert sorted({event.get("trial") for event in ends}) == [0, 1]
        assert all(event.get("tau2_reward") == 1.0 for event in ends)
        (start,) = of(files.events(domain), "run_start")
        assert start.get("harness") == "maseval 0.5.1"
        for evaluation in of(files.events(domain), "evaluation"):
            assert evaluation.get("error") or evaluation.get("replay_calls") + evaluation.get("gold_calls") > 0


def own_agents(benchmark: Any, agent_data: Any, env: Any, task: Any, user: Any, seed_generator: Any) -> Any:
    """An agent system of somebody's own: looks at its tools as frameworks do, calls one by hand, and says goodbye."""
    from maseval import AgentAdapter

    class Own(AgentAdapter):
        def _run_agent(self, query: str) -> str:
            tools = self.agent
            tools["list_all_product_types"]()
            call = {"id": "1", "function": {"name": "list_all_product_types", "arguments": "{}"}}
            content = json.dumps(json.loads(tools["list_all_product_types"]()))
            self.messages = [{"role": "user", "content": query}, {"role": "assistant", "content": "", "tool_calls": [call]},
                             {"role": "tool", "tool_call_id": "1", "content": content},
                             {"role": "assistant", "content": "Is there anything else I can help you with?"}]  # fmt: skip
            return "Is there anything else I can help you with?"

        def gather_traces(self) -> dict[str, Any]:
            return {"messages": self.messages}

    assert {name: get_type_hints(tool) for name, tool in env.create_tools().items()} == {
        name: get_type_hints(tool) for name, tool in env.toolkit.tools.items()
    }
    agent = Own(env.create_tools(), "own")
    return [agent], {"own": agent}


@needs_maseval
def test_masevals_user_has_tau2s_guidelines() -> None:
    """As docs/integration.md says: the same files, and the prompt that its documents speak of is not used."""
    from maseval.benchmark.tau2 import tau2 as port
    from tau2.utils.utils import DATA_DIR

    own, theirs = Path(port.__file__).parent / "prompt_templates", DATA_DIR / "tau2" / "user_simulator"
    for name in ("simulation_guidelines.md", "simulation_guidelines_tools.md"):
        assert (own / name).read_bytes() == (theirs / name).read_bytes()
    code = Path(port.__file__).read_text(encoding="utf-8")
    assert "simulation_guidelines_tools.md" in code
    assert "user_simulator.txt" not in code


@needs_maseval
def test_a_persons_own_agent_system_is_measured_too(tmp_path: Path) -> None:
    """It calls the environment's tools without MASEval's agent: each call is an event, and so are the user's models."""
    hook = f"{__name__}:own_agents"
    code, said = run_quietly(scripted(tmp_path, domains=("retail",), harness="maseval", maseval_agents=hook, num_tasks=1))
    assert code == 0, said
    events = RunFiles(tmp_path).events("retail")
    assert [event.get("function") for event in of(events, "tool_call")] == ["list_all_product_types"] * 2
    assert len(of(events, "user_sim")) == 2
    assert of(events, "llm_call") == []
    (end,) = of(events, "task_end")
    assert end.get("reward") == 0.0


@needs_maseval
def test_a_script_with_maseval_of_its_own_is_followed(tmp_path: Path) -> None:
    """Inside an Instrumentation, MASEval's own runner with its own threads: every repetition is a simulation, and the events are as many as
    the calls in its own traces."""
    from maseval.benchmark.tau2 import DefaultAgentTau2Benchmark, configure_model_ids, load_tasks
    from maseval.interface.inference.litellm import LiteLLMModelAdapter
    from tau2.registry import registry
    from tau2.utils.utils import DATA_DIR

    class Own(DefaultAgentTau2Benchmark):
        def get_model_adapter(self, model_id: str, **kwargs: Any) -> Any:
            adapter = LiteLLMModelAdapter(model_id)
            self.register("models", kwargs["register_name"], adapter)
            return adapter

    lay_out("telecom", DATA_DIR / "tau2" / "domains", tmp_path)
    base = registry.get_tasks_loader("telecom")("base")[:3]
    register(TaskScripts.of({"telecom": base}))
    tasks = [task for task in load_tasks("telecom", "all", tmp_path) if task.id in {task.id for task in base}]
    configure_model_ids(tasks, user_model_id="scripted/user")
    memory = MemorySink()
    logger = EventLogger("own", [memory])
    with Instrumentation(logger):
        reports = Own(progress_bar=False, n_task_repeats=2, num_workers=2).run(tasks, agent_data={"model_id": "scripted/agent"})
    logger.close()
    assert len(of(memory.events, "task_end")) == len(reports) == 6
    traces = [report["traces"] for report in reports]
    made = sum(len(model["logs"]) for trace in traces for model in trace["models"].values())
    assert len(of(memory.events, "llm_call", "user_sim")) == made > 0
    messages = [message for trace in traces for part in (trace["user"], *trace["agents"].values()) for message in part["messages"]]
    assert len(of(memory.events, "tool_call")) == sum(message["role"] == "tool" for message in messages) > 0
