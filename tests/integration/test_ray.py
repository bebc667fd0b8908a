"""A Ray cluster of two nodes on this machine, one of which dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles, by_simulation, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
ray = pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
pytestmark = [*LEFT_OPEN, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head and another node, a core each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_node_that_dies_costs_what_it_ran(cluster: Any, tmp_path: Path) -> None:
    """One node is killed in the middle: all cells complete, none twice, and the loss is in the log."""
    config = scripted(
        tmp_path, agent={"ttft_ms": 400}, num_trials=4, max_concurrency=4, executor="ray", ray_address=cluster.address, run_name="r"
    )
    log = tmp_path / "tau2_mock.log"
    killed = threading.Event()

    def both_work() -> bool:
        text = log.read_text() if log.exists() else ""
        return (text.count("type=worker_up") == 2 and text.count("type=task_end") >= 8) or "type=run_end" in text

    def kill_one() -> None:
        deadline = time.monotonic() + LONG_S
        while time.monotonic() < deadline and not both_work():
            time.sleep(0.1)
        cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)
        killed.set()

    thread = threading.Thread(target=kill_one)
    thread.start()
    code, said = run_quietly(config)
    thread.join()
    assert killed.is_set()
    assert code == 0, said
    results = RunFiles(tmp_path).results("mock")
    keys = [(item["task_id"], item["trial"]) for item in results]
    assert len(keys) == len(set(keys)) == 36
    assert len(list(read_rows(tmp_path / "runs" / "r" / "simulations_mock.jsonl"))) == 36
    events = RunFiles(tmp_path).events("mock")
    assert len(of(events, "worker_down")) == 1
    assert {event.get("worker") for event in of(events, "worker_up")} == {"w0", "w1"}
    assert len(by_simulation(events)) == 36
