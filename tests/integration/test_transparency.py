"""Profiling changes nothing: same trajectories, rewards and exceptions with and without, and no trace after uninstall."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from multiprocessing.pool import ThreadPool
from types import ModuleType
from typing import Any

import pytest

from benchmarks.overhead.__main__ import scored
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.models.scripted.task_script import TaskScripts
from tau2_logging.sinks import MemorySink
from tests.support.run_files import check_simulation

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

TASKS = {"mock": 9, "retail": 1, "telecom": 1}
FAULTS = {"invalid_args": 0.2, "unknown_tool": 0.1, "malformed_json": 0.05, "server_error": 0.05, "empty_reply": 0.05}


@pytest.fixture(scope="module")
def harness() -> Any:
    from tau2_logging.models.scripted.provider import register
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    loaded = Tau2Harness.load()
    register(_book())
    return loaded


@lru_cache
def tasks_of(domain: str) -> tuple[Any, ...]:
    """The first tasks of a domain. To read all of telecom's takes a second."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    return tuple(Tau2Harness.load().tasks(domain, None)[: TASKS[domain]])


def settings_of(domain: str, task: Any, faults: dict[str, float]) -> Any:
    from tau2_logging.runner.settings.simulation_settings import SimulationSettings

    named = {"scripted_task": f"{domain}/{task.id}", "num_retries": 0}
    return SimulationSettings(
        domain=domain, agent="llm_agent", user="user_simulator",
        agent_llm="scripted/agent", agent_args={**named, "faults": faults}, user_llm="scripted/user", user_args=named,
        judge_llm="scripted/judge", judge_args={}, repetition_judge=False, max_steps=60, max_errors=10, num_trials=1, seed=1,
    )  # fmt: skip


def play(harness: Any, faults: dict[str, float], domains: Sequence[str] = tuple(TASKS)) -> dict[tuple[str, str], Any]:
    """What each task gives: its messages without times and its reward, or the exception it ended with."""
    from tau2_logging.models.scripted.provider import register

    register(_book())  # forget which calls have been made before
    found: dict[tuple[str, str], Any] = {}
    with harness.judge("scripted/judge", {}):
        for domain in domains:
            for task in tasks_of(domain):
                try:
                    result = scored(harness, settings_of(domain, task, faults), task, seed=7)
                    found[domain, task.id] = _essence(result)
                except Exception as error:
                    found[domain, task.id] = (type(error).__name__, re.sub(r"timestamp: \S+", "", str(error)))
    return found


def _book() -> TaskScripts:
    return TaskScripts.of({domain: tasks_of(domain) for domain in TASKS})


def _essence(result: Any) -> Any:
    volatile = {"timestamp", "raw_data", "generation_time_seconds"}
    messages = [{k: v for k, v in message.model_dump().items() if k not in volatile} for message in result.messages]
    return messages, result.reward_info.model_dump(), result.termination_reason


@pytest.mark.parametrize("faults", [{}, FAULTS], ids=["faultless", "faults"])
def test_profiling_changes_nothing(harness: Any, faults: dict[str, float]) -> None:
    """Messages, rewards, terminations and exceptions of every task are the same under profiling at DEBUG as without it."""
    plain = play(harness, faults)
    sink = MemorySink()
    logger = EventLogger("r", [sink])
    with Instrumentation(logger):
        profiled = play(harness, faults)
    assert profiled == plain
    assert logger.failures == 0
    assert len([event for event in sink.events if event.type == "task_end"]) == sum(TASKS.values())
    if faults:
        assert any(isinstance(value[0], str) for value in plain.values())  # some of them did end in an exception


def _bindings() -> dict[tuple[str, str], int]:
    """Everything a wrapper could be put in place of: functions in modules, methods on the classes that are wrapped."""
    found: dict[tuple[str, str], int] = {}
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and module.__name__.split(".")[0] in ("tau2", "litellm", "httpx", "threading"):
            for name, value in list(vars(module).items()):
                if callable(value):
                    found[module.__name__, name] = id(value)
    environment = importlib.import_module("tau2.environment.environment").Environment
    orchestrator = importlib.import_module("tau2.orchestrator.orchestrator").Orchestrator
    httpx = importlib.import_module("httpx")
    for owner in (
        environment,
        orchestrator,
        threading.Thread,
        ThreadPoolExecutor,
        ThreadPool,
        httpx.HTTPTransport,
        httpx.AsyncHTTPTransport,
    ):
        for name, value in vars(owner).items():
            found[owner.__qualname__, name] = id(value)
    return found


def test_uninstall_leaves_no_trace(harness: Any) -> None:
    """After uninstall every function and method is the object it was, also in a module that was imported meanwhile."""
    before = _bindings()
    instrumentation = Instrumentation()
    instrumentation.install()
    instrumentation.install()  # once is enough
    assert _bindings() != before
    late = ModuleType("imported_late")
    sys.modules["imported_late"] = late
    litellm = importlib.import_module("litellm")
    late.completion = litellm.completion  # type: ignore[attr-defined]
    instrumentation.uninstall()
    instrumentation.uninstall()
    del sys.modules["imported_late"]
    assert _bindings() == before
    assert late.completion is litellm.completion  # type: ignore[attr-defined]


