"""Which servers that a run starts are asked for spans, and how."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tau2_logging.models.servers.server_process import ServerPlan, plan_servers
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.models.servers.tracing import FLAG, obstacle, with_spans

URL = "http://127.0.0.1:4711/v1/traces"
SIMULATED = ("python", "-m", "tau2_logging.models.simulated_server", "serve")


def program(folder: Path, name: str, first: str) -> str:
    """A program with this first line on the PATH of the test."""
    path = folder / name
    path.write_text(f"{first}\nraise SystemExit(0)\n")
    path.chmod(0o755)
    return str(path)


def test_vllm_is_asked_where_its_own_interpreter_can_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first line names the interpreter, which has OpenTelemetry here; one without packages has not, and that is said."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    program(tmp_path, "vllm", f"#!{sys.executable}")
    assert obstacle(ModelServerSettings(serve="m")) is None
    bare = program(tmp_path, "python-bare", "#!/bin/sh\nexit 1")
    program(tmp_path, "vllm", f"#!{bare}")
    assert "no OpenTelemetry (pip install" in str(obstacle(ModelServerSettings(serve="m")))
    program(tmp_path, "vllm", "#!/bin/sh")
    program(tmp_path, "python3", f'#!/bin/sh\nexec {sys.executable} "$@"')
    assert obstacle(ModelServerSettings(serve="m")) is None


@pytest.mark.parametrize("launcher", [("env", "A=1"), ("nice", "-n", "5"), ()])
def test_a_launcher_before_vllm_is_not_taken_for_it(tmp_path: Path, launcher: tuple[str, ...]) -> None:
    """The interpreter that is looked at is vLLM's own, whatever starts it."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    able = program(tmp_path, "vllm", f"#!{sys.executable}")
    assert obstacle(ModelServerSettings(serve="m", serve_command=(*launcher, able, "serve"))) is None
    bare = program(tmp_path, "python-bare", "#!/bin/sh\nexit 1")
    unable = program(tmp_path, "vllm", f"#!{bare}")
    assert "no OpenTelemetry" in str(obstacle(ModelServerSettings(serve="m", serve_command=(*launcher, unable, "serve"))))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (ModelServerSettings(serve="m", serve_command=SIMULATED), None),
        (ModelServerSettings(serve="m", serve_command=("llama-server", "-m", "{model}", "--port", "{port}")), "{port}"),
        (ModelServerSettings(serve="m", serve_command=("llama-server",)), "'llama-server' is not known to send them"),
        (ModelServerSettings(serve="m", serve_command=SIMULATED, serve_args=(f"{FLAG}=http://elsewhere",)), "of their own"),
        (ModelServerSettings(serve="m", serve_args=(FLAG, "http://elsewhere")), "of their own"),
    ],
)
def test_other_servers_are_not(settings: ModelServerSettings, why: str | None) -> None:
    """With the reason."""
    found = obstacle(settings)
    assert found == why if why is None else why in str(found)


def test_the_endpoint_is_a_flag_and_the_protocol_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Added to the command; spans go around a proxy, as they go to this machine."""
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.delenv("NO_PROXY", raising=False)
    (plan,) = plan_servers(ModelServerSettings(serve="m", serve_command=(sys.executable,)), tmp_path, lambda port: True)
    traced: ServerPlan = with_spans(plan, URL)
    assert traced.command == (*plan.command, FLAG, URL)
    assert traced.environment["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "http/protobuf"
    assert (traced.environment["no_proxy"], traced.environment["NO_PROXY"]) == ("example.org,127.0.0.1", "127.0.0.1")
    assert (traced.address, traced.gpus, traced.log) == (plan.address, plan.gpus, plan.log)
