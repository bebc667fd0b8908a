"""The current simulation is the one whose code runs, in threads, pools and asyncio tasks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tau2_logging.logger import EventLogger, FakeClock, Simulation, bind, carried, current
from tau2_logging.logger.context import CurrentExpert, current_expert, expert_scope


def simulation(task: str) -> Simulation:
    """A simulation that writes nowhere."""
    return Simulation(EventLogger("run", [], FakeClock()), "retail", task)


def test_a_block_has_its_simulation_and_gives_the_outer_one_back() -> None:
    """Also when the block ends with an exception."""
    outer, inner = simulation("1"), simulation("2")
    with bind(outer):
        with pytest.raises(KeyError, match="True"), bind(inner):
            raise KeyError(current() is inner)
        assert current() is outer
        with bind(None):
            assert current() is None
    assert current() is None


def test_work_that_is_carried_runs_for_the_simulation_that_handed_it_over() -> None:
    """One worker thread serves two simulations, and keeps neither."""

    def work() -> str | None:
        found = current()
        return found.task if found is not None else None

    with ThreadPoolExecutor(1) as pool:
        futures = []
        for task in ("1", "2"):
            with bind(simulation(task)):
                futures.append(pool.submit(carried(work)))
        futures.append(pool.submit(work))
        assert [future.result() for future in futures] == ["1", "2", None]


def test_asyncio_tasks_keep_their_own_simulation() -> None:
    """Tasks of two simulations that take turns in one thread do not mix."""

    async def work() -> list[str]:
        seen = []
        for _ in range(3):
            await asyncio.sleep(0)
            found = current()
            assert found is not None
            seen.append(found.task)
        return seen

    async def run(task: str) -> list[str]:
        with bind(simulation(task)):
            return await asyncio.create_task(work())

    async def both() -> list[list[str]]:
        return await asyncio.gather(run("1"), run("2"))

    assert asyncio.run(both()) == [["1"] * 3, ["2"] * 3]


def test_a_plain_thread_starts_without_a_simulation() -> None:
    """Which is why work is handed over with `carried`, or the threads are instrumented."""
    seen: list[object] = []
    with bind(simulation("1")):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_generator_that_stops_halfway_leaves_no_simulation_behind() -> None:
    """A bound block inside a generator ends when the generator is closed."""

    def numbers() -> Iterator[int]:
        with bind(simulation("1")):
            yield 1

    generator = numbers()
    next(generator)
    generator.close()
    assert current() is None


def test_work_that_is_carried_asks_for_the_expert_that_is_asked_there() -> None:
    """A helper thread of an expert's client makes the expert's calls; the worker keeps no expert, nor does the block's end."""
    planner, checker = CurrentExpert("planner"), CurrentExpert("checker", 0.01, 0.1)
    with ThreadPoolExecutor(1) as pool:
        futures = []
        for asked in (planner, checker):
            with expert_scope(asked):
                assert current_expert() is asked
                futures.append(pool.submit(carried(current_expert)))
        futures.append(pool.submit(current_expert))
        assert [future.result() for future in futures] == [planner, checker, None]
    assert current_expert() is None


def test_an_experts_price_needs_prices_and_tokens() -> None:
    """What is not known is unknown, never 0."""
    assert CurrentExpert("checker", 0.01, 0.1).cost_usd(100, 10) == pytest.approx(2.0)
    assert CurrentExpert("free", 0.0, 0.0).cost_usd(100, 10) == 0.0
    assert CurrentExpert("planner").cost_usd(100, 10) is None
    assert CurrentExpert("checker", 0.01, 0.1).cost_usd(None, 10) is None
