"""Searches of documents: events, times, cost and figures of whole runs, with a small domain of the shape of tau2 v1's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.recordings import load_results
from tau2_logging.events import EXCLUSIVE_MS, Event
from tau2_logging.events.retrieval_tools import KNOWLEDGE
from tau2_logging.instrument import has_module
from tests.support.in_process import run_quietly, scripted
from tests.support.knowledge_domain import by_words, knowledge_domain
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.one_answer import one_answer
from tests.support.run_files import RunFiles, check_run, of, span_of

pytestmark = [*LEFT_OPEN, pytest.mark.skipif(has_module("tau2", "runner"), reason="this tau2 has the domain itself (test_tau2_v1.py)")]

REQUIRED = ("doc_tasks_001", "Users", "doc_that_nothing_finds")
VECTOR = {"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}
EMBEDDED = {"object": "list", "data": [VECTOR], "model": "text-embedding-3-large", "usage": {"prompt_tokens": 7, "total_tokens": 7}}


def played(log_dir: Path, **settings: Any) -> list[Event]:
    """The events of a run of three tasks, which are checked against its trajectories."""
    code, said = run_quietly(scripted(log_dir, domains=(KNOWLEDGE,), num_tasks=3, **settings))
    assert code == 0, said
    assert check_run(log_dir, [KNOWLEDGE]) == 3
    return RunFiles(log_dir).events(KNOWLEDGE)


@contextmanager
def embedding_search(status: int = 200) -> Iterator[Any]:
    """A ranking that asks an embedding model, as the openai SDK does it, and the server."""
    with one_answer(status, EMBEDDED if status == 200 else {"error": {"message": "no"}}) as server:
        client = openai.OpenAI(api_key="none", base_url=f"{server.url}/v1", max_retries=0)

        def rank(query: str) -> list[tuple[str, float]]:
            client.embeddings.create(input=[query], model="text-embedding-3-large")
            return by_words(query)

        with client:
            yield rank


def test_a_search_says_what_was_wanted_and_which_required_documents_were_found(tmp_path: Path) -> None:
    with knowledge_domain(REQUIRED):
        events = played(tmp_path)
    searches = of(events, "retrieval_call")
    assert {event.get("function") for event in searches} == {"KB_search", "grep"}
    for event in searches:
        documents = str(event.get("documents")).split(",")
        found = [id_ for id_ in documents if id_ in ("doc_tasks_001", "doc_users_(general)_001")]
        assert event.get("required") == 3
        assert str(event.get("required_found") or "").split(",") == (found or [""])
        assert "doc_of_a_quotation" not in documents
        assert event.get("embedding_calls") == 0
    assert {event.get("required") for event in of(events, "task_start")} == {3}


def test_no_moment_of_a_search_counts_twice(tmp_path: Path) -> None:
    """Tool call, search and embedding model each have their own time, and the exclusive times are their sums."""
    with embedding_search() as rank, knowledge_domain(REQUIRED, rank):
        events = played(tmp_path)
    for end in of(events, "task_end"):
        mine = [event for event in events if event.task == end.task and event.get("step") is not None]
        for type_, name in (("tool_call", "tool_ms"), ("retrieval_call", "retrieval_ms")):
            assert sum(float(event.get("duration_ms") or 0) for event in of(mine, type_)) == pytest.approx(end.get(name), abs=0.1)
        asked = sum(float(event.get("duration_ms") or 0) for event in of(mine, "embedding_call"))
        assert 0 < asked <= float(end.get("embedding_ms") or 0) + 0.1  # the evaluator asks again
        assert sum(float(end.get(name) or 0) for name in EXCLUSIVE_MS) == pytest.approx(end.get("duration_ms"), abs=0.1)
    spans = {event.get("span"): event for event in events}
    for call in (event for event in of(events, "embedding_call") if event.get("step") is not None):
        search = spans[call.get("parent")]
        begin, _ = span_of(search)
        assert search.type == "retrieval_call"
        assert begin <= span_of(call)[0]
        assert span_of(call)[1] <= begin + float(search.get("total_duration_ms") or 0) + 0.01


def test_an_embedding_call_is_an_attempt_with_its_tokens_and_its_price(tmp_path: Path) -> None:
    """7 tokens of text-embedding-3-large at 0.13 dollars a million; nothing of it is a call of the agent."""
    with embedding_search() as rank, knowledge_domain(REQUIRED, rank):
        events = played(tmp_path)
    calls = of(events, "embedding_call")
    assert {(event.get("model"), event.get("input_tokens"), event.get("error")) for event in calls} == {
        ("text-embedding-3-large", 7, False)
    }
    assert [event.get("cost_usd") for event in calls] == pytest.approx([7 * 0.13e-6] * len(calls))
    for search in of(events, "retrieval_call"):
        asked = search.get("function") == "KB_search"
        assert search.get("embedding_calls") == int(asked)
        assert search.get("embedding_tokens") == (7 if asked else None)
        assert search.get("embedding_cost_usd") == (pytest.approx(7 * 0.13e-6) if asked else None)
    log = load_log(tmp_path / f"tau2_{KNOWLEDGE}.log")
    costs = log.costs(by=("role",)).set_index("role")
    assert costs.loc["embedding", "cost_usd"] == pytest.approx(len(calls) * 7 * 0.13e-6)
    by_tool = log.searches().set_index("function")
    assert by_tool["embedding_cost_usd"].to_dict() == pytest.approx({"KB_search": by_tool["calls"]["KB_search"] * 7 * 0.13e-6, "grep": 0.0})


def test_an_embedding_model_that_refuses_is_a_failed_attempt_and_a_failed_search(tmp_path: Path) -> None:
    with embedding_search(500) as rank, knowledge_domain(REQUIRED, rank):
        events = played(tmp_path)
    assert {event.get("error") for event in of(events, "embedding_call")} == {True}
    failed = [event for event in of(events, "retrieval_call") if event.get("function") == "KB_search"]
    assert {(event.get("error"), event.get("returned")) for event in failed} == {(True, 0)}
    assert {event.get("error_type") for event in failed} == {"InternalServerError"}


def figures(log: RunLog) -> dict[str, list[Any]]:
    """What was searched and found, without times."""
    tools = log.searches().sort_values("function")
    found = log.documents_found().sort_values("task")
    return {
        "tools": tools[["function", "calls", "errors", "nothing_found", "mean_documents", "with_required"]].to_numpy().tolist(),
        "documents": found[["task", "searches", "required", "found"]].to_numpy().tolist(),
    }


def test_results_alone_tell_of_the_same_searches(tmp_path: Path) -> None:
    """Events that are made of the tool messages of a results file are those that the run wrote, but for times and models."""
    with knowledge_domain(REQUIRED):
        played(tmp_path)
    results = RunFiles(tmp_path).only_run() / f"results_{KNOWLEDGE}.json"
    assert [task["required_documents"] for task in json.loads(results.read_text())["tasks"]] == [list(REQUIRED)] * 3
    log = load_log(tmp_path / f"tau2_{KNOWLEDGE}.log")
    again, _ = load_results([results])
    assert figures(again) == figures(log)
    read = {
        one["task_id"]: str([message["content"] for message in one["messages"]]) for one in json.loads(results.read_text())["simulations"]
    }
    counted = {task: sum(f"ID: {id_}" in text for id_ in ("doc_tasks_001", "doc_users_(general)_001")) for task, text in read.items()}
    assert {row[0]: row[3] for row in figures(log)["documents"]} == counted
    assert sum(counted.values()) > 0


def test_without_the_domain_no_tool_is_a_search(tmp_path: Path) -> None:
    code, said = run_quietly(scripted(tmp_path, num_tasks=1))
    assert code == 0, said
    events = RunFiles(tmp_path).events("mock")
    assert not of(events, "retrieval_call", "embedding_call")
    assert load_log(tmp_path / "tau2_mock.log").searches().empty
