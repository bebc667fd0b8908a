"""What the user asked for in the way of model servers. Checked at the edge."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.models.servers.address import Address

PROVIDER = "hosted_vllm"
"""litellm's provider of the models on these servers."""
KEY_VARIABLE = "HOSTED_VLLM_API_KEY"
"""Where litellm, and our own requests, find the servers' key, if they want one."""

_POSITIVE = ("num_servers", "tensor_parallel", "serve_timeout", "metrics_interval")
_NAMING = ("--served-model-name", "--alias")
_TUPLES = ("gpu_ids", "serve_args", "serve_command", "endpoints")


@dataclass(frozen=True)
class ModelServerSettings:
    """Servers to start (`serve`), or servers that run already (`endpoints`), or both.

    `gpu_ids`: as CUDA_VISIBLE_DEVICES takes them; empty leaves the choice to us. `serve_args` go to each server's command line as they
    are; `serve_command` is in for `vllm serve`. `tool_call_parser` None: that of the model's family. `serve_timeout` and
    `metrics_interval` in seconds. Raises UserError.
    """

    serve: str | None = None
    num_servers: int = 1
    gpu_ids: tuple[str, ...] = ()
    tensor_parallel: int = 1
    start_port: int = 8000
    tool_call_parser: str | None = None
    serve_args: tuple[str, ...] = ()
    serve_command: tuple[str, ...] = ()
    serve_timeout: float = 1800.0
    endpoints: tuple[str, ...] = ()
    metrics_interval: float = 5.0

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise UserError(f"{_flag(name)} is {value:g}; give a number above 0")
        if not 0 < self.start_port < 65536:
            raise UserError(f"--start-port is {self.start_port}; give a port from 1 to 65535")
        if any(word == "--api-key" or word.startswith("--api-key=") for word in self.serve_args):
            raise UserError(
                f"a key on a command line is there for everyone to read; set VLLM_API_KEY for the server and {KEY_VARIABLE} for us"
            )
        for url in self.endpoints:
            Address.of(url)

    @property
    def served_name(self) -> str | None:
        """The name under which the servers we start offer their model: vLLM's --served-model-name, llama-server's --alias."""
        words = [*self.serve_command, *self.serve_args]
        for word, following in zip_longest(words, words[1:]):
            flag, equals, value = word.partition("=")
            if flag in _NAMING and (equals or following is not None):
                return (value if equals else str(following)).replace("{model}", str(self.serve))
        return self.serve

    @classmethod
    def of(cls, given: Mapping[str, Any], before: ModelServerSettings | None = None) -> ModelServerSettings | None:
        """From the command line's words by name, over the settings `before`; None if no server is asked for. Raises UserError."""
        values = {name: value for name, value in given.items() if name in cls.__dataclass_fields__}
        if not values:
            return before
        if before is None and "serve" not in values and "endpoints" not in values:
            name = next(iter(values))
            raise UserError(f"{_flag(name)} is about model servers, and none is named; give --serve MODEL or --endpoint URL")
        for name in ("serve_args", "serve_command"):
            if name in values:
                values[name] = _words(name, values[name])
        if "gpu_ids" in values:
            values["gpu_ids"] = tuple(part.strip() for part in values["gpu_ids"].split(",") if part.strip())
        return cls.from_json({**(vars(before) if before is not None else {}), **values})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelServerSettings:
        """From run.json, where tuples are lists."""
        known: dict[str, Any] = {name: value for name, value in values.items() if name in cls.__dataclass_fields__}
        known.update({name: tuple(known[name]) for name in _TUPLES if name in known})
        return cls(**known)


def _words(name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UserError(f"{_flag(name)} cannot be read as a shell would ({error}); check its quotes") from error


def _flag(name: str) -> str:
    return "--endpoint" if name == "endpoints" else f"--{name.replace('_', '-')}"
