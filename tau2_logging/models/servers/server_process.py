"""A model server that we start: its command line, its GPUs, its port, its process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.models.servers import supervisor
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.families import family_of
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.units import plural

HOST = "127.0.0.1"
GRACE_S = 10.0
"""What a server gets to end by itself."""
_TAIL_LINES, _TAIL_BYTES = 15, 1 << 16
_PORTS_TRIED = 1000
_DEFAULT_COMMAND = ("vllm", "serve")
_USUAL_PARSER = "hermes"
"""For a model whose family is not known; the most common format."""


class ServerDied(Tau2LoggingError):
    """A model server ended, or did not become ready. The message shows the end of its log."""


@dataclass(frozen=True)
class ServerPlan:
    """One server before it is started. `gpus` is None if CUDA_VISIBLE_DEVICES is left as it is."""

    number: int
    port: int
    command: tuple[str, ...]
    gpus: str | None
    log: Path
    said: list[str] = field(default_factory=list, compare=False)
    """What is to be told about the plan."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to ours."""

    @property
    def address(self) -> Address:
        """Where the server will answer: always this machine."""
        return Address(f"http://{HOST}:{self.port}")


def plan_servers(settings: ModelServerSettings, directory: Path, is_free: Callable[[int], bool] | None = None) -> list[ServerPlan]:
    """Return the servers of a run; their logs go into `directory`. Raises UserError if one cannot be started."""
    program = (settings.serve_command or _DEFAULT_COMMAND)[0]
    if shutil.which(program) is None:
        raise UserError(
            f"--serve starts {program!r}, which is not on the PATH; "
            + ("check --serve-command" if settings.serve_command else "pip install vllm, or name another server with --serve-command")
        )
    groups = gpu_groups(settings, os.environ)
    plans = []
    port = settings.start_port
    for number, gpus in enumerate(groups):
        wanted, port = port, _next_free(port, is_free or port_is_free)
        said = [f"port {wanted} is in use: model server {number} takes {port}"] if port != wanted else []
        plans.append(ServerPlan(number, port, command_of(settings, port), gpus, directory / f"server_{number}.log", said))
        port += 1
    return plans


def gpu_groups(settings: ModelServerSettings, environ: Mapping[str, str]) -> list[str | None]:
    """Return CUDA_VISIBLE_DEVICES for each server: --gpu-ids, else those this process may see, else 0, 1, 2, ..., in groups of
    --tensor-parallel. A single server with a single GPU gets what this process has. Raises UserError for too few.
    """
    size, servers = settings.tensor_parallel, settings.num_servers
    visible = tuple(part.strip() for part in environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip())
    if not settings.gpu_ids and size * servers == 1:
        return [None]
    ids = settings.gpu_ids or visible or tuple(map(str, range(size * servers)))
    if len(ids) < size * servers:
        source = "--gpu-ids" if settings.gpu_ids else "CUDA_VISIBLE_DEVICES"
        raise UserError(
            f"{plural(servers, 'server')} of {plural(size, 'GPU')} need {plural(size * servers, 'GPU')}, "
            f"and {source} names {len(ids)} ({','.join(ids)}); "
            "name more, or ask for less with --num-servers or --tensor-parallel"
        )
    return [",".join(ids[at * size : (at + 1) * size]) for at in range(servers)]


def command_of(settings: ModelServerSettings, port: int) -> tuple[str, ...]:
    """Return the command line. A --serve-command with {port} in it gets port and model put in, and none of vLLM's options."""
    model = str(settings.serve)
    if any("{port}" in word for word in settings.serve_command):
        words = [word.replace("{port}", str(port)).replace("{model}", model) for word in settings.serve_command]
        return (*words, *settings.serve_args)
    words = [*(settings.serve_command or _DEFAULT_COMMAND), model, "--host", HOST, "--port", str(port)]
    words += ["--enable-auto-tool-choice", "--tool-call-parser", settings.tool_call_parser or _parser_of(model)]
    words.append("--enable-prompt-tokens-details")  # without it vLLM counts the tokens from its cache and tells nobody
    if settings.tensor_parallel > 1:
        words += ["--tensor-parallel-size", str(settings.tensor_parallel)]
    return (*words, *settings.serve_args)


def _parser_of(model: str) -> str:
    family = family_of(model)
    return family.tool_call_parser if family is not None else _USUAL_PARSER


def port_is_free(port: int) -> bool:
    """Return whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _next_free(port: int, is_free: Callable[[int], bool]) -> int:
    for candidate in range(port, min(port + _PORTS_TRIED, 65536)):
        if is_free(candidate):
            return candidate
    raise UserError(f"no free port from {port} on; name another with --start-port")


class ServerProcess:
    """A server that has been started. Whatever happens to this process, its supervisor ends the server with it."""

    def __init__(self, plan: ServerPlan, grace_s: float = GRACE_S) -> None:
        self.plan = plan
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        environ = {**os.environ, **plan.environment, **({} if plan.gpus is None else {"CUDA_VISIBLE_DEVICES": plan.gpus})}
        words = [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), f"{grace_s:g}", *plan.command]
        with plan.log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environ, start_new_session=True
            )
        self._pid: int | None = None
        self._tell_secrets()

    def _tell_secrets(self) -> None:
        """Say what the log must not show: through the pipe, since a command line and an environment are there to be read."""
        if self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.write(json.dumps(KNOWN.values).encode() + b"\n")
                self._supervisor.stdin.flush()

    @property
    def pid(self) -> int | None:
        """Of the server itself; None if it could not be started. Waits for the supervisor's word on it."""
        if self._pid is None and self._supervisor.stdout is not None and not self._supervisor.stdout.closed:
            self._pid = int(self._supervisor.stdout.readline() or 0)
        return self._pid or None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + n if signal n ended it."""
        return self._supervisor.poll()

    def end(self) -> str | None:
        """Return how it ended, as a sentence; None while it runs."""
        code = self.exit_code
        if code is None:
            return None
        return f"model server {self.plan.number} ({self.plan.address.name}) ended with exit code {code}{_signal_name(code)}"

    def tail(self) -> str:
        """Return the last lines of its log."""
        try:
            with self.plan.log.open("rb") as log:
                log.seek(max(log.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"    {line[:300]}" for line in lines[-_TAIL_LINES:])

    def last_line(self) -> str:
        """Return the last line of its log: what it is doing."""
        lines = self.tail().splitlines()
        return lines[-1].strip() if lines else ""

    def ask_to_end(self) -> None:
        """Start to end it; `wait` for it."""
        if self._supervisor.stdin is not None and not self._supervisor.stdin.closed:
            self._supervisor.stdin.close()

    def wait(self, timeout_s: float = 2 * GRACE_S + 5.0) -> bool:
        """Wait until nothing of it is left; False if that takes longer."""
        try:
            self._supervisor.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        if self._supervisor.stdin is not None and self._supervisor.stdout is not None:
            self._supervisor.stdin.close()
            self._supervisor.stdout.close()
        return True


def _signal_name(code: int) -> str:
    try:
        return f" ({signal.Signals(code - 128).name})" if code > 128 else ""
    except ValueError:
        return ""
