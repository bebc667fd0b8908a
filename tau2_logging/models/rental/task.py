"""What the user asked for in the way of a rented model server. Checked at the edge."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import mask_text
from tau2_logging.models.servers.families import (
    REASONING_PARSERS,
    TOOL_CALL_PARSERS,
    VLLM_VERSION,
    family_of,
    known_families,
    mismatch,
)

NONE = "none"
"""As --reasoning-parser: vLLM gets no such flag."""
GPU = re.compile(r"([A-Za-z][A-Za-z0-9-]*)(?:[:=]([1-9]\d*))?")
"""NAME or NAME:COUNT as SkyPilot writes accelerators. A server needs whole GPUs."""
INFRA = re.compile(r"[A-Za-z0-9*][\w.:@-]*(?:/[\w.:@*-]+)*")
"""cloud[/region[/zone]], or kubernetes/context."""
OURS = frozenset(
    ("--host", "--port", "--enable-auto-tool-choice", "--tool-call-parser", "--reasoning-parser", "--max-model-len", "--api-key")
)
"""Flags of `vllm serve` that have an option of their own, or none for a reason."""
_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"\d+(?:\.\d+)*(?:[a-z]+\d+|\.post\d+)?")
_POSITIVE = ("disk_size", "idle_minutes", "startup_minutes", "replicas")
_LONGEST_NAME = 40


@dataclass(frozen=True)
class RentalTask:
    """A server of `model` on one machine with `gpus` (alternatives, `A100:1`), at `infra` (alternatives, `aws/us-east-1`).

    `max_hourly_cost` in USD for one machine. `idle_minutes`: without a token before the server ends; `startup_minutes`: until it answers
    at all. `disk_size` in GB. `replicas` count for `sky serve` alone. Raises UserError.
    """

    model: str
    gpus: tuple[str, ...]
    max_hourly_cost: float
    infra: tuple[str, ...] = ()
    use_spot: bool = False
    port: int = 8000
    disk_size: int = 256
    idle_minutes: int = 30
    startup_minutes: int = 60
    replicas: int = 1
    name: str | None = None
    tool_call_parser: str | None = None
    reasoning_parser: str | None = None
    max_model_len: int | None = None
    vllm_version: str = VLLM_VERSION
    vllm_args: tuple[str, ...] = ()
    hf_token: bool = True

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_words()
        self._check_vllm_args()
        self._check_parsers()

    def _check_numbers(self) -> None:
        if not 0 < self.max_hourly_cost < math.inf:
            raise UserError(f"--max-hourly-cost is {self.max_hourly_cost:g}; give USD an hour above 0")
        if not 0 < self.port < 65536:
            raise UserError(f"--port is {self.port}; give a port from 1 to 65535")
        limits = {name: getattr(self, name) for name in _POSITIVE} | {"max_model_len": self.max_model_len}
        for name, value in limits.items():
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} is {value}; give a whole number above 0")

    def _check_words(self) -> None:
        if not self.model or self.model.startswith("-") or any(character.isspace() for character in self.model):
            raise UserError(f"--model {self.model!r} is no name of a model; write it as `vllm serve` takes it: Qwen/Qwen3-32B")
        if not self.gpus:
            raise UserError("no GPU is named; give one with --gpu A100:1")
        for gpu in self.gpus:
            if not GPU.fullmatch(gpu):
                raise UserError(f"--gpu {gpu!r} is no accelerator; write NAME:COUNT with whole GPUs: A100:1, H100:8, L4:1")
        for place in self.infra:
            if not INFRA.fullmatch(place):
                raise UserError(f"--infra {place!r} is no place; write cloud, cloud/region or cloud/region/zone: aws, gcp/us-central1")
        if self.name is not None and not (_NAME.fullmatch(self.name) and len(self.name) <= _LONGEST_NAME):
            raise UserError(f"--name {self.name!r} is no name of a cluster; use small letters, digits and -, {_LONGEST_NAME} at most")
        if not _VERSION.fullmatch(self.vllm_version):
            raise UserError(f"--vllm-version {self.vllm_version!r} is no release of vLLM; write it as {VLLM_VERSION}")

    def _check_vllm_args(self) -> None:
        for word in self.vllm_args:
            flag = word.partition("=")[0]
            if flag == "--api-key":
                raise UserError("a key in --vllm-args would be in the file; omit it, the server takes VLLM_API_KEY as a secret")
            if flag in OURS:
                raise UserError(f"--vllm-args holds {flag}, which is written already; give it as an option of its own")
            if mask_text(word) != word:
                raise UserError("--vllm-args contains what looks like a credential, which would be in the file; pass it as a secret")

    def _check_parsers(self) -> None:
        if self.tool_call_parser is None and family_of(self.model) is None:
            raise UserError(
                f"no tool-call parser is known for {self.model}; name vLLM's with --tool-call-parser (families known: {known_families()})"
            )
        wrong = mismatch(self.model, self.tool_call_parser, self.vllm_args) if self.tool_call_parser is not None else None
        if wrong is not None:
            raise UserError(f"{wrong}; with a format of your own give its --chat-template in --vllm-args")
        plugin = any(word.partition("=")[0] in ("--tool-parser-plugin", "--reasoning-parser-plugin") for word in self.vllm_args)
        for flag, name, known in (
            ("--tool-call-parser", self.tool_call_parser, TOOL_CALL_PARSERS),
            ("--reasoning-parser", self.reasoning_parser, REASONING_PARSERS | {NONE}),
        ):
            if name is not None and name not in known and not plugin and self.vllm_version == VLLM_VERSION:
                raise UserError(f"{flag} {name!r} is none of vLLM {VLLM_VERSION}; it has {', '.join(sorted(known))}")

    @property
    def parsers(self) -> tuple[str, str | None]:
        """The tool-call parser and the reasoning parser, None if there is none: the user's, else the family's."""
        family = family_of(self.model)
        tool = self.tool_call_parser or (family.tool_call_parser if family is not None else "")
        reasoning = self.reasoning_parser or (family.reasoning_parser if family is not None else None)
        return tool, None if reasoning == NONE else reasoning

    @property
    def cluster(self) -> str:
        """The name for `sky launch -c`: small letters, digits and hyphens."""
        if self.name is not None:
            return self.name
        last = self.model.rstrip("/").rpartition("/")[2].lower()
        return f"tau2-{re.sub('[^a-z0-9]+', '-', last).strip('-')}"[:_LONGEST_NAME].rstrip("-")
