"""A model server that is down for a while: calls wait for it, nothing new is started, and nothing is lost or booked as model time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.events import Event
from tau2_logging.events.kinds import EXCLUSIVE_MS
from tau2_logging.models.servers.server_settings import ModelServerSettings as Settings
from tau2_logging.runner.settings.config import ModelChoice
from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.in_process import run_quietly, scripted
from tests.support.patience import until
from tests.support.restartable import Restartable
from tests.support.run_files import RunFiles, by_simulation, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

TASKS = ("create_task_1", "update_task_1")
OUTAGE_S = 2.0


@contextmanager
def when_begun(folder: Path, then: Callable[[], None]) -> Iterator[None]:
    """Do something, in a thread, when the first simulation has ended."""
    log, over = folder / "tau2_mock.log", threading.Event()

    def wait() -> None:
        while not (log.exists() and "type=task_end" in log.read_text()):
            if over.wait(0.02):
                return
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def served_run(folder: Path, server: Restartable, then: Callable[[], None], **settings: Any) -> tuple[int, str, list[Event]]:
    """Eight simulations of agent and user at the server, two at a time, without any retry; `then` happens after the first."""
    chosen: dict[str, Any] = {"servers": Settings(endpoints=(server.url,), metrics_interval=0.3)}
    chosen |= {"agent_model": ModelChoice("hosted_vllm/sim"), "user_model": ModelChoice("hosted_vllm/sim")} | settings
    config = scripted(folder, task_ids=TASKS, num_trials=4, max_concurrency=2, max_retries=0, judge_model=None, heartbeat=0.5, **chosen)
    with when_begun(folder, then):
        code, printed = run_quietly(config)
    return code, printed, RunFiles(folder).events("mock")


def named_by_the_model(server: Restartable) -> dict[str, Any]:
    model = ModelChoice("openai/sim", {"api_base": server.url, "api_key": "k"})
    return {"servers": None, "agent_model": model, "user_model": model}


@pytest.mark.parametrize("how", ["endpoint", "api_base", "processes"])
def test_a_server_that_is_down_for_a_while_costs_time_and_nothing_else(how: str, tmp_path: Path) -> None:
    """All simulations finish, though no call may be retried; none starts meanwhile; the wait is told, and is no model's time."""
    with Restartable("--ttft-ms", "100") as server:

        def outage() -> None:
            server.kill()
            until(lambda: "type=server_down" in (tmp_path / "tau2_mock.log").read_text())
            time.sleep(OUTAGE_S)
            server.start()

        more = {"api_base": named_by_the_model(server), "processes": {"executor": "processes", "workers": 2}}.get(how, {})
        code, printed, events = served_run(tmp_path, server, outage, **more)
    assert code == 0, printed
    ends = of(events, "task_end")
    assert [end.get("status") for end in ends] == ["ok"] * 8
    assert sum(int(end.get("retries") or 0) for end in ends) == 0
    assert of(events, "retry") == []
    waits = of(events, "server_wait")
    assert waits
    assert {(wait.get("endpoint"), wait.get("error")) for wait in waits} == {(server.endpoint, False)}
    begun = min(float(down.get("start_ms") or 0) for down in of(events, "server_down"))
    back = min(float(up.get("start_ms") or 0) for up in of(events, "server_up"))
    assert back - begun >= (OUTAGE_S - 0.1) * 1000
    assert [start for start in of(events, "task_start") if begun + 1000 < float(start.get("start_ms") or 0) < back] == []
    assert {(beat.get("waiting_on"), beat.get("model")) for beat in of(events, "heartbeat")} >= {("server", waits[0].get("model"))}
    for seen in by_simulation(events).values():
        (end,) = of(seen, "task_end")
        waited_ms = sum(float(wait.get("wait_ms") or 0) for wait in of(seen, "server_wait"))
        assert sum(float(end.get(name) or 0) for name in EXCLUSIVE_MS) == pytest.approx(float(end.get("duration_ms") or 0), abs=0.02)
        assert float(end.get("other_ms") or 0) >= waited_ms - 1
    log = load_log(tmp_path / "tau2_mock.log")
    (outage,) = log.outages().to_dict("records")
    assert (outage["endpoint"], outage["back"], outage["waits"], outage["of_simulations"]) == (server.endpoint, True, len(waits), 8)
    assert outage["start_ms"] == begun
    assert outage["length_ms"] >= back - begun
    waited_ms = sum(float(wait.get("wait_ms") or 0) for wait in waits)
    assert outage["wait_ms"] == pytest.approx(waited_ms) == log.server_waits()["wait_ms"].sum()
    assert "of these, waiting for servers" in printed
    assert f"{server.endpoint} is left out" in printed
    assert f"{server.endpoint} answers again" in printed


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_server_that_does_not_come_back_burns_only_what_was_under_way(executor: str, tmp_path: Path) -> None:
    """After --server-wait the run stops by itself; what was never begun is pending and has no row, and --resume is named."""
    with Restartable("--ttft-ms", "100") as server:
        more = {"executor": executor, **({"workers": 2} if executor == "processes" else {})}
        code, printed, events = served_run(tmp_path, server, server.kill, server_wait=1.5, **more)
    assert code == 1, printed
    ends = of(events, "task_end")
    failed = [end for end in ends if end.get("status") == "error"]
    assert 1 <= len(failed) <= 2
    assert all("no server has answered for 1.5 s (--server-wait)" in str(end.get("error_message")) for end in failed)
    assert len(list(read_rows(RunFiles(tmp_path).only_run() / "simulations_mock.jsonl"))) == len(ends) < 8
    (end,) = of(events, "run_end")
    assert (end.get("stopped_by"), end.get("pending")) == ("server_wait", 8 - len(ends))
    assert "stopped: no server has answered" in printed
    assert "--resume" in printed


def test_a_simulations_own_time_limit_ends_the_wait(tmp_path: Path) -> None:
    """`stuck` says what it waited on; what was not begun is not begun after it either."""
    with Restartable("--ttft-ms", "100") as server:
        code, printed, events = served_run(tmp_path, server, server.kill, server_wait=12.0, task_timeout=6.0)
    assert code == 1, printed
    stuck = of(events, "stuck")
    assert 1 <= len(stuck) <= 2
    assert {event.get("waiting_on") for event in stuck} == {"server"}
    assert {end.get("status") for end in of(events, "task_end")} == {"ok", "timeout"}
    assert len(of(events, "task_end")) < 8


def test_an_address_that_has_never_answered_is_not_waited_for(tmp_path: Path) -> None:
    """It is wrong, or nothing was started there: the call fails as it always did."""
    model = ModelChoice("openai/sim", {"api_base": "http://127.0.0.1:9/v1", "api_key": "k"})
    code, printed = run_quietly(scripted(tmp_path, task_ids=TASKS[:1], max_retries=1, agent_model=model))
    events = RunFiles(tmp_path).events("mock")
    assert code == 1, printed
    assert [end.get("status") for end in of(events, "task_end")] == ["error"]
    assert (len(of(events, "retry")), of(events, "server_wait")) == (1, [])
