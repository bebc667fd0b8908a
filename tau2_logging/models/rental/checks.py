"""Our own checks of a task file: what would cost money, leave a door open, or let an evaluation fail, and SkyPilot's schema lets pass."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tau2_logging.events.secrets.masking import is_secret_name, mask_text
from tau2_logging.logger.content.file_mistake import UNREADABLE, mistake
from tau2_logging.models.rental.command import ServeCommand, find_command
from tau2_logging.models.rental.script import KEY_SECRET
from tau2_logging.models.rental.task import GPU
from tau2_logging.models.servers.families import TOOL_CALL_PARSERS, VLLM_VERSION, family_of, mismatch

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DEFAULT_PORT = "8000"
_SHORT_DELAY_S = 300
_UNCAPPED = re.compile(r"(?:gcp|k8s|kubernetes|slurm)(?:/|$)", re.IGNORECASE)
"""Where SkyPilot 0.14 does not apply max_hourly_cost to machines with GPUs."""
_REFERENCE = re.compile(r"\$\{?\w+\}?|")
_ASSIGNMENT = re.compile(r"(?:^|[\s;])(?:export\s+)?([A-Za-z_]\w*)=(\"[^\"$`]+\"|'[^']+'|[^\s\"'$`;]+)")


@dataclass(frozen=True)
class Problem:
    """One line for the user. `fatal`: the file should not be launched."""

    text: str
    fatal: bool = True


Problems = Iterator[Problem]


@dataclass(frozen=True)
class TaskFile:
    """A task file as read. `candidates` are its resources, each alternative with what all have in common."""

    document: Mapping[str, Any]
    candidates: tuple[Mapping[str, Any], ...]
    command: ServeCommand | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> TaskFile:
        """Parts that are missing or of another kind count as empty; the checks say so."""
        resources = _mapping(document.get("resources"))
        common = {name: value for name, value in resources.items() if name not in ("any_of", "ordered")}
        listed = resources.get("any_of") or resources.get("ordered")
        choices = [_mapping(choice) for choice in listed] if isinstance(listed, list) else [{}]
        envs = {str(name): str(value) for name, value in _mapping(document.get("envs")).items() if value is not None}
        return cls(document, tuple({**common, **choice} for choice in choices), find_command(str(document.get("run") or ""), envs))


def read_document(text: str) -> Mapping[str, Any] | str:
    """Return the task of a file; if it is none, a line that says why."""
    try:
        documents = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, *UNREADABLE) as error:
        return f"not YAML: {mistake(error)}"
    if len(documents) != 1 or not isinstance(documents[0], dict):
        return "not a task: it must be one mapping with resources, setup and run"
    return documents[0]


def check(document: Mapping[str, Any]) -> list[Problem]:
    """Return everything that is wrong or doubtful, in the order of the file."""
    task = TaskFile.of(document)
    found = [problem for look in _CHECKS for problem in look(task)]
    return list(dict.fromkeys(found))


def _check_accelerators(task: TaskFile) -> Problems:
    for candidate in task.candidates:
        names = _accelerators(candidate.get("accelerators"))
        if not names:
            yield Problem("resources.accelerators names no GPU; write NAME:COUNT: A100:1")
        for name in names:
            if not GPU.fullmatch(name):
                yield Problem(f"resources.accelerators {name!r} is not NAME:COUNT with whole GPUs; write A100:1")


def _check_autostop(task: TaskFile) -> Problems:
    for candidate in task.candidates:
        autostop = candidate.get("autostop")
        if not isinstance(autostop, dict) or autostop.get("down") is not True:
            yield Problem("resources.autostop does not take the machine down; write idle_minutes and `down: true`")
            continue
        minutes = autostop.get("idle_minutes")
        if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes < 1:
            yield Problem(f"resources.autostop.idle_minutes is {minutes!r}; give whole minutes above 0")
        if str(autostop.get("wait_for")).lower() == "none":
            yield Problem("resources.autostop.wait_for is none: the machine goes down after idle_minutes, in use or not", fatal=False)
        elif task.command is not None and not task.command.background:
            yield Problem(
                "run waits for `vllm serve`, which never ends, so autostop never starts to count; "
                "end the job when the server is idle, as in the files of `render`",
                fatal=False,
            )


def _check_cost(task: TaskFile) -> Problems:
    for candidate in task.candidates:
        limit = candidate.get("max_hourly_cost")
        if not isinstance(limit, int | float) or isinstance(limit, bool) or not 0 < limit < math.inf:
            yield Problem(f"resources.max_hourly_cost is {limit!r}; give USD an hour above 0")
        place = str(candidate.get("infra") or candidate.get("cloud") or "")
        if _UNCAPPED.match(place):
            yield Problem(f"SkyPilot does not apply max_hourly_cost on {place}; look at the price before you confirm", fatal=False)
    nodes = task.document.get("num_nodes", 1)
    if nodes not in (None, 1):
        yield Problem(f"num_nodes is {nodes}: each machine serves alone, and max_hourly_cost counts for each", fatal=False)


def _check_ports(task: TaskFile) -> Problems:
    port = _port(task)
    for candidate in task.candidates:
        opened = _ports(candidate.get("ports"))
        if port is not None and not any(_within(port, part) for part in opened):
            yield Problem(f"run serves on port {port}, and resources.ports opens {', '.join(opened) or 'none'}; write `ports: {port}`")
    service_port = _mapping(task.document.get("service")).get("ports")
    if service_port is not None and port is not None and str(service_port) != port:
        yield Problem(f"service.ports is {service_port}, and run serves on port {port}; write the same or leave it out")


def _check_probe(task: TaskFile) -> Problems:
    probe = _mapping(task.document.get("service")).get("readiness_probe")
    settings = {"path": probe} if isinstance(probe, str) else _mapping(probe)
    path = settings.get("path")
    if not isinstance(path, str) or not path.startswith("/"):
        yield Problem("service.readiness_probe has no path; write `path: /health`")
        return
    if not (path == "/health" or path.startswith("/v1/")):
        yield Problem(f"service.readiness_probe.path {path} is none that vLLM answers; write /health or /v1/models")
    if path.startswith("/v1/") and _has_key(task) and "Authorization" not in _mapping(settings.get("headers")):
        yield Problem(f"service.readiness_probe.path {path} asks for the key; write /health, or headers with Authorization")
    delay = settings.get("initial_delay_seconds")
    if not isinstance(delay, int | float) or delay < _SHORT_DELAY_S:
        yield Problem(
            f"service.readiness_probe.initial_delay_seconds is {delay}; loading takes longer than {_SHORT_DELAY_S} s mostly", fatal=False
        )


def _check_serving(task: TaskFile) -> Problems:
    command = task.command
    if command is None or not command.model:
        yield Problem("run holds no `vllm serve MODEL` that can be read")
        return
    if (host := command.value("--host")) in _LOOPBACK:
        yield Problem(f"run serves on {host} only, where it cannot be reached; write --host 0.0.0.0")
    if not command.has("--enable-auto-tool-choice"):
        yield Problem("run lacks --enable-auto-tool-choice: tool calls would be refused")
    parser, family = command.value("--tool-call-parser"), family_of(command.model)
    if parser is None:
        yield Problem("run lacks --tool-call-parser" + (f" {family.tool_call_parser}" if family else " NAME"))
    elif wrong := mismatch(command.model, parser, command.words):
        yield Problem(wrong)
    elif parser not in TOOL_CALL_PARSERS and not command.has("--tool-parser-plugin"):
        yield Problem(f"--tool-call-parser {parser} is none of vLLM {VLLM_VERSION}")
    elif family is None:
        yield Problem(f"the family of {command.model} is not known; whether {parser} is its parser is not checked", fatal=False)
    if family is not None and (reasoning := command.value("--reasoning-parser")) != family.reasoning_parser:
        yield Problem(f"--reasoning-parser is {reasoning}; models of {family.name} take {family.reasoning_parser}", fatal=False)


def _check_secrets(task: TaskFile) -> Problems:
    if task.command is not None and not _has_key(task):
        yield Problem(f"the server asks for no key, and its port is open to everyone; name {KEY_SECRET} under secrets", fatal=False)
    secrets = task.document.get("secrets")
    for name, value in _mapping(secrets).items():
        if value is not None:
            yield Problem(f"secrets.{name} holds a value; write `{name}: null` and launch with --secret {name}")
    for name, value in _mapping(task.document.get("envs")).items():
        if value is not None and is_secret_name(str(name)) and not _REFERENCE.fullmatch(str(value)):
            yield Problem(f"envs.{name} holds a secret; move it to secrets as `{name}: null`")
    for part, text in _texts({name: value for name, value in task.document.items() if name != "secrets"}):
        if mask_text(_without_references(text)) != _without_references(text) or _assigns_secret(text):
            yield Problem(f"{part} holds what looks like a credential; pass it as a secret")
    key = task.command.value("--api-key") if task.command is not None else None
    if key is not None and not _REFERENCE.fullmatch(key):
        yield Problem(f"run holds the key of --api-key in clear text; name {KEY_SECRET} under secrets instead")


_CHECKS: tuple[Callable[[TaskFile], Problems], ...] = (
    _check_accelerators,
    _check_autostop,
    _check_cost,
    _check_ports,
    _check_probe,
    _check_serving,
    _check_secrets,
)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _accelerators(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(name) if count is None else f"{name}:{count}" for name, count in value.items()]
    if isinstance(value, list | set):
        return [str(name) for name in value]
    return [] if value is None else [str(value)]


def _port(task: TaskFile) -> str | None:
    return None if task.command is None else task.command.value("--port") or _DEFAULT_PORT


def _ports(value: Any) -> list[str]:
    """Return single ports, and ranges as they are written."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [str(port) for port in values]


def _within(port: str, part: str) -> bool:
    first, _, last = part.partition("-")
    numbers = (first, port, last or first)
    return all(number.strip().isdecimal() for number in numbers) and int(first) <= int(port) <= int(last or first)


def _has_key(task: TaskFile) -> bool:
    secrets = task.document.get("secrets")
    names = [str(name).removeprefix("secrets:") for name in (secrets if isinstance(secrets, dict | list) else ())]
    return KEY_SECRET in names or (task.command is not None and task.command.has("--api-key"))


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
    elif isinstance(value, str):
        yield path, value


def _without_references(text: str) -> str:
    return re.sub(r"\$\{[^}]*\}|\$\w+", "", text)


def _assigns_secret(text: str) -> bool:
    return any(is_secret_name(found[1]) for found in _ASSIGNMENT.finditer(text))
