"""The simulated server at work: its batch, its times, its metrics, its faults by chance, tau2 against it, and itself as a process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.simulated_server import FAULTS, Exchange, Reply, ServerSettings, SimulatedServer
from tau2_logging.models.simulated_server.vllm_flags import build_parser
from tests.support.journals import settled
from tests.support.patience import LONG_S

httpx = pytest.importorskip("httpx")

HELLO = [{"role": "user", "content": "Hello, what can you do?"}]
BUSY = ServerSettings(ttft_ms=600, itl_ms=5, batch_size=2)
"""Slow enough that six calls are under way together, however slowly a busy machine sends them."""


@pytest.fixture(scope="module")
def busy() -> Iterator[tuple[list[Exchange], str, str]]:
    """Six streams at a server that runs two at once: its journal, and its metrics while it worked and afterwards."""
    with SimulatedServer(BUSY) as server, httpx.Client(base_url=server.url, timeout=LONG_S) as client, ThreadPoolExecutor(6) as pool:
        asked = {"model": "sim", "messages": [{"role": "user", "content": "A text of some length. " * 20}], "stream": True}
        calls = [pool.submit(client.post, "/v1/chat/completions", json=asked) for _ in range(6)]
        while sum(kept.request is not None for kept in server.journal) < 6:
            time.sleep(0.005)
        during = client.get("/metrics").text
        assert [call.result().status_code for call in calls] == [200] * 6
        yield settled(server), during, client.get("/metrics").text


def test_a_full_batch_queues_in_order_of_arrival(busy: tuple[list[Exchange], str, str]) -> None:
    """Two run at once, each later one begins when a place is free and no sooner, whenever it came; nobody overtakes."""
    journal, during, _ = busy
    begun = [kept.arrived_s + (kept.ttft_ms - BUSY.ttft_ms) / 1000 for kept in journal]
    assert begun == sorted(begun)
    free_s = [0.0, 0.0]
    for kept, begun_s in zip(journal, begun, strict=True):
        assert begun_s >= max(kept.arrived_s, free_s.pop(0))
        free_s = sorted([*free_s, begun_s + (BUSY.ttft_ms + kept.decode_ms) / 1000])
    assert metric(during, "num_requests_running") == 2
    assert metric(during, "num_requests_waiting") > 0
    assert metric(during, "kv_cache_usage_perc") > 0


def test_pieces_go_out_on_time_and_never_early(busy: tuple[list[Exchange], str, str]) -> None:
    """The plan is the settings' own: prefill, then one piece each itl_ms; what was sent was sent then or later."""
    for kept in busy[0]:
        assert kept.decode_ms == pytest.approx((kept.completion_tokens - 1) * BUSY.itl_ms)
        assert kept.ttft_ms >= kept.queue_ms + BUSY.ttft_ms
        assert kept.ttft_sent_ms >= kept.ttft_ms
        assert kept.ttft_sent_ms + kept.decode_sent_ms >= kept.ttft_ms + kept.decode_ms


def test_metrics_add_up_with_the_journal(busy: tuple[list[Exchange], str, str]) -> None:
    """Counters and histograms of /metrics are sums over the exchanges; a prompt sent again is found in the prefix cache."""
    journal, _, text = busy
    assert metric(text, "prompt_tokens_total") == metric(text, "prefix_cache_queries_total") == sum(kept.prompt_tokens for kept in journal)
    assert metric(text, "generation_tokens_total") == sum(kept.completion_tokens for kept in journal)
    assert metric(text, "prefix_cache_hits_total") == sum(kept.cached_tokens for kept in journal) > 0
    assert metric(text, "request_success_total", 'finished_reason="stop"') == len(journal)
    sums = {
        "request_queue_time_seconds": sum(kept.queue_ms for kept in journal),
        "time_to_first_token_seconds": sum(kept.ttft_sent_ms for kept in journal),
        "request_decode_time_seconds": sum(kept.decode_sent_ms for kept in journal),
        "inter_token_latency_seconds": sum(kept.decode_sent_ms for kept in journal),
    }
    for name, total_ms in sums.items():
        assert metric(text, f"{name}_sum") == pytest.approx(total_ms / 1000, abs=1e-4)
        assert metric(text, f"{name}_bucket", 'le="+Inf"') == metric(text, f"{name}_count")
    assert metric(text, "inter_token_latency_seconds_count") == sum(kept.completion_tokens - 1 for kept in journal)
    assert metric(text, "num_requests_running") == metric(text, "num_requests_waiting") == metric(text, "kv_cache_usage_perc") == 0


