"""A run stops in order when it has used what it may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.errors import UserError
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tests.support import odd_streams
from tests.support.byte_server import Answers, byte_server
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.odd_streams import DONE, chunk, whole
from tests.support.run_files import RunFiles, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN

PRICED = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}


def check_stopped_in_order(log_dir: Path, config: RunConfig, limit: str, said: str) -> None:
    """Some simulations were not begun, all that were begun ended, and --resume does the rest."""
    code, printed = run_quietly(config)
    files = RunFiles(log_dir)
    events = files.events("mock")
    (end,) = of(events, "run_end")
    assert code == 1
    assert end.get("stopped_by") == limit
    assert 0 < int(end.get("pending") or 0) < 9
    assert len(of(events, "task_start")) == len(of(events, "task_end")) == 9 - int(end.get("pending") or 0)
    assert said in printed
    assert "--resume" in printed
    again = {**vars(config), "max_cost": None, "max_tokens_total": None}
    code, _ = run_quietly(RunConfig(**again), resume=files.only_run())
    assert code == 0
    assert len(files.results("mock")) == 9


def test_tokens_are_limited(tmp_path: Path) -> None:
    """Input and output together, over all roles."""
    config = scripted(tmp_path, max_tokens_total=6000, max_concurrency=2)
    check_stopped_in_order(tmp_path, config, "max_tokens_total", "--max-tokens-total 6000 is reached")


def test_money_is_limited(tmp_path: Path) -> None:
    """By the price given with the model."""
    with SimulatedServer(ServerSettings(models=("sim",), turns=1)) as server:
        args: dict[str, Any] = {"api_base": server.base_url, "api_key": "sk-x", **PRICED}
        user = ModelChoice("openai/sim", args)
        config = scripted(tmp_path, user_model=user, max_cost=0.002, max_concurrency=2)
        check_stopped_in_order(tmp_path, config, "max_cost", "--max-cost 0.002 is reached")
    (cost,) = {event.get("cost_usd") is not None for event in of(RunFiles(tmp_path).events("mock"), "user_sim")}
    assert cost


@pytest.mark.parametrize("ttft", ["off", "on"])
def test_token_counts_below_zero_are_unknown(ttft: str, tmp_path: Path) -> None:
    """As a whole answer and as a stream: no sum has them, the cost is unknown, the log says so, and the analysis refuses nothing."""
    usage = {"prompt_tokens": -5, "completion_tokens": 7, "total_tokens": 2}
    plain = whole(content="###STOP###") | {"usage": usage}
    answers = Answers(odd_streams.said("###STOP###") + chunk({}, "stop", usage=usage) + DONE, plain)
    with byte_server(answers) as server:
        model = ModelChoice("openai/sim", {"api_base": f"{server.url}/v1", "api_key": "sk-x", **PRICED})
        run_quietly(scripted(tmp_path, user_model=model, task_ids=("create_task_1",), ttft=ttft, max_cost=1.0))
    files = RunFiles(tmp_path)
    calls, (end,) = of(files.events("mock"), "user_sim"), of(files.events("mock"), "task_end")
    assert calls
    for call in calls:
        assert (call.get("input_tokens"), call.get("output_tokens"), call.get("cost_usd")) == (None, 7, None)
    (run_end,) = of(files.events("mock"), "run_end")
    assert [event.get("cost_usd") for event in (end, run_end)] == [None, None]
    said = f"openai/sim at 127.0.0.1:{server.port} gives token counts that cannot be (prompt_tokens is -5)"
    assert (tmp_path / "eval_mock.log").read_text().count(said) == 1
    assert load_log(tmp_path / "tau2_mock.log").rejected == []


def test_money_cannot_be_limited_where_no_price_is_known(tmp_path: Path) -> None:
    """Said before anything is written, with what to do."""
    model = ModelChoice("hosted_vllm/unheard-of", {"api_base": "http://127.0.0.1:9/v1"})
    with pytest.raises(UserError, match="input_cost_per_token"):
        run_quietly(scripted(tmp_path / "logs", agent_model=model, max_cost=1.0))
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_cost": 0.0}, "--max-cost is 0"), ({"max_tokens_total": 0}, "--max-tokens-total is 0"),
        ({"request_timeout": -1.0}, "--request-timeout is -1"), ({"rate_limits": ("fast",)}, "'fast'"),
        ({"max_cost": 1.0, "profile": False}, "--no-profile"),
    ],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_refused(settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    """In one line with the value, before anything is written."""
    with pytest.raises(UserError, match=said):
        run_quietly(scripted(tmp_path / "logs", **settings))
    assert not (tmp_path / "logs").exists()
