"""tau2 v1, where it is installed (`make test-tau2-v1 TAU2=folder`): its domains run, and events are those of the trajectories."""

from __future__ import annotations

import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.recordings import load_results
from tau2_logging.audit.task_audit import reference_calls
from tau2_logging.cli import rejudge
from tau2_logging.cli.listing import list_domains
from tau2_logging.errors import UserError
from tau2_logging.events import Event
from tau2_logging.events.retrieval_tools import KNOWLEDGE
from tau2_logging.instrument import has_module
from tau2_logging.runner.harness.conversation_replay import ConversationReplay
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tests.support.embedding_server import embedding_server
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.run_files import RunFiles, check_run, of
from tests.support.voice_recordings import counted, lanes_of

pytestmark = [*LEFT_OPEN, pytest.mark.skipif(not has_module("tau2", "runner"), reason="tau2 v1 is not installed here")]

OFFLINE = {
    "no_knowledge": set(), "full_kb": set(), "golden_retrieval": set(), "bm25": {"KB_search"}, "bm25_grep": {"KB_search", "grep"},
    "grep_only": {"grep"},
}  # fmt: skip
"""Configurations that need no key, and the tools that search in each."""


@pytest.mark.parametrize(("domain", "number"), [("airline", 8), ("retail", 8), ("telecom", 8), ("mock", 3)])
def test_a_text_domain_is_measured_soundly(domain: str, number: int, tmp_path: Path) -> None:
    """The references of its first tasks earn their reward, and each event has its message."""
    code, said = run_quietly(scripted(tmp_path, domains=(domain,), num_tasks=number))
    assert code == 0, said
    assert check_run(tmp_path, [domain]) == number
    assert "data: tau2's v1 data, not comparable with v0.2" in said
    rewards = [float(text) for text in re.findall(r"type=task_end .*?reward=([\d.]+)", (tmp_path / f"tau2_{domain}.log").read_text())]
    assert rewards == [1.0] * number


def knowledge_run(log_dir: Path, name: str, tasks: int = 2, **settings: Any) -> list[Event]:
    """The events of a run of banking_knowledge, which are checked against its trajectories."""
    code, said = run_quietly(scripted(log_dir, domains=(KNOWLEDGE,), retrieval_config=name, num_tasks=tasks, **settings))
    assert code == 0, said
    assert check_run(log_dir, [KNOWLEDGE]) == tasks
    return RunFiles(log_dir).events(KNOWLEDGE)


@pytest.mark.parametrize(("name", "tools"), OFFLINE.items())
def test_banking_knowledge_runs_without_a_key(name: str, tools: set[str], tmp_path: Path) -> None:
    """Under each retrieval configuration that works offline; run_start, the results and run.json name it. Searches are events, one to one,
    and say which documents the task requires."""
    events = knowledge_run(tmp_path, name)
    assert {event.get("function") for event in of(events, "retrieval_call")} == tools
    assert all(int(event.get("required") or 0) > 0 for event in of(events, "task_start", "retrieval_call"))
    for end in of(events, "task_end"):
        assert end.get("reward") == 1.0
        assert (float(end.get("retrieval_ms") or 0) > 0) == bool(tools)
    assert f"retrieval_config={name} " in (tmp_path / f"tau2_{KNOWLEDGE}.log").read_text()
    folder = RunFiles(tmp_path).only_run()
    assert f'"retrieval_config": "{name}"' in (folder / "run.json").read_text()
    assert f'"retrieval_config":"{name}"' in (folder / f"results_{KNOWLEDGE}.json").read_text()


def test_required_documents_are_those_of_tau2s_task_and_its_results_alone_tell_the_same(tmp_path: Path) -> None:
    """By an independent count over the results file: required ids that a tool message of the simulation lists."""
    knowledge_run(tmp_path, "bm25_grep", 6)
    path = RunFiles(tmp_path).only_run() / f"results_{KNOWLEDGE}.json"
    data = json.loads(path.read_text())
    required = {task["id"]: set(task["required_documents"]) for task in data["tasks"]}
    counted = {}
    for one in data["simulations"]:
        read = "".join(message["content"] for message in one["messages"] if message["role"] == "tool")
        counted[one["task_id"]] = (len(required[one["task_id"]]), sum(f"   ID: {id_}\n" in read for id_ in required[one["task_id"]]))
    assert sum(found for _, found in counted.values()) > 0
    for log in (load_log(tmp_path / f"tau2_{KNOWLEDGE}.log"), load_results([path])[0]):
        table = log.documents_found()
        assert {row.task: (row.required, row.found) for row in table.itertuples()} == counted


def test_what_tau2s_retrieval_asks_models_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embeddings of queries that tau2 has not kept, and the reranker of each of ten documents: attempts with tokens and price, none of
    them the agent's. The documents are embedded once, before the first simulation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with embedding_server() as (url, embedded):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        events = knowledge_run(tmp_path / "logs", "openai_embeddings_reranker", max_concurrency=1)
    calls = of(events, "embedding_call")
    queries = [event for event in calls if event.get("model") == "text-embedding-3-large"]
    assert queries
    assert [event.get("input_tokens") for event in queries] == embedded[1:]
    assert [event.get("cost_usd") for event in queries] == pytest.approx([tokens * 0.13e-6 for tokens in embedded[1:]])
    for search in of(events, "retrieval_call"):
        asked = [event for event in calls if event.get("parent") == search.get("span")]
        assert len(asked) == search.get("embedding_calls") == 10 + sum(event in queries for event in asked)
        assert sum(int(event.get("input_tokens") or 0) for event in asked) == search.get("embedding_tokens")
    assert {event.get("model") for event in of(events, "llm_call")} == {"scripted/agent"}


