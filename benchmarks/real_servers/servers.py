"""The servers as context managers: each listens on loopback, and has ended, with all that it started, when its block is left.

`ServerProcess` sees to the end, also when this program is killed.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.real_servers import folders
from tau2_logging.models.servers.server_process import ServerPlan, ServerProcess

LLAMA_S, VLLM_S, PROXY_S = 180.0, 900.0, 300.0
"""How long each may take to be ready, on a machine that others use too."""
MASTER_KEY = "sk-of-this-benchmark"
VLLM_ENVIRON = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}
"""Two threads on cores that have other work take seconds for a token. Spans are sent every second, not every five."""


@dataclass
class Server:
    """One that runs. `completion` is the line of its log that tells of a completion."""

    name: str
    url: str
    log: Path
    completion: re.Pattern[str]
    process: ServerProcess

    def completions(self) -> int:
        """How many completions its own log tells of."""
        return sum(1 for line in self.log.read_text(errors="replace").splitlines() if self.completion.search(line))

    def metrics(self) -> str:
        """Its /metrics page."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as answer:
            return str(answer.read().decode())


class NotReady(RuntimeError):
    """A server ended, or took too long to be ready. The message shows the end of its log."""


def free_port() -> int:
    """One that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def llama(folder: Path, port: int | None = None, context: int = 32768, name: str = "llama") -> Iterator[Server]:
    """llama.cpp's server with SmolLM2, four requests at a time; `context` is divided among them."""
    program = str(folders.LLAMA_PROGRAMS / "llama-server")
    options = ["--alias", "smollm2", "--jinja", "--metrics", "--parallel", "4", "-c", str(context), "-t", "1", "--host", "127.0.0.1"]
    command = [f"LD_LIBRARY_PATH={folders.LLAMA_PROGRAMS}", program, "-m", str(folders.GGUF), *options]
    line = re.compile(r"launch_slot_: .* processing task")
    with _running(folder, name, command, port or free_port(), "/health", line, LLAMA_S) as server:
        yield server


@contextlib.contextmanager
def vllm(folder: Path, model: Path, *options: str) -> Iterator[Server]:
    """vLLM with its parser of tool calls, four requests at a time."""
    line = re.compile(r'"POST /v1/chat/completions HTTP/1\.1" 200')
    with _running(folder, "vllm", vllm_command(model, *options), free_port(), "/health", line, VLLM_S) as server:
        yield server


def vllm_command(model: Path, *options: str) -> list[str]:
    """Variables and words that start it; the port is missing."""
    tools = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    own = [*vllm_options(), "--host", "127.0.0.1", "--served-model-name", model.name]
    return [*vllm_environ(), str(folders.VLLM / "bin" / "vllm"), "serve", str(model), *tools, *own, *options]


def vllm_environ() -> list[str]:
    """As words for the program env."""
    return [f"{name}={value}" for name, value in VLLM_ENVIRON.items()]


def vllm_options() -> list[str]:
    """What makes it fit onto two cores."""
    return ["--max-model-len", "8192", "--max-num-seqs", "4", "--enforce-eager"]


@contextlib.contextmanager
def proxy(folder: Path, models: dict[str, tuple[str, str]]) -> Iterator[Server]:
    """LiteLLM's proxy: names it offers, and of each the base URL and the model behind it."""
    listed = [
        {"model_name": name, "litellm_params": {"model": f"hosted_vllm/{model}", "api_base": f"{url}/v1", "api_key": "none"}}
        for name, (url, model) in models.items()
    ]
    settings = folder / "proxy.json"
    settings.write_text(json.dumps({"model_list": listed}))  # YAML reads JSON
    environ = [f"LITELLM_MASTER_KEY={MASTER_KEY}", "LITELLM_LOCAL_MODEL_COST_MAP=True", "NO_DOCS=True"]
    command = [*environ, str(folders.PROXY / "bin" / "litellm"), "--config", str(settings), "--host", "127.0.0.1"]
    line = re.compile(r'"POST /(v1/)?chat/completions HTTP/1\.1" 200')
    with _running(folder, "proxy", command, free_port(), "/health/liveliness", line, PROXY_S) as server:
        yield server


@contextlib.contextmanager
def counting(folder: Path) -> Iterator[Server]:
    """A model's backend that only keeps an account of who asks it for anything; it answers 503."""
    program = Path(__file__).with_name("counting.py")
    line = re.compile(r"asked: ")
    with _running(folder, "counting", ["python3", str(program)], free_port(), "/well", line, 30.0) as server:
        yield server


@contextlib.contextmanager
def _running(
    folder: Path, name: str, command: list[str], port: int, ready: str, line: re.Pattern[str], timeout_s: float
) -> Iterator[Server]:
    words = ("env", *command, "--port", str(port))
    process = ServerProcess(ServerPlan(0, port, words, None, folder / f"{name}.log"))
    try:
        server = Server(name, f"http://127.0.0.1:{port}", process.plan.log, line, process)
        _wait_until_ready(server, ready, timeout_s)
        yield server
    finally:
        process.ask_to_end()
        if not process.wait():
            raise RuntimeError(f"{name} (process {process.pid}) does not end")


def _wait_until_ready(server: Server, path: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not answers(server.url + path):
        if server.process.exit_code is not None or time.monotonic() > deadline:
            raise NotReady(f"{server.name} is not ready after {timeout_s:g} s:\n{server.process.tail()}")
        time.sleep(0.5)


def answers(url: str) -> bool:
    """Whether a GET of it is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
