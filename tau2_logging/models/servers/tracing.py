"""Have the servers that we start send a span of each request: vLLM's flag and environment, and whether it can."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tau2_logging.models.servers.server_process import HOST, ServerPlan
from tau2_logging.models.servers.server_settings import ModelServerSettings

FLAG = "--otlp-traces-endpoint"
BATCH_MS = 1000
"""How often a server that we start sends its spans; five seconds by default."""
_SIMULATED = "tau2_logging.models.simulated_server"
_NEEDED = "import opentelemetry.exporter.otlp.proto.http.trace_exporter, opentelemetry.sdk.trace"
_PACKAGES = "opentelemetry-sdk opentelemetry-api opentelemetry-exporter-otlp opentelemetry-semantic-conventions-ai"
_LOOK_S = 60.0


def obstacle(settings: ModelServerSettings) -> str | None:
    """Return why the servers that we start cannot be asked for spans; None if they can. Asks vLLM's own interpreter, about 0.3 s."""
    words = settings.serve_command or ("vllm",)
    if any(word == FLAG or word.startswith(f"{FLAG}=") for word in (*words, *settings.serve_args)):
        return f"they have a {FLAG} of their own"
    if any("{port}" in word for word in words):
        return f"a --serve-command with {{port}} gets no further arguments (it may contain {FLAG}, with --receive-traces here)"
    if _SIMULATED in words:
        return None
    if not any(Path(word).name == "vllm" or word.startswith("vllm.") for word in words):
        return f"{words[0]!r} is not known to send them, as vLLM does"
    return None if _has_exporter(_program(words)) else f"vLLM's environment has no OpenTelemetry (pip install {_PACKAGES})"


def with_spans(plan: ServerPlan, url: str) -> ServerPlan:
    """Return the same server, sending its spans to `url`."""
    environment = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_BSP_SCHEDULE_DELAY": str(BATCH_MS)}
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(part for part in (os.environ.get(name), HOST) if part)
    return replace(plan, command=(*plan.command, FLAG, url), environment={**environment, **plan.environment})


def _program(words: Sequence[str]) -> str:
    """vLLM's, or the interpreter that runs it as a module: what comes before it (env, nice, numactl) only starts it."""
    return next((word for word in words if Path(word).name == "vllm" or Path(word).name.startswith("python")), words[0])


def _has_exporter(program: str) -> bool:
    interpreter = _interpreter_of(program)
    if interpreter is None:
        return False
    try:
        done = subprocess.run([interpreter, "-c", _NEEDED], check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LOOK_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _interpreter_of(program: str) -> str | None:
    """Return the Python that runs a program: itself, the one its first line names, or the one beside it."""
    found = shutil.which(program)
    if found is None or Path(program).name.startswith("python"):
        return found
    path = Path(found).resolve()
    try:
        with path.open("rb") as file:
            first = file.readline(1000).decode("utf-8", "replace")
    except OSError:
        return None
    named = first[2:].split() if first.startswith("#!") else []
    if named and "python" in Path(named[-1]).name:
        return shutil.which(named[-1])
    return shutil.which("python3", path=str(path.parent))