def test_only_our_own_layer_is_taken_off(harness: Any) -> None:
    """A wrapper that somebody has put over ours stays where it is, and ours under it passes calls through."""
    environment = importlib.import_module("tau2.environment.environment").Environment
    original = environment.get_response
    instrumentation = Instrumentation()
    instrumentation.install()
    ours = environment.get_response

    def theirs(self: Any, message: Any) -> Any:
        return ours(self, message)

    environment.get_response = theirs
    instrumentation.uninstall()
    try:
        assert environment.get_response is theirs
        plain = play(harness, {}, ["mock"])
        assert all(not isinstance(value[0], str) for value in plain.values())
    finally:
        environment.get_response = original


class _Caller:
    """Agents that call the model in every way a person's own agent may."""

    ways = ("direct", "thread", "pool", "thread_pool", "asyncio", "to_thread", "stream")

    def __init__(self, way: str) -> None:
        self.way = way

    def __call__(self, **kwargs: Any) -> Any:
        import asyncio

        import litellm

        if self.way == "thread":
            kept: list[Any] = []
            thread = threading.Thread(target=lambda: kept.append(litellm.completion(**kwargs)))
            thread.start()
            thread.join()
            return kept[0]
        if self.way == "pool":
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(litellm.completion, **kwargs).result()
        if self.way == "thread_pool":
            with ThreadPool(1) as pool:
                return pool.apply(lambda: litellm.completion(**kwargs))
        if self.way == "asyncio":

            async def gather() -> Any:
                return (await asyncio.gather(litellm.acompletion(**kwargs)))[0]

            return asyncio.run(gather())
        if self.way == "to_thread":

            async def elsewhere() -> Any:
                return await asyncio.to_thread(litellm.completion, **kwargs)

            return asyncio.run(elsewhere())
        if self.way == "stream":
            return litellm.stream_chunk_builder(list(litellm.completion(**kwargs, stream=True)))
        return litellm.completion(**kwargs)


@pytest.mark.parametrize("way", _Caller.ways)
def test_any_agent_is_measured(harness: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that never touches tau2's generate, and calls the model from a thread, a pool, asyncio or as a stream, has exactly one
    llm_call for each of its messages."""
    llm_agent = importlib.import_module("tau2.agent.llm_agent")
    llm_utils = importlib.import_module("tau2.utils.llm_utils")
    caller = _Caller(way)

    def generate(model: str, messages: Any, tools: Any = None, **kwargs: Any) -> Any:
        import json

        from tau2.data_model.message import AssistantMessage, ToolCall

        sent = llm_utils.to_litellm_messages(messages)
        response = caller(model=model, messages=sent, tools=[tool.openai_schema for tool in tools], **kwargs)
        message = response.choices[0].message
        calls = [
            ToolCall(id=call.id, name=call.function.name, arguments=json.loads(call.function.arguments))
            for call in message.tool_calls or []
        ]
        return AssistantMessage(role="assistant", content=message.content, tool_calls=calls or None, cost=0.0)

    monkeypatch.setattr(llm_agent, "generate", generate)
    sink = MemorySink()
    logger = EventLogger("r", [sink])
    (task,) = [task for task in tasks_of("mock") if task.id == "create_task_1"]
    with Instrumentation(), simulation_scope(logger, "mock", task.id, 0) as simulation:
        result = scored(harness, dataclasses.replace(settings_of("mock", task, {}), judge_llm=None), task)
        from tau2_logging.instrument.tau2 import outcome_of
        from tau2_logging.logger.scope import end

        end(simulation, outcome_of(result))
    assert logger.failures == 0
    check_simulation(result.model_dump(), sink.events)
    if way == "stream":
        assert all(event.get("ttft_ms") is not None for event in sink.of("llm_call"))


def test_tau2s_own_batch_runner_is_measured_too(harness: Any, tmp_path: Any) -> None:
    """With a logger of its own the instrumentation makes a simulation of every task that tau2's run_tasks runs."""
    run = importlib.import_module("tau2.run")
    if not hasattr(run, "run_task"):
        pytest.skip("tau2 v1 has no run_task")
    from loguru import logger as loguru

    (task,) = [task for task in tasks_of("mock") if task.id == "update_task_1"]
    args = {"scripted_task": f"mock/{task.id}", "num_retries": 0}
    sink = MemorySink()
    with Instrumentation(EventLogger("r", [sink])):
        results = run.run_tasks(
            "mock", [task], "llm_agent", "user_simulator", "scripted/agent", args, "scripted/user", args,
            console_display=False, max_concurrency=1, num_trials=2,
        )  # fmt: skip
    loguru.remove()
    ends = sink.of("task_end")
    assert [end.get("reward") for end in ends] == [simulation.reward_info.reward for simulation in results.simulations] == [1.0, 1.0]
    assert len(sink.of("tool_call")) == 2


def test_solo_agents_are_measured_from_their_first_word(harness: Any) -> None:
    """In solo mode the agent speaks already while the orchestrator is set up; that call is an llm_call too."""
    from tau2_logging.instrument.tau2 import outcome_of
    from tau2_logging.logger.scope import end

    (task,) = [task for task in tasks_of("mock") if task.id == "create_task_1"]
    solo = dataclasses.replace(settings_of("mock", task, {}), agent="llm_agent_solo", user="dummy_user", judge_llm=None)
    sink = MemorySink()
    with Instrumentation(), simulation_scope(EventLogger("r", [sink]), "mock", task.id, 0) as simulation:
        result = scored(harness, solo, task)
        end(simulation, outcome_of(result))
    spoken = [message for message in result.messages if message.role == "assistant"]
    assert result.reward_info.reward == 1.0
    assert len(sink.of("llm_call")) == len(spoken)
    assert len(sink.of("tool_call")) == sum(message.role == "tool" for message in result.messages)
