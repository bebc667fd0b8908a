"""What a run will cost, from an earlier run's log: the figures by hand, and what is not known stays unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.costs.prices import Price, PriceTable
from tau2_logging.experiments.planning.run_forecast import SimulationForecast, forecast, total
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.simulation_settings import SimulationSettings, simulation_settings

PRICES = PriceTable("2026-11-20", "test", {"a": Price(2.0, 8.0), "b": Price(1.0, 1.0), "c": Price(4.0, 16.0)})
TOKENS = {"1": (1000, 100), "2": (3000, 300), "3": (2000, 200), "4": (2000, 200), "5": (2000, 200)}
"""Task -> input and output tokens of its one call of each role."""


def line(level: str, task: str, kind: str, **fields: object) -> str:
    told = " ".join(f"{name}={value}" for name, value in {**fields, "domain": "retail", "trial": 0, "run": "r"}.items())
    return f"[{level}] 2026-11-20 17:45:01.123 task={task} thread=1 type={kind} {told}"


def log_of(folder: Path, agent: str = "a", user: str = "b") -> RunLog:
    """A run of five tasks, ten seconds each, whose calls have tokens and no price."""
    lines = ["[INFO] 2026-11-20 17:45:00.000 task=- thread=1 type=run_start schema=3 utc_offset=+00:00 run=r"]
    for task, (read, written) in TOKENS.items():
        lines.append(line("INFO", task, "task_start", start_ms="0.000"))
        for kind, model in (("llm_call", agent), ("user_sim", user)):
            lines.append(
                line("PROFILE", task, kind, model=model, start_ms="1.000", duration_ms="2.000", input_tokens=read, output_tokens=written)
            )
        lines.append(line("INFO", task, "task_end", status="ok", reward="1.0", start_ms="0.000", duration_ms="10000.000"))
    path = folder / "tau2_retail.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_log(path)


def settings(agent: str = "a", user: str = "b") -> SimulationSettings:
    return replace(simulation_settings(RunConfig())["retail"], agent_llm=agent, user_llm=user)


def test_the_same_models_cost_what_they_cost_and_take_as_long(tmp_path: Path) -> None:
    """The mean task reads 2000 tokens and writes 200 in each role: 2000 * 2 + 200 * 8 + 2200 * 1 = 7800 millionths."""
    found = forecast(settings(), "retail", log_of(tmp_path), PRICES)
    assert found.usd == pytest.approx(7800e-6)
    assert found.low is not None
    assert found.high is not None
    assert 3900e-6 < found.low < 7800e-6 < found.high < 11700e-6
    assert found.ms == 10_000
    assert "5 simulations of run r" in found.basis


def test_another_model_costs_its_own_price_for_the_same_tokens_in_a_time_that_nobody_knows(tmp_path: Path) -> None:
    found = forecast(settings(agent="c"), "retail", log_of(tmp_path), PRICES)
    assert found.usd == pytest.approx((2000 * 4 + 200 * 16 + 2200) * 1e-6)
    assert found.ms is None
    assert found.basis.endswith("whose tokens were of a")


def test_a_price_that_is_in_no_table_is_unknown(tmp_path: Path) -> None:
    found = forecast(settings(user="z"), "retail", log_of(tmp_path), PRICES)
    assert (found.usd, found.low, found.high) == (None, None, None)
    assert "no price is known for z" in found.basis


def test_scripted_conversations_say_nothing_of_real_ones(tmp_path: Path) -> None:
    """Nor does no log; typical lengths at list prices stand in, and no time is claimed."""
    for log in (log_of(tmp_path, agent="scripted/agent"), None):
        found = forecast(settings(), "retail", log, PRICES)
        assert found.usd == pytest.approx((90_000 * 2 + 2_500 * 8 + 14_700) * 1e-6)
        assert (found.ms, found.low) == (None, None)
        assert "typical length" in found.basis
    assert forecast(settings(agent="z"), "retail", None, PRICES).usd is None


def test_a_total_is_unknown_as_soon_as_a_part_is() -> None:
    """Time is shared by what runs at once, and is never less than one simulation's."""
    one = SimulationForecast(0.5, 0.4, 0.6, 10_000.0, "")
    found = total({"x": one, "y": one}, {"x": 10, "y": 2}, at_once=4)
    assert (found.usd, found.low, found.high, found.seconds) == (pytest.approx(6.0), pytest.approx(4.8), pytest.approx(7.2), 30.0)
    assert total({"x": one}, {"x": 1}, at_once=64).seconds == 10.0
    unknown = total({"x": one, "y": SimulationForecast(None, None, None, None, "")}, {"x": 1, "y": 1}, 1)
    assert (unknown.usd, unknown.low, unknown.seconds) == (None, None, None)