def metric(text: str, name: str, label: str = "") -> float:
    """A figure of Prometheus' text format."""
    (found,) = re.findall(rf'^vllm:{name}{{engine="0",model_name="sim"(?:,)?{re.escape(label)}}} (\S+)$', text, re.MULTILINE)
    return float(found)


def test_a_client_that_leaves_frees_its_place() -> None:
    """Whether it waits or runs: those behind it move up, and the journal says who left."""
    with SimulatedServer(ServerSettings(ttft_ms=60_000, batch_size=1)) as server, httpx.Client(base_url=server.url) as client:
        server.script(Reply(text="slow"), Reply(text="waiting"), Reply(text="quick", ttft_ms=0))
        asked = {"model": "sim", "messages": HELLO}

        def ask(timeout: float) -> Any:
            return client.post("/v1/chat/completions", json=asked, timeout=timeout)

        with ThreadPoolExecutor(3) as pool:
            calls = []
            for place, patience in enumerate((2.0, 1.0, LONG_S)):
                calls.append(pool.submit(ask, patience))
                while sum(kept.request is not None for kept in server.journal) <= place:
                    time.sleep(0.005)
        assert [type(call.exception()).__name__ for call in calls[:2]] == ["ReadTimeout", "ReadTimeout"]
        assert calls[2].result().status_code == 200
        assert [kept.ended for kept in settled(server)] == ["client_left", "client_left", "finished"]
        text = client.get("/metrics").text
    assert metric(text, "request_success_total", 'finished_reason="abort"') == 1
    assert metric(text, "num_requests_running") == metric(text, "num_requests_waiting") == 0


def test_a_server_that_stops_breaks_off_what_is_under_way() -> None:
    """At once, whatever it waits for: clients see the connection end, and the journal says that it was cut."""
    server = SimulatedServer(ServerSettings(ttft_ms=60_000, batch_size=2)).start()
    server.script(Reply(fault="hang"))
    asked = [{"model": "sim", "messages": HELLO, "stream": stream} for stream in (False, True, False, True)]
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(httpx.post, f"{server.base_url}/chat/completions", json=body, timeout=LONG_S) for body in asked]
        while sum(kept.request is not None for kept in server.journal) < 4:
            time.sleep(0.005)
        server.stop()
    assert {type(call.exception()).__name__ for call in calls} == {"RemoteProtocolError"}
    assert [kept.ended for kept in server.journal] == ["cut"] * 4


def test_an_old_server_has_the_old_names() -> None:
    """Those that vLLM has renamed, and not the new ones beside them."""
    with SimulatedServer(ServerSettings(metric_names="old")) as server:
        text = httpx.get(f"{server.url}/metrics").text
    for old in (
        "gpu_cache_usage_perc",
        "gpu_prefix_cache_queries_total",
        "gpu_prefix_cache_hits_total",
        "time_per_output_token_seconds_sum",
    ):
        assert metric(text, old) == 0
    assert "kv_cache_usage" not in text
    assert "vllm:prefix_cache" not in text
    assert "inter_token" not in text


def test_drawn_faults_follow_the_seed() -> None:
    """The same requests fail the same way again; about as many as the rates say; a fault that cannot show in a reply is not claimed."""
    settings = ServerSettings(faults={"rate_limit": 0.2, "server_error": 0.2, "malformed_tool": 0.2}, seed=3, retry_after_s=1.5)

    def play() -> list[tuple[int | None, str | None]]:
        with SimulatedServer(settings) as server, httpx.Client(base_url=server.url) as client:
            for _ in range(60):
                answer = client.post("/v1/chat/completions", json={"model": "sim", "messages": HELLO})
                assert answer.headers.get("retry-after") == ("1.5" if answer.status_code == 429 else None)
            return [(kept.status, kept.fault) for kept in server.journal]

    first = play()
    assert first == play()
    counted = Counter(first)
    assert set(counted) == {(429, "rate_limit"), (500, "server_error"), (200, None)}
    assert 4 < counted[429, "rate_limit"] < 22
    assert 4 < counted[500, "server_error"] < 22


