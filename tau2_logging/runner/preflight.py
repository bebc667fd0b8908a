"""`--check`: one small call with a tool for each model at each place it is served, and a table of what works."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import litellm
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tau2_logging.instrument.reply import read_reply
from tau2_logging.logger.masking import mask_text, shorten
from tau2_logging.models.scripted.plan import Action, Plan, PlanBook
from tau2_logging.models.scripted.provider import TASK_ARGUMENT, register
from tau2_logging.models.servers.api import ServerApi
from tau2_logging.models.servers.endpoints import Endpoint
from tau2_logging.models.servers.programs import health_page
from tau2_logging.runner.config import ModelChoice, RunConfig
from tau2_logging.runner.providers import check_models, warm_up
from tau2_logging.runner.serving import ModelServers, model_servers

EXIT_USABLE, EXIT_UNUSABLE = 0, 1
PROBE_TIMEOUT_S = 60.0
_AT_ONCE = 8
_TASK = "check/weather"
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_MESSAGES = [
    {"role": "system", "content": "You are an assistant with tools. Use a tool where one helps."},
    {"role": "user", "content": "What is the weather in Paris now? Look it up with the tool get_weather."},
]


@dataclass(frozen=True)
class Probe:
    """A model at a place, and what came of asking it. None: not known, or not asked."""

    roles: tuple[str, ...]
    model: ModelChoice
    endpoint: Endpoint | None = None
    timeout_s: float = PROBE_TIMEOUT_S
    reachable: bool | None = None
    listed: bool | None = None
    answers: bool = False
    calls_tools: bool = False
    streams: bool = False
    usage: bool = False
    ttft_ms: float | None = None
    problem: str = field(default="")

    @property
    def usable(self) -> bool:
        """Whether the run could use it: an agent has to call tools, a user or a judge only to answer."""
        return self.answers and (self.calls_tools or "agent" not in self.roles)


def check(config: RunConfig, console: Console | None = None) -> int:
    """Ask every model, print the table; 0 when all can be used, else 1. Raises UserError for a model that needs a key that is missing."""
    out = console or Console()
    check_models(config.models)
    book = PlanBook()
    domain, _, task = _TASK.partition("/")
    book.add(domain, Plan(task, (Action("assistant", "get_weather", {"city": "Paris"}),)))
    register(book)
    warm_up()

    def say(text: str) -> None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)

    with (
        _quiet_litellm(),
        model_servers(config, log_directory(config.log_dir), out, say) as servers,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        probes = list(pool.map(_asked, _planned(config, servers)))
    out.print(_table(probes))
    for probe in probes:
        if probe.problem:
            say(f"{probe.model.llm}{_at(probe)}: {probe.problem}")
    unusable = sum(not probe.usable for probe in probes)
    say("every model can be used" if not unusable else f"{unusable} of {len(probes)} cannot be used")
    return EXIT_UNUSABLE if unusable else EXIT_USABLE


def log_directory(log_dir: Path) -> Path:
    """Where servers that are started for a check write."""
    return log_dir / "check"


def _planned(config: RunConfig, servers: ModelServers) -> list[Probe]:
    """One for each model and place; roles that share both share the probe."""
    roles: dict[str, list[str]] = {}
    models: dict[str, ModelChoice] = {}
    experts = ((f"expert {expert.alias}", ModelChoice(expert.model, expert.args)) for expert in config.experts)
    for role, model in (("agent", config.agent_model), ("user", config.user_model), ("judge", config.judge_model), *experts):
        if model is not None:
            key = f"{model.llm} {sorted(model.args.items(), key=str)}"
            roles.setdefault(key, []).append(role)
            models[key] = model
    probes = [probe for key, model in models.items() for probe in _places(tuple(roles[key]), model, servers)]
    return [replace(probe, timeout_s=config.request_timeout or PROBE_TIMEOUT_S) for probe in probes]


def _places(roles: tuple[str, ...], model: ModelChoice, servers: ModelServers) -> Iterator[Probe]:
    if model.llm not in servers.routed:
        yield Probe(roles, model)
        return
    name = model.llm.partition("/")[2]
    for endpoint in servers.endpoints.all:
        if endpoint.serves(name):
            yield Probe(roles, model, endpoint)


def _asked(probe: Probe) -> Probe:
    if probe.endpoint is not None:
        ailment = ServerApi(probe.endpoint.address).ailment(health_page(probe.endpoint.program))
        if ailment is not None:
            return replace(probe, reachable=False, problem=probe.endpoint.down or ailment)
        probe = replace(probe, reachable=True, listed=probe.model.llm.partition("/")[2] in probe.endpoint.models)
    streamed = _called(probe, stream=True)
    return streamed if streamed.answers else replace(_called(probe, stream=False), ttft_ms=None)


def _called(probe: Probe, stream: bool) -> Probe:
    started = time.perf_counter()
    try:
        response = litellm.completion(**_arguments(probe, stream))
        heard = _listened(response) if stream else _Heard(response, None, bool(read_reply(response).output_tokens))
    except Exception as error:
        return replace(probe, problem=shorten(mask_text(f"{type(error).__name__}: {error}")))
    reply = read_reply(heard.response)
    tools = reply.has_tool_calls and reply.problem is None
    return replace(
        probe,
        answers=reply.problem is None,
        calls_tools=tools,
        streams=heard.first is not None,
        usage=heard.usage,
        ttft_ms=None if heard.first is None else (heard.first - started) * 1000,
        problem=reply.problem or ("" if tools or "agent" not in probe.roles else "answers in words where it should call the tool"),
    )


@dataclass(frozen=True)
class _Heard:
    """A reply put together, when its first piece came (perf_counter), whether the provider counted its tokens."""

    response: Any
    first: float | None
    usage: bool


def _listened(stream: Any) -> _Heard:
    first = None
    chunks = []
    for chunk in stream:
        if first is None and _says_something(chunk):
            first = time.perf_counter()
        chunks.append(chunk)
    came = getattr(stream, "chunks", chunks)  # litellm hands out a usage of its own making where the provider sent none
    usage = any(getattr(chunk, "usage", None) is not None for chunk in came)
    return _Heard(litellm.stream_chunk_builder(chunks, messages=_MESSAGES), first, usage)


def _says_something(chunk: Any) -> bool:
    deltas = [choice.delta for choice in chunk.choices]
    return any(getattr(delta, name, None) for delta in deltas for name in ("content", "tool_calls", "reasoning_content"))


def _arguments(probe: Probe, stream: bool) -> dict[str, Any]:
    own: Mapping[str, Any] = probe.model.args
    words: dict[str, Any] = {"model": probe.model.llm, "messages": _MESSAGES, "tools": [_TOOL], **own, "max_retries": 0, "num_retries": 0}
    words.setdefault("timeout", probe.timeout_s)
    if probe.model.scripted:
        words[TASK_ARGUMENT] = _TASK
    if probe.endpoint is not None:
        words["api_base"] = probe.endpoint.address.base_url
    if stream:
        words.update(stream=True, stream_options={"include_usage": True})
    return words


_CAPTION = "TTFT in ms, opening the connection included; an agent has to call tools"
_MARKS = {"reachable": "up", "listed": "listed", "answers": "answers", "calls_tools": "tools", "streams": "streams", "usage": "usage"}


def _table(probes: list[Probe]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False, caption=_CAPTION, caption_justify="left")
    for heading in ("for", "model, at", *_MARKS.values(), "TTFT", ""):
        table.add_column(heading, justify="right" if heading == "TTFT" else "left", overflow="fold")
    for probe in probes:
        marks = [_mark(getattr(probe, name)) for name in _MARKS]
        ttft = "-" if probe.ttft_ms is None else f"{probe.ttft_ms:.0f}"
        verdict = Text("usable", "green") if probe.usable else Text("unusable", "red")
        place = Text(probe.model.llm + (f"\n{probe.endpoint.name}" if probe.endpoint is not None else ""))
        table.add_row("\n".join(probe.roles), place, *marks, ttft, verdict)
    return table


def _mark(value: bool | None) -> Text:
    return Text("-") if value is None else Text("yes", "green") if value else Text("no", "red")


def _at(probe: Probe) -> str:
    return f" at {probe.endpoint.name}" if probe.endpoint is not None else ""


@contextmanager
def _quiet_litellm() -> Iterator[None]:
    """Without its advice on standard output."""
    before, litellm.suppress_debug_info = litellm.suppress_debug_info, True
    try:
        yield
    finally:
        litellm.suppress_debug_info = before
