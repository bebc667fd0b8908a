"""Findings about money and prompts have the figures of the price table, and are not told if prices or tokens are not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.measures.costs.prices import default_prices
from tau2_logging.events import Event
from tests.unit.analysis.samples import llm, simulation
from tests.unit.analysis_findings.told import told


def paid(rewards: list[float], usd: float = 0.1, user_usd: float = 0.05, model: str = "gpt-4.1") -> list[Event]:
    """Simulations with two calls of the agent and two of the user, each with its price."""
    events: list[Event] = []
    for n, reward in enumerate(rewards):
        task, at = str(n), n * 1000.0
        calls = [
            llm(task, at + 100 * k, type_=type_, cost_usd=cost, model=model)
            for k in (0, 1)
            for type_, cost in (("llm_call", usd), ("user_sim", user_usd))
        ]
        events += simulation(task, at, calls, reward=reward)
    return events


def test_a_solved_simulation_has_its_price_and_failures_theirs(tmp_path: Path) -> None:
    """6 simulations of $0.30, 4 solved: $1.80, so $0.45 a solved one, and a third for failures."""
    found = told(tmp_path, paid([1, 1, 1, 1, 0, 0]))["failed_cost"]
    assert found.sentence == (
        "A solved simulation cost $0.45 ($1.80 for 4 solved); 33.3 % of the money ($0.60) was paid for the 2 of 6 that were not solved."
    )
    assert (found.saves.usd, found.of) == (pytest.approx(0.6), "money")


def test_without_a_price_or_with_few_scored_nothing_is_said_of_cost(tmp_path: Path) -> None:
    assert "failed_cost" not in told(tmp_path, paid([1, 1, 0, 0]))
    unknown = [llm(str(n), n * 1000.0, model="my/model") for n in range(6)]
    found = told(tmp_path, [e for n in range(6) for e in simulation(str(n), n * 1000.0, [unknown[n]])])
    assert "failed_cost" not in found
    assert found["unknown_prices"].sentence == "The price of 6 of 6 model calls is unknown (my/model), and so is the run's cost."


def test_known_prices_are_not_told_as_unknown(tmp_path: Path) -> None:
    assert "unknown_prices" not in told(tmp_path, paid([1] * 6))


def test_a_user_simulator_that_costs_more_than_the_agent_is_told(tmp_path: Path) -> None:
    found = told(tmp_path, paid([1] * 5, usd=0.05, user_usd=0.15))["dear_user"]
    assert found.sentence == "The user simulator cost more than the agent: $1.50 against $0.50, 75.0 % of $2.00."
    assert "dear_user" not in told(tmp_path, paid([1] * 5))


def conversation(cached: int | None, turns: int = 10, growth: int = 1500, model: str = "gpt-4.1", tasks: int = 5) -> list[Event]:
    """Tasks whose prompts grow from 2,000 tokens by so many a turn; `cached` of each prompt were read from the cache."""
    events: list[Event] = []
    for n in range(tasks):
        task, at = str(n), n * 10_000.0
        more: dict[str, Any] = {} if cached is None else {"cached_tokens": cached}
        calls = [llm(task, at + 500 * k, input_tokens=2000 + growth * k, output_tokens=0, model=model, **more) for k in range(turns)]
        events += simulation(task, at, calls, duration_ms=10_000.0)
    return events


def test_what_caching_would_have_saved_follows_from_the_models_prices(tmp_path: Path) -> None:
    """Of prompts of 2,000, 3,500, ... 15,500 tokens all but the last were sent again with the next."""
    price = default_prices().find("gpt-4.1")
    assert price is not None
    assert price.cached is not None
    sent, again = 5 * sum(2000 + 1500 * k for k in range(10)), 5 * sum(2000 + 1500 * k for k in range(9))
    found = told(tmp_path, conversation(cached=0))["not_cached"]
    assert found.saves.usd == pytest.approx(again * (price.input - price.cached) * 1e-6)
    assert found.numbers["repeated_tokens"] == again
    assert found.share == pytest.approx(again * (price.input - price.cached) / (sent * price.input))


def test_a_cache_that_works_is_unknown_or_free_saves_nothing(tmp_path: Path) -> None:
    for cached, model in ((None, "gpt-4.1"), (0, "my/model"), (0, "scripted/agent")):
        assert "not_cached" not in told(tmp_path, conversation(cached, model=model))
    assert "not_cached" not in told(tmp_path, conversation(cached=1900, growth=0))  # 1,900 of 2,000 tokens came from the cache


def test_prompts_that_grow_are_told_from_the_first_call_to_the_last(tmp_path: Path) -> None:
    found = told(tmp_path, conversation(cached=0))["context_growth"]
    assert found.sentence.startswith(
        "The agent's prompt grows from 2k tokens at the first call of a simulation to 15.5k at call 10 (mean of 5 calls): 82.3 % of its "
        "438k input tokens were sent before."
    )
    assert "context_growth" not in told(tmp_path, conversation(cached=0, growth=100))
    assert "context_growth" not in told(tmp_path, conversation(cached=0, tasks=4))