def test_a_tau2_run_reaches_its_end(tmp_path: Path) -> None:
    """Real simulations through litellm, agent, user and judge: each ends with the user's stop, and each model call is one exchange."""
    pytest.importorskip("tau2.registry", reason="tau2 is not installed")
    from tau2_logging.runner.settings.config import ModelChoice
    from tests.support.in_process import run_quietly, scripted
    from tests.support.run_files import RunFiles, of

    tasks = ("create_task_1", "create_task_1_nl_eval", "update_task_1", "impossible_task_1")
    with SimulatedServer(ServerSettings(batch_size=4)) as server:
        gpt = ModelChoice("openai/sim", {"api_base": server.base_url, "api_key": "sk-secret"})
        claude = ModelChoice("anthropic/sim", {"api_base": server.url, "api_key": "sk-secret"})
        code, printed = run_quietly(scripted(tmp_path, agent_model=gpt, user_model=claude, judge_model=gpt, task_ids=tasks))
        journal = settled(server)
    events = RunFiles(tmp_path).events("mock")
    calls = of(events, "llm_call", "user_sim", "evaluator")
    assert code == 0, printed
    assert [end.get("termination") for end in of(events, "task_end")] == ["user_stop"] * len(tasks)
    assert sorted((call.get("input_tokens"), call.get("output_tokens"), call.get("cached_tokens")) for call in calls) == sorted(  # type: ignore[type-var]
        (kept.prompt_tokens, kept.completion_tokens, kept.cached_tokens) for kept in journal
    )
    assert len(of(events, "tool_call")) == 2 * len(tasks)
    assert {call.get("endpoint") for call in calls} == {server.endpoint}
    assert of(events, "evaluator")


def serve(*words: str) -> subprocess.Popen[str]:
    """The server as a process."""
    command = [sys.executable, "-m", "tau2_logging.models.simulated_server", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_stands_in_for_vllm(tmp_path: Path) -> None:
    """vLLM's command line; ready after its start-up; 32 streams of 50 pieces, none early; a journal in a file; gone at SIGTERM."""
    journal = tmp_path / "journal.jsonl"
    process = serve(
        "serve", "some/model", "--served-model-name", "sim", "also", "--tensor-parallel-size", "2", "--enable-auto-tool-choice",
        "--tool-call-parser", "hermes", "--startup-s", "2", "--ttft-ms", "50", "--itl-ms", "10", "--reply-tokens", "50",
        "--journal", str(journal), "--lifetime", "120",
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = re.fullmatch(r"serving sim, also at (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())[1]  # type: ignore[index]
        first = httpx.get(f"{url}/health").status_code
        while httpx.get(f"{url}/health").status_code != 200:
            time.sleep(0.02)
        named = [model["id"] for model in httpx.get(f"{url}/v1/models").json()["data"]]
        asked = {"model": "also", "messages": HELLO, "stream": True}
        with httpx.Client(timeout=LONG_S) as client, ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda _: client.post(f"{url}/v1/chat/completions", json=asked).status_code, range(32)))
    finally:
        process.terminate()
        _, err = process.communicate(timeout=LONG_S)
    assert process.returncode == 0
    assert (first, named, answers) == (503, ["sim", "also"], [200] * 32)
    assert err == "ignored: --tensor-parallel-size 2 --enable-auto-tool-choice --tool-call-parser hermes\n"
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(row["status"], row["completion_tokens"], row["decode_ms"]) for row in rows] == [(200, 50, 490.0)] * 32
    assert min(row["ttft_sent_ms"] + row["decode_sent_ms"] - row["ttft_ms"] - row["decode_ms"] for row in rows) >= 0


def test_it_dies_when_it_is_told_to() -> None:
    """Exit code 1 and a last line on standard error, as a server that crashes."""
    process = serve("sim", "--die-after", "0.1")
    _, err = process.communicate(timeout=LONG_S)
    assert process.returncode == 1
    assert err.startswith("fatal:")


def test_a_port_that_is_taken_is_said() -> None:
    """With the address and what to do; and no thread stays behind, of neither server."""
    before = set(threading.enumerate())
    with SimulatedServer() as server, pytest.raises(UserError, match=rf"cannot listen at {server.endpoint}: .*give another port"):
        SimulatedServer(port=int(server.endpoint.split(":")[1])).start()
    assert set(threading.enumerate()) <= before


def test_the_page_about_it_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/simulated_server.md names every flag and every fault, and its example runs as it is written."""
    pytest.importorskip("openai")
    page = (Path(__file__).parents[2] / "docs" / "simulated_server.md").read_text(encoding="utf-8")
    flags = {flag for action in build_parser()._actions for flag in action.option_strings if flag.startswith("--")} - {
        "--help",
        "--help-all",
        "--version",
        "--model",
    }
    assert {flag for flag in flags if not re.search(rf"{flag}\b", page)} == set()
    assert {fault for fault in FAULTS if f"| `{fault}` |" not in page} == set()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "docs/simulated_server.md", "exec"), {})
    assert re.fullmatch(r"Hello! \d+\.\d+\n", capsys.readouterr().out)
