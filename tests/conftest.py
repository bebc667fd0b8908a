"""Every test leaves things as it found them: no file of ours open, no simulation current, no wrapper and no listener in place."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import settings

from tau2_logging import leaving
from tau2_logging.logger.context import current
from tau2_logging.logger.logging_records import BRIDGE_MARK
from tests.support.certificates import trust_one_authority
from tests.support.fork_server import GARBAGE
from tests.support.forked import forget_server, own_server
from tests.support.litellm_clients import close_clients
from tests.support.thorough import scaled

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # before anybody imports litellm, which would fetch it
os.environ.setdefault("TAU2_LOGGING_CACHE", "off")  # what tests read is kept nowhere
PACKAGE = str(Path(__file__).resolve().parent.parent / "tau2_logging")
WRAPPED = (
    ("httpx", "HTTPTransport.handle_request"),
    ("httpx", "AsyncHTTPTransport.handle_async_request"),
    ("litellm", "completion"),
    ("litellm", "acompletion"),
    ("tau2.orchestrator.orchestrator", "Orchestrator.step"),
    ("tau2.environment.environment", "Environment.get_response"),
    ("maseval.core.model", "ModelAdapter.chat"),
    ("tau2.run", "run_task"),
    ("tau2.utils.llm_utils", "completion"),
)
"""Other people's functions that we wrap, looked at where their module has been imported."""

_MOMENT_S = 10.0


# The machine may be busy: no test is judged by its time. On a build server the same examples are tried every time.
settings.register_profile("ours", deadline=None, derandomize=bool(os.environ.get("CI")), max_examples=scaled(30, 1000))
settings.load_profile("ours")


def pytest_configure() -> None:
    """What this process and its workers share. Output has the width of a file, though pytest's workers are told one of 80 columns. A shell
    has what it starts in the background ignore Ctrl-C, and so would all that is started here: a test of Ctrl-C would wait for ever.
    """
    trust_one_authority(own_server())
    os.environ.pop("COLUMNS", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    """Leave nothing of that behind."""
    forget_server()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Everything that is imported stays: no garbage collection has to walk through it, neither now nor a run's nor `close_clients`'. Later
    collections are rarer than Python's own, which were a fifth of the CPU time of tests that run simulations."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(GARBAGE)
        gc.enable()


@pytest.fixture(autouse=True)
def leaves_no_trace() -> Iterator[None]:
    """Compared with before the test, so that what a module's fixture holds is not blamed on its tests."""
    before = held()
    yield
    left = held() - before
    deadline = time.monotonic() + _MOMENT_S
    while left and time.monotonic() < deadline:  # a server of the module may be in the middle of an answer
        time.sleep(0.05)
        left = held() - before
    assert not left, f"left behind by this test: {sorted(left)}"


@pytest.fixture(autouse=True)
def no_command_ends_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ends its process at once if a simulation hangs in it; in this process one of an earlier test may hang."""
    monkeypatch.setattr(leaving, "SIMULATION_THREAD", "none of a test's own")


@pytest.fixture(scope="module", autouse=True)
def litellm_lets_go() -> Iterator[None]:
    """The clients that a module's calls have opened are closed at its end."""
    yield
    close_clients()


def held() -> set[str]:
    """What of ours is in place now."""
    simulation = current()
    found = {f"the current simulation {simulation.task}"} if simulation is not None else set()
    return found | open_logs() | wrappers() | listeners()


def open_logs() -> set[str]:
    """Logs and checkpoints that are open (where the system can tell)."""
    with contextlib.suppress(OSError):
        targets = {target for number in os.listdir("/proc/self/fd") if (target := opened_file(number)).endswith((".log", ".jsonl"))}
        return {f"open file {target}" for target in targets if "/session_" not in target}  # Ray keeps its own open
    return set()


def opened_file(number: str) -> str:
    """The file that a descriptor is of; "" for a socket or a pipe, as most are, and for one that has been closed."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.fstat(int(number)).st_mode):
            return os.readlink(f"/proc/self/fd/{number}")
    return ""


def wrappers() -> set[str]:
    """Functions of others that are ours at the moment."""
    functions: dict[str, object] = {
        "Thread.start": threading.Thread.start,
        "ThreadPoolExecutor.submit": ThreadPoolExecutor.submit,
        "ThreadPool.apply_async": ThreadPool.apply_async,
    }
    for module, path in WRAPPED:
        found: object = sys.modules.get(module)
        for name in path.split("."):
            found = getattr(found, name, None)
        functions[f"{module}.{path}"] = found
    return {f"wrapper of {name}" for name, function in functions.items() if is_ours(function)}


def is_ours(function: object) -> bool:
    """Whether a function is defined in this package."""
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and code.co_filename.startswith(PACKAGE)


def listeners() -> set[str]:
    """Handlers of ours on the root logger."""
    return {f"handler {handler!r}" for handler in logging.getLogger().handlers if hasattr(handler, BRIDGE_MARK)}
