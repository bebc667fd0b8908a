"""While threads are instrumented, work belongs to the simulation that handed it over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest

from tau2_logging.instrument.helper_threads import ThreadsInstrumentor
from tau2_logging.logger import EventLogger, FakeClock, Simulation, bind, current


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[ThreadsInstrumentor]:
    instrumentor = ThreadsInstrumentor()
    instrumentor.install()
    yield instrumentor
    instrumentor.uninstall()


def simulation(task: str) -> Simulation:
    """A simulation that writes nowhere."""
    return Simulation(EventLogger("run", [], FakeClock()), "retail", task)


def task_now(*_: object) -> str | None:
    """Task of the simulation that the calling code works for."""
    found = current()
    return found.task if found is not None else None


def test_a_thread_works_for_the_simulation_that_started_it() -> None:
    """Also one started from such a thread, and a timer."""
    seen: list[str | None] = []

    def outer() -> None:
        seen.append(task_now())
        inner = threading.Timer(0.0, lambda: seen.append(task_now()))
        inner.start()
        inner.join()

    with bind(simulation("1")):
        thread = threading.Thread(target=outer)
        thread.start()
    thread.join()
    assert seen == ["1", "1"]


def test_a_pools_thread_works_for_whoever_submitted_and_keeps_nothing() -> None:
    """One worker thread, started by the first simulation, serves another and then none."""
    with ThreadPoolExecutor(1) as pool:
        futures = []
        for one in (simulation("1"), simulation("2"), None):
            with bind(one):
                futures.append(pool.submit(task_now))
        assert [future.result() for future in futures] == ["1", "2", None]
        with bind(simulation("3")):
            assert list(pool.map(task_now, range(2))) == ["3", "3"]
            assert task_now() == "3"


def test_a_worker_thread_belongs_to_no_simulation_itself(instrumented: ThreadsInstrumentor) -> None:
    """Work that comes to it after uninstalling is not counted for the simulation that happened to start the thread."""
    with ThreadPoolExecutor(1) as pool:
        with bind(simulation("1")):
            assert pool.submit(task_now).result() == "1"
        instrumented.uninstall()
        assert pool.submit(task_now).result() is None


def test_multiprocessings_thread_pool_does_so_too() -> None:
    """By every way in, with its arguments by position or by name."""
    with ThreadPool(1) as pool, bind(simulation("1")):
        assert pool.apply(task_now) == "1"
        assert pool.apply_async(func=task_now).get() == "1"
        assert pool.map(task_now, [1]) == ["1"]
        assert pool.starmap(task_now, [(1, 2)]) == ["1"]
        assert list(pool.imap(task_now, [1])) == ["1"]
        assert list(pool.imap_unordered(func=task_now, iterable=[1])) == ["1"]
        with bind(None):
            assert pool.apply(task_now) is None


def test_asyncio_hands_its_simulation_to_threads() -> None:
    """to_thread and run_in_executor, from tasks of two simulations at once."""

    async def work(one: Simulation) -> list[str | None]:
        with bind(one):
            loop = asyncio.get_running_loop()
            return [await asyncio.to_thread(task_now), await loop.run_in_executor(None, task_now)]

    async def both() -> list[list[str | None]]:
        return await asyncio.gather(work(simulation("1")), work(simulation("2")))

    assert asyncio.run(both()) == [["1", "1"], ["2", "2"]]


def test_results_and_exceptions_come_through() -> None:
    """Nothing else about the work is changed."""
    with bind(simulation("1")), ThreadPoolExecutor(1) as pool:
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 7, 0).result()


def test_a_wrapper_somebody_still_holds_only_passes_on_after_uninstalling() -> None:
    """A pool that bound `submit` before keeps working."""
    with ThreadPoolExecutor(1) as pool:
        submit = pool.submit
        other = ThreadsInstrumentor()
        other.install()
        held = pool.submit
        other.uninstall()
        with bind(simulation("1")):
            assert held(task_now).result() == submit(task_now).result() == "1"
