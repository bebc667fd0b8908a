"""`--check`: a small question with a tool for each model at each place it is served, asked as the run asks, and a table of what works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.events.secrets.masking import masked_start
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger.bridge import silence_loguru
from tau2_logging.logger.content.error_text import error_text
from tau2_logging.models.scripted.provider import TASK_ARGUMENT, register
from tau2_logging.models.scripted.task_script import Action, TaskScript, TaskScripts
from tau2_logging.models.servers.api import ServerApi
from tau2_logging.models.servers.endpoints import Endpoint
from tau2_logging.models.servers.programs import health_page
from tau2_logging.runner.model_calls.litellm_settings import check_models, quiet_litellm, warm_up
from tau2_logging.runner.model_calls.model_servers import ModelServers, model_servers
from tau2_logging.runner.model_calls.probing import TASK, ProbeAnswer, asked_as_run, asked_plainly, differences
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.runner.settings.secret_values import secret_values

EXIT_USABLE, EXIT_UNUSABLE = 0, 1
PROBE_TIMEOUT_S = 60.0
_AT_ONCE = 8


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
    streams: bool | None = None
    usage: bool = False
    ttft_ms: float | None = None
    problem: str = field(default="")

    @property
    def usable(self) -> bool:
        """Return whether the run could use it: an agent has to call tools, a user or a judge only to answer."""
        return self.answers and (self.calls_tools or "agent" not in self.roles)


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `leaving`: a reader that has seen enough is no error."""
        raise BrokenPipeError


def check(config: RunConfig, console: Console | None = None) -> int:
    """Ask every model, print the table; 0 when all can be used, else 1. Raises UserError for a model that needs a key that is missing."""
    with KNOWN.knowing(secret_values(config)):
        return _check(config, console or _Output())


def _check(config: RunConfig, out: Console) -> int:
    check_models(config.models)
    book = TaskScripts()
    domain, _, task = TASK.partition("/")
    book.add(domain, TaskScript(task, (Action("assistant", "get_weather", {"city": "Paris"}),)))
    register(book)
    silence_loguru()  # what tau2 says while it is imported
    warm_up()

    def say(text: str) -> None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)

    with (
        quiet_litellm(),
        model_servers(config, log_directory(config.log_dir), out, say) as servers,
        Instrumentation(ttft=config.ttft, trace_header=config.trace_header, program_at=servers.program_at) as instrumentation,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        probes = list(pool.map(_asked, _planned(config, servers)))
    probes = [_without_streams(probe, instrumentation.notes) for probe in probes]
    out.print(_table(probes))
    for probe in probes:
        if probe.problem:
            say(f"{probe.model.llm}{_at(probe)}: {probe.problem}")
    for note in instrumentation.notes:
        say(f"note: {note}")
    unusable = sum(not probe.usable for probe in probes)
    say("every model is usable" if not unusable else f"{unusable} of {len(probes)} cannot be used")
    return EXIT_UNUSABLE if unusable else EXIT_USABLE


def _without_streams(probe: Probe, notes: Iterable[str]) -> Probe:
    """Note that a stream cannot be had, with model and address."""
    if probe.endpoint is None or probe.streams is not None:
        return probe
    place = f"{probe.model.llm.partition('/')[2]} at {probe.endpoint.name}"
    return replace(probe, streams=False) if any(place in note for note in notes) else probe


def log_directory(log_dir: Path) -> Path:
    """Return where servers that are started for a check write."""
    return log_dir / "check"


def _planned(config: RunConfig, servers: ModelServers) -> list[Probe]:
    """Return one for each model and place; roles that share both share the probe."""
    roles: dict[str, list[str]] = {}
    models: dict[str, ModelChoice] = {}
    experts = ((f"expert {expert.alias}", ModelChoice(expert.model, expert.args)) for expert in config.experts)
    for role, model in (*config.role_models().items(), *experts):
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
    if probe.model.recorded:
        return replace(probe, answers=True, calls_tools=True, problem="answers from its recording and is not asked")
    if probe.endpoint is not None:
        health_problem = ServerApi(probe.endpoint.address).health_problem(health_page(probe.endpoint.program))
        if health_problem is not None:
            return replace(probe, reachable=False, problem=probe.endpoint.down or health_problem)
        probe = replace(probe, reachable=True, listed=probe.model.llm.partition("/")[2] in probe.endpoint.models)
    try:
        return _heard(probe, *_answers(_arguments(probe)))
    except Exception as error:
        return replace(probe, problem=masked_start(f"{type(error).__name__}: {error_text(error)}"))


def _answers(arguments: Mapping[str, Any]) -> tuple[ProbeAnswer, ProbeAnswer | None]:
    """Return (the answer that the run would get, a plain one beside it if the run's is a stream). Asked twice the way the run asks: which
    servers stream as they answer is known from their first answer on.
    """
    first, second = asked_as_run(arguments), asked_as_run(arguments)
    if first.streamed and second.streamed:
        return second, asked_plainly(arguments)
    return (first, second) if first.streamed else (second, first if second.streamed else None)


def _heard(probe: Probe, answer: ProbeAnswer, plain: ProbeAnswer | None) -> Probe:
    reply = answer.reply
    tools = reply.has_tool_calls and reply.problem is None
    weak = "" if tools or "agent" not in probe.roles else "answers in text instead of calling the tool"
    differs = differences(answer, plain) if plain is not None else ""
    return replace(
        probe,
        answers=reply.problem is None,
        calls_tools=tools,
        streams=answer.streamed if plain is not None else None,
        usage=answer.counted,
        ttft_ms=answer.ttft_ms,
        problem="; ".join(filter(None, (reply.problem or weak, differs and f"streams are not to be trusted here: {differs}"))),
    )


def _arguments(probe: Probe) -> dict[str, Any]:
    """As the run has them: with tau2's temperature if the user gave no arguments, and without retries that nobody sees."""
    words: dict[str, Any] = {"model": probe.model.llm, **probe.model.call_args, "max_retries": 0, "num_retries": 0}
    words.setdefault("timeout", probe.timeout_s)
    if probe.model.scripted:
        words[TASK_ARGUMENT] = TASK
    if probe.endpoint is not None:
        words["api_base"] = probe.endpoint.address.base_url
    return words


_CAPTION = "streams, TTFT (ms): - if the run does not stream; an agent has to call tools"
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
