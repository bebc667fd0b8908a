"""Runs on servers of several makes: what each call is named after, and that nobody is asked for tokens but the models of the run."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tau2_logging.errors import UserError
from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.models.servers.server_settings import ModelServerSettings as Settings
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.runner.model_calls.preflight import check
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tests.support.in_process import run_quietly, scripted
from tests.support.played import Played, litellm_proxy, playing
from tests.support.run_files import RunFiles, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")


def call_types(folder: Path, **settings: Any) -> dict[str, set[object]]:
    """What a short run's calls are named after, by model."""
    run_quietly(scripted(folder, task_ids=("create_task_1",), max_steps=4, max_retries=1, judge_model=None, **settings))
    found: dict[str, set[object]] = {}
    for call in of(RunFiles(folder).events("mock"), *MODEL_CALL_TYPES):
        found.setdefault(str(call.get("model")), set()).add(call.get("call_type"))
    return found


def test_a_call_is_named_after_what_serves_it(tmp_path: Path) -> None:
    """Whatever the client calls the provider, and whether the server is an endpoint of the run or named in a model's arguments."""
    with playing(litellm_proxy("ours")) as proxy, SimulatedServer(ServerSettings()) as vllm, playing(Played()) as unknown:
        cases = {
            "proxy": (Settings(endpoints=(proxy.url,)), ModelChoice("hosted_vllm/ours"), "litellm_proxy"),
            "own": (None, ModelChoice("openai/sim", {"api_base": vllm.base_url, "api_key": "k"}), "vllm"),
            "unknown": (Settings(endpoints=(unknown.url,)), ModelChoice("hosted_vllm/m"), "openai_compatible"),
            "direct": (None, ModelChoice("openai/m", {"api_base": f"{unknown.url}/v1", "api_key": "k"}), "openai_compatible"),
        }
        for name, (servers, model, call_type) in cases.items():
            assert call_types(tmp_path / name, servers=servers, agent_model=model)[model.llm] == {call_type}, name


def test_a_proxys_other_models_are_never_asked(tmp_path: Path) -> None:
    """Not by a run whose calls all fail, nor while a server is asked how it is, nor by --check."""
    with playing(litellm_proxy("ours", "theirs", "gone", dead=frozenset(("gone",)))) as proxy:
        served = Settings(endpoints=(proxy.url,), metrics_interval=0.2)
        call_types(tmp_path / "well", servers=served, agent_model=ModelChoice("hosted_vllm/ours"))
        well = Counter(proxy.completed)
        call_types(tmp_path / "failing", servers=served, agent_model=ModelChoice("hosted_vllm/gone"))
        failing = Counter(proxy.completed) - well
        proxy.completed.clear()
        out = io.StringIO()
        code = check(
            RunConfig(domains=("mock",), servers=served, agent_model=ModelChoice("hosted_vllm/ours")), Console(file=out, width=120)
        )
    assert set(well) == {"ours"}
    assert failing == {"gone": 2}  # the call and its one retry
    assert set(proxy.completed) == {"ours"}
    assert code == 0, out.getvalue()
    assert "/health" not in proxy.asked


def test_the_check_compares_a_stream_with_the_plain_answer_where_the_run_would_stream() -> None:
    """What an agent would get and what it should get are both said."""
    served: dict[str, Any] = {"agent_model": ModelChoice("hosted_vllm/m"), "domains": ("mock",), "ttft": "on"}
    with playing(Played(streams_no_calls=True)) as played:
        out = io.StringIO()
        code = check(RunConfig(servers=Settings(endpoints=(played.url,)), **served), Console(file=out, width=120))
    assert code == 1
    assert 'tool calls none as a stream, get_weather({"city": "Paris"}) plainly' in out.getvalue()
    assert "finish_reason stop as a stream, tool_calls plainly" in out.getvalue()


def test_a_proxy_that_wants_a_key_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own answer is a bare 500."""
    monkeypatch.delenv("HOSTED_VLLM_API_KEY", raising=False)
    with playing(litellm_proxy("ours", wants_key=True)) as proxy, pytest.raises(UserError, match="set HOSTED_VLLM_API_KEY"):
        check(RunConfig(domains=("mock",), servers=Settings(endpoints=(proxy.url,)), agent_model=ModelChoice("hosted_vllm/ours")))