@pytest.mark.parametrize(("domain", "retrieval"), [("retail", None), (KNOWLEDGE, "bm25_grep")])
def test_recorded_conversations_are_rebuilt_and_scored_again(domain: str, retrieval: str | None, tmp_path: Path) -> None:
    """With the retrieval of their run; each call is answered as recorded, and tau2 gives the recorded reward."""
    config = scripted(tmp_path, {"gives_up": 0.5}, domains=(domain,), retrieval_config=retrieval, num_tasks=4, run_name="base")
    code, said = run_quietly(config)
    assert code == 0, said
    logs = tmp_path / "again"
    words = ["--judge-llm", "scripted/judge", "--log-dir", str(logs), "--output-dir", str(tmp_path)]
    assert rejudge.main([str(tmp_path / "runs/base"), *words]) == 0
    recorded, again = RunFiles(tmp_path).results(domain), RunFiles(logs).results(domain)
    rewards = [{one["task_id"]: one["reward_info"]["reward"] for one in runs} for runs in (recorded, again)]
    assert rewards[0] == rewards[1]
    assert set(rewards[0].values()) == {0.0, 1.0}


def test_the_references_of_banking_knowledge_are_played_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit needs no retrieval to play and score them."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    harness = Tau2Harness.load()
    with ConversationReplay(harness, KNOWLEDGE) as replay:
        tasks = harness.tasks(KNOWLEDGE, None)[:3]
        played = [replay.play(task, reference_calls(task), ()) for task in tasks]
    assert [one.reward for one in played] == [1.0] * 3, [one.problem for one in played]


def test_why_a_domain_cannot_run_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """tau2's own choice of retrieval needs a key: the list and the run say so, with what works; an unknown name is answered with all."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert list_domains() == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"  {KNOWLEDGE}")]
    assert "CANNOT RUN" in line
    assert "choose a --retrieval-config that needs no key (no_knowledge, full_kb" in line
    with pytest.raises(UserError, match="choose a --retrieval-config that needs no key"):
        run_quietly(scripted(tmp_path, domains=(KNOWLEDGE,), num_tasks=1))
    with pytest.raises(UserError, match="no retrieval configuration 'bm26'; there are "):
        run_quietly(scripted(tmp_path, domains=(KNOWLEDGE,), retrieval_config="bm26", num_tasks=1))


VOICE = Path(os.environ.get("TAU2", "")) / "tests/test_voice/test_interaction_metrics/testdata/experiment"


@pytest.mark.skipif(not (VOICE / "results.json").is_file(), reason="TAU2 names no source of tau2 with recorded voice simulations")
def test_recorded_voice_simulations_have_the_figures_of_their_ticks() -> None:
    """Counted from the letters of their lanes, and by tau2's own metrics where definitions agree."""
    log, _ = load_results([VOICE])
    lanes = [lanes_of(json.loads(file.read_text())["ticks"]) for file in sorted((VOICE / "simulations").glob("*.json"))]
    wanted = [counted(agent, user, 200.0) for agent, user in lanes]
    for name in ("audio_ms", "agent_ms", "user_ms", "silence_ms", "both_ms"):
        column = {"audio_ms": "audio_ms", "both_ms": "audio_overlap_ms"}.get(name, f"audio_{name}")
        assert sorted(log.voice_simulations()[column]) == pytest.approx(sorted(one[name] for one in wanted))
    said = {row["what"]: row for row in log.voice_turn_taking().to_dict("records")}
    answers, yields = ([value for one in wanted for value in one[name]] for name in ("answers", "yields"))
    theirs = compute_of(VOICE)
    for what, mine, out_of, latency in (
        ("agent answers", answers, "owed", "response"),
        ("agent yields", yields, "user_interrupts", "yield"),
    ):
        row = said[what]
        assert (row["n"], row["of"]) == (len(mine), sum(one[out_of] for one in wanted)) == (row["n"], theirs["counts"][f"{latency}_total"])
        assert row["mean_audio_ms"] == pytest.approx(sum(mine) / len(mine)) == pytest.approx(theirs[f"{latency}_latency_mean"] * 1000)
        assert row["share"] == pytest.approx(theirs[f"{latency}_rate"])
    assert said["agent interrupts"]["n"] == sum(one["agent_interrupts"] for one in wanted) == theirs["counts"]["agent_interrupts_count"]


def compute_of(folder: Path) -> dict[str, Any]:
    """What tau2's own metrics say of a folder of recorded voice simulations."""
    metrics, simulation = import_module("tau2.metrics.voice_interaction_metrics"), import_module("tau2.data_model.simulation")
    found: dict[str, Any] = metrics.compute_interaction_metrics_for_experiment(simulation.Results.load(folder))
    return found
