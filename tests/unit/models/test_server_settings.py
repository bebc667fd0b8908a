"""What a person may ask of model servers, and what becomes of it: addresses, GPUs, ports, command lines."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.server_process import command_of, gpu_groups, plan_servers, port_is_free
from tau2_logging.models.servers.server_settings import ModelServerSettings

HERE = (sys.executable,)
"""A program that is there, in the place of vLLM."""


@pytest.mark.parametrize(
    ("written", "base_url", "name"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("gpu-box:8001", "http://gpu-box:8001/v1", "gpu-box:8001"),
        ("https://models.example.com/team/v1", "https://models.example.com/team/v1", "models.example.com:443"),
    ],
)
def test_an_endpoint_may_be_written_in_many_ways(written: str, base_url: str, name: str) -> None:
    """With and without http:// and /v1; `name` is the `endpoint` of the calls that go there."""
    address = Address.of(written)
    assert (address.base_url, address.name) == (base_url, name)


@pytest.mark.parametrize("written", ["", "ftp://h:1", "http://", "http://h:0", "http://h:99999", "http://user:secret@h:1", "http://h?x=1"])
def test_a_bad_endpoint_is_refused_without_repeating_a_password(written: str) -> None:
    with pytest.raises(UserError) as raised:
        ModelServerSettings(endpoints=(written,))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"num_servers": 2}, "--num-servers is about model servers, and none is named"),
        ({"serve": "m", "num_servers": 0}, "--num-servers is 0"),
        ({"serve": "m", "start_port": 70000}, "--start-port is 70000"),
        ({"serve": "m", "serve_timeout": -1.0}, "--serve-timeout is -1"),
        ({"serve": "m", "serve_args": "--x 'y"}, "cannot be read as a shell would"),
        ({"serve": "m", "serve_args": "--api-key abc"}, "VLLM_API_KEY"),
    ],
)
def test_bad_settings_say_which_flag_and_what_to_do(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ModelServerSettings.of(given)


def test_settings_survive_run_json_and_change_where_a_resumed_run_says_so() -> None:
    """What is not given anew stays as it was."""
    settings = ModelServerSettings.of({"serve": "m", "gpu_ids": "2, 3", "serve_args": "--max-num-seqs 8", "num_servers": 2})
    assert settings is not None
    kept = ModelServerSettings.from_json(json.loads(json.dumps(dataclasses.asdict(settings))))
    assert kept == settings
    changed = ModelServerSettings.of({"gpu_ids": "0,1"}, kept)
    assert changed == dataclasses.replace(settings, gpu_ids=("0", "1"))
    assert ModelServerSettings.of({"domains": ["mock"]}) is None


@pytest.mark.parametrize(
    ("settings", "environ", "groups"),
    [
        (ModelServerSettings(serve="m"), {}, [None]),
        (ModelServerSettings(serve="m", num_servers=2, tensor_parallel=2), {}, ["0,1", "2,3"]),
        (ModelServerSettings(serve="m", num_servers=2), {"CUDA_VISIBLE_DEVICES": "4,6,7"}, ["4", "6"]),
        (ModelServerSettings(serve="m", gpu_ids=("GPU-a1",)), {"CUDA_VISIBLE_DEVICES": "4"}, ["GPU-a1"]),
    ],
)
def test_gpus_are_dealt_out_in_groups(settings: ModelServerSettings, environ: dict[str, str], groups: list[str | None]) -> None:
    """--gpu-ids, else what this process may see, else from 0 on; one server with one GPU is left what there is."""
    assert gpu_groups(settings, environ) == groups


def test_too_few_gpus_are_refused_with_the_numbers() -> None:
    settings = ModelServerSettings(serve="m", num_servers=2, tensor_parallel=2, gpu_ids=("0", "1", "2"))
    with pytest.raises(UserError, match=r"2 servers of 2 GPUs need 4 GPUs, and --gpu-ids names 3 \(0,1,2\)"):
        gpu_groups(settings, {})


def test_a_port_in_use_is_passed_over_and_said(tmp_path: Path) -> None:
    """Every server has a port of its own, next to the one that was wanted."""
    settings = ModelServerSettings(serve="m", num_servers=3, start_port=9000, serve_command=HERE)
    plans = plan_servers(settings, tmp_path, lambda port: port not in (9000, 9002))
    assert [plan.port for plan in plans] == [9001, 9003, 9004]
    assert [line for plan in plans for line in plan.said] == [
        "port 9000 is in use: model server 0 takes 9001",
        "port 9002 is in use: model server 1 takes 9003",
    ]


def test_a_port_that_listens_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not port_is_free(taken.getsockname()[1])


def test_the_command_line_is_vllms() -> None:
    """Only on loopback, tool calls switched on, the person's own words last so that they win."""
    settings = ModelServerSettings(serve="Qwen/Qwen3-32B", tensor_parallel=2, serve_args=("--served-model-name", "qwen"))
    assert " ".join(command_of(settings, 8000)) == (
        "vllm serve Qwen/Qwen3-32B --host 127.0.0.1 --port 8000 --enable-auto-tool-choice --tool-call-parser hermes "
        "--enable-prompt-tokens-details --tensor-parallel-size 2 --served-model-name qwen"
    )
    assert settings.served_name == "qwen"


def test_another_program_gets_its_own_words() -> None:
    """With {port} in the command nothing of vLLM's is added."""
    settings = ModelServerSettings(
        serve="m.gguf", serve_command=("llama-server", "-m", "{model}", "--port={port}"), serve_args=("-c", "8192")
    )
    assert command_of(settings, 8001) == ("llama-server", "-m", "m.gguf", "--port=8001", "-c", "8192")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (ModelServerSettings(serve="m", serve_args=("--served-model-name=qwen",)), "qwen"),
        (ModelServerSettings(serve="m.gguf", serve_args=("--alias", "smol")), "smol"),
        (ModelServerSettings(serve="m.gguf", serve_command=("llama-server", "--alias", "smol", "--port", "{port}")), "smol"),
        (ModelServerSettings(serve="m.gguf", serve_command=("llama-server", "--alias={model}", "--port", "{port}")), "m.gguf"),
        (ModelServerSettings(serve="m", serve_args=("--served-model-name",)), "m"),
    ],
)
def test_the_name_under_which_a_server_offers_its_model_is_read_from_its_words(settings: ModelServerSettings, name: str) -> None:
    """vLLM's word for it and llama-server's, in either place."""
    assert settings.served_name == name


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'no-such-program', which is not on the PATH"):
        plan_servers(ModelServerSettings(serve="m", serve_command=("no-such-program",)), tmp_path)
