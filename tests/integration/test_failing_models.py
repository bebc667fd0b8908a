"""Runs against a model server that fails on purpose: every request is an event, every simulation is accounted for, nothing is scored that
failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tau2_logging.events import Event
from tau2_logging.models.simulated_server import Exchange, ServerSettings, SimulatedServer
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.run_files import RunFiles, by_simulation, check_simulation, of, prompts_of, sent

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

pytestmark = LEFT_OPEN

FAULTS = {
    "rate_limit": 0.03, "server_error": 0.02, "overloaded": 0.02, "bad_gateway": 0.02, "reset": 0.03, "hang": 0.01, "stream_cut": 0.02,
    "stream_end": 0.01, "stream_error": 0.01, "malformed_tool": 0.12, "empty_reply": 0.01, "context_length": 0.005,
}  # fmt: skip
NAMES = {
    "rate_limit": {"RateLimitError"}, "server_error": {"InternalServerError"}, "overloaded": {"ServiceUnavailableError"},
    "bad_gateway": {"BadGatewayError"}, "reset": {"ReadError", "RemoteProtocolError"}, "hang": {"Timeout"},
    "stream_cut": {"StreamCut", "RemoteProtocolError"},
    "stream_end": {"StreamCut"}, "stream_error": {"InternalServerError"}, "malformed_tool": {"MalformedToolCall"},
    "empty_reply": {"EmptyReply"}, "context_length": {"ContextWindowExceededError"},
}  # fmt: skip
"""What each fault is called in the log."""


@dataclass(frozen=True)
class Run:
    """A run and the server's own account of it."""

    code: int
    printed: str
    files: RunFiles
    events: list[Event]
    journal: list[Exchange]


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """54 simulations of mock; one in five requests fails."""
    log_dir = tmp_path_factory.mktemp("failing")
    with SimulatedServer(ServerSettings(models=("sim",), faults=FAULTS, seed=7, retry_after_s=0.2)) as server:
        model = ModelChoice("openai/sim", {"api_base": server.base_url, "api_key": "sk-x", "temperature": 0.0})
        config = scripted(
            log_dir, agent_model=model, user_model=model, num_trials=6, max_concurrency=12, max_retries=2, request_timeout=10.0,
            log_level="DEBUG",
        )  # fmt: skip
        code, printed = run_quietly(config)
        yield Run(code, printed, RunFiles(log_dir), RunFiles(log_dir).events("mock"), server.journal)


def calls(run: Run) -> list[Event]:
    return [event for event in of(run.events, "llm_call", "user_sim", "evaluator") if event.get("call_type") != "scripted"]


def test_every_request_is_an_event(failing: Run) -> None:
    """The events match the server's journal one to one: what was sent, whether it failed and how, the tokens of what did not."""
    prompts = prompts_of(failing.events)
    seen = Counter((texts(sent(prompts, call)), outcome(call)) for call in calls(failing))
    told = Counter((texts(exchange.request["messages"]), told_outcome(exchange)) for exchange in failing.journal)
    assert seen == told
    failed = sum(bool(call.get("error")) for call in calls(failing))
    assert 0.12 < failed / len(calls(failing)) < 0.28


def texts(messages: list[dict[str, object]]) -> str:
    """What was said, without what clients write in different ways."""
    return json.dumps([[message["role"], message.get("content"), message.get("tool_calls")] for message in messages])


def outcome(call: Event) -> tuple[object, ...]:
    return (call.get("error_type"),) if call.get("error") else (call.get("input_tokens"), call.get("output_tokens"))


def told_outcome(exchange: Exchange) -> tuple[object, ...]:
    names = NAMES.get(exchange.fault or "")
    if exchange.fault == "stream_cut" and exchange.stream:
        return ("StreamCut",)
    whole = not names or (exchange.fault == "stream_end" and not exchange.stream)  # which then lacks its finish reason, and nothing else
    return (exchange.prompt_tokens, exchange.completion_tokens) if whole else tuple(sorted(names)[:1])


def test_every_fault_was_met_and_has_its_name(failing: Run) -> None:
    """The server played each at least once, and each is in the log under a name that says what happened."""
    played = {exchange.fault for exchange in failing.journal} - {None}
    assert played >= FAULTS.keys() - {"context_length"}
    names = {call.get("error_type") for call in calls(failing) if call.get("error")}
    assert names <= set().union(*NAMES.values())
    assert all(names & NAMES[fault] for fault in played)


def test_every_retry_waits_on_its_own(failing: Run) -> None:
    """Each second and later attempt has a retry before it, for the same reason as the failure (the plain request after a stream that broke
    off waits for nothing); Retry-After is obeyed to the millisecond."""
    retries = of(failing.events, "retry")
    broke_off = sum(call.get("error_type") == "StreamCut" for call in calls(failing))
    assert len(retries) == sum(int(call.get("attempt") or 0) > 1 for call in calls(failing)) - broke_off
    for retry in retries:
        if retry.get("error_type") == "RateLimitError":
            assert retry.get("wait_ms") == 200.0
    assert not any(retry.get("error_type") == "ContextWindowExceededError" for retry in retries)


def test_every_simulation_is_accounted_for_and_none_that_failed_is_scored(failing: Run) -> None:
    """54 ends, 54 rows; an error has no reward and is not in the results; what finished keeps every invariant."""
    ends = of(failing.events, "task_end")
    rows = list(read_rows(failing.files.only_run() / "simulations_mock.jsonl"))
    broken = [end for end in ends if end.get("status") == "error"]
    assert len(ends) == len(rows) == 54
    assert failing.code == 1
    assert 0 < len(broken) < 54
    assert all(end.get("reward") is None for end in broken)
    assert all(row["reward"] is None and row["error"] for row in rows if row["status"] == "error")
    results = failing.files.results("mock")
    assert len(results) == 54 - len(broken)
    grouped = by_simulation(failing.events)
    for simulation in results:
        history = 4 if "history" in simulation["task_id"] else 0
        check_simulation(simulation, grouped["mock", simulation["task_id"], simulation["trial"]], history)


def test_the_key_is_nowhere(failing: Run) -> None:
    """Not in a log, not in the run's folder."""
    for path in [*failing.files.log_dir.rglob("*.log"), *failing.files.log_dir.rglob("*.json*")]:
        assert "sk-x" not in Path(path).read_text(encoding="utf-8")
