"""Results files that tau2 wrote without us, as a log: what their messages say of times, tokens and money, in our events.

A file holds, of each message, when it was there, and the tokens and the price of the model's reply; since v1 also how long that took
(`generation_time_seconds`). Where it does not, the time since the message before stands for it: an upper bound, since tau2's own work is in
it. Such calls say `timing=gap`. What no file holds is absent, and said: see `Missing`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tau2_logging.analysis.deep.results_files import domain_of, flat, history_length, moment, read_file, simulations_of
from tau2_logging.analysis.deep.sources import run_names
from tau2_logging.analysis.load import ALL, LATEST, load_log
from tau2_logging.analysis.options import output_file
from tau2_logging.analysis.table import RunLog
from tau2_logging.errors import UserError
from tau2_logging.events import KINDS, SCHEMA_VERSION
from tau2_logging.events.codec import encode_parts

MEASURED, GAP = "measured", "gap"
NEVER_HELD = "time to first token, queueing, retries, failed model calls, judges' calls, evaluation and setup"
"""What tau2's results files do not hold, whatever the version."""

_STOPS = {"###STOP###": "stop", "###TRANSFER###": "transfer", "###OUT-OF-SCOPE###": "out_of_scope"}

Fields = dict[str, object]
Message = Mapping[str, Any]


@dataclass
class Missing:
    """What could have been in a file and was not, counted."""

    counts: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    def sentences(self) -> list[str]:
        """For a person: what the figures rest on, and what there is no figure of."""
        said = [f"not in any results file: {NEVER_HELD}"]
        texts = {
            "generation_time": "model calls without a generation time: their length is the time since the message before, an upper bound",
            "timestamp": "messages without a time: they are in no latency",
            "usage": "model calls without token counts",
            "cost": "model calls whose price tau2 did not know (it writes 0): their cost is unknown, or taken from the price table",
            "messages": "simulations without messages: nothing but their outcome is known",
        }
        return said + [f"{self.counts[name]:,} {text}" for name, text in texts.items() if self.counts[name]]


@dataclass(frozen=True)
class Line:
    """A line of the log that is being made; `at_s` is its wall time, by which lines are put in order."""

    at_s: float
    type: str
    task: str | None
    fields: Fields


@dataclass
class _Talk:
    """One simulation while its messages are gone through."""

    context: Fields
    task: str
    span: str
    models: Mapping[str, str | None]
    origin_s: float
    missing: Missing
    lines: list[Line] = field(default_factory=list)
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    sums: Counter[str] = field(default_factory=Counter)
    usd: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    unpriced: bool = False

    def add(self, type_: str, at_s: float, fields: Fields, number: str = "") -> None:
        span = {"span": f"{self.span}{number}", "parent": self.span if number else None}
        self.lines.append(Line(at_s, type_, self.task, {**fields, **self.context, **span}))


def load_results(paths: Sequence[Path], run: str = LATEST) -> tuple[RunLog, Missing]:
    """Results files as a log that was read, and what they do not hold. `run`: as `load_log` takes it, but the latest of several files is
    all of them: whoever names them wants them. Raises UserError.
    """
    missing = Missing()
    made = log_lines(paths, missing)
    with TemporaryDirectory(prefix="tau2_results_") as folder:
        log = load_log(_write(made, Path(folder)), ALL if run == LATEST and len(set(paths)) > 1 else run)
    log.files = [str(path) for path in paths]
    return log, missing


def write_log(paths: Sequence[Path], folder: Path, force: bool = False) -> tuple[list[Path], Missing]:
    """`tau2_{domain}.log` in `folder` for the domains of these files. Raises UserError, also where a log is there already."""
    missing = Missing()
    made = log_lines(paths, missing)
    there = [path for domain in made if (path := folder / f"tau2_{domain}.log").exists()]
    if there and not force:
        raise UserError(f"{there[0]} is there already; choose another folder, or overwrite it with --force")
    return _write(made, folder), missing


def _write(made: Mapping[str, Sequence[str]], folder: Path) -> list[Path]:
    paths = []
    for domain, lines in made.items():
        path = output_file(folder, f"tau2_{domain}.log")
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        paths.append(path)
    return paths


def log_lines(paths: Sequence[Path], missing: Missing) -> dict[str, list[str]]:
    """The lines of a log by domain, of all these files together. Raises UserError where one is no results file.

    Each file is a run, called as the deep analysis calls it.
    """
    lines: dict[str, list[Line]] = {}
    for path, run in run_names(paths).items():
        data = read_file(path)
        try:
            made = list(_file_lines(data, path, run, missing))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is no results file of tau2 that can be read: {type(error).__name__}: {error}") from error
        lines.setdefault(domain_of(path, data), []).extend(made)
    return {domain: [_written(line) for line in found] for domain, found in lines.items()}


def _written(line: Line) -> str:
    time = datetime.fromtimestamp(line.at_s).isoformat(sep=" ", timespec="milliseconds")
    return encode_parts(KINDS[line.type].level, time, line.task, 0, line.type, line.fields)


def _file_lines(data: Mapping[str, Any], path: Path, run: str, missing: Missing) -> Iterator[Line]:
    info, domain = data["info"], domain_of(path, data)
    agent, user = info.get("agent_info") or {}, info.get("user_info") or {}
    simulations = list(simulations_of(data, path))
    starts = [start for _, _, one in simulations if (start := moment(one.get("start_time"))) is not None]
    origin = min(starts, default=0.0)
    context: Fields = {"domain": domain, "run": run}
    yield Line(origin, "run_start", None, {
        "schema": SCHEMA_VERSION, "tau2_version": f"tau2 at {str(info.get('git_commit') or 'an unknown commit')[:12]}",
        "agent": agent.get("implementation"), "user": user.get("implementation"), "agent_llm": agent.get("llm"),
        "user_llm": user.get("llm"), "seed": info.get("seed"), "simulations": len(simulations), "recorded_from": path.name, **context,
    })  # fmt: skip
    histories = {str(task["id"]): history_length(task) for task in data["tasks"]}
    models = {"assistant": agent.get("llm"), "user": user.get("llm")}
    found: list[Line] = []
    for number, (task, trial, simulation) in enumerate(simulations):
        talk = _Talk({**context, "trial": trial}, task, f"r{number:x}x", models, origin, missing)
        _tell(talk, simulation, histories.get(task, 0))
        found += talk.lines
    yield from sorted(found, key=lambda line: line.at_s)
    ends = [line for line in found if line.type == "task_end"]
    rewards = [float(str(line.fields["reward"])) for line in ends if line.fields.get("reward") is not None]
    last = max((line.at_s for line in ends), default=origin)
    yield Line(last, "run_end", None, {
        "start_ms": 0.0, "duration_ms": (last - origin) * 1000, "simulations": len(ends), "ok": len(ends), "errors": 0, "timeouts": 0,
        "pending": 0, "mean_reward": sum(rewards) / len(rewards) if rewards else None, **context,
    })  # fmt: skip


def _tell(talk: _Talk, simulation: Mapping[str, Any], history: int) -> None:
    messages = list(flat(simulation.get("messages") or ()))
    times = (moment(text) for text in (simulation.get("start_time"), *(message.get("timestamp") for message in messages)))
    began = next((time for time in times if time is not None), talk.origin_s)
    talk.add("task_start", began, {"start_ms": (began - talk.origin_s) * 1000, "seed": simulation.get("seed")})
    talk.missing.counts["messages"] += not messages
    _messages(talk, messages[history:], began)
    duration_s = float(simulation.get("duration") or 0.0)
    reward = simulation.get("reward_info") or {}
    spent = {name: talk.spent[name] for name in ("llm_ms", "user_ms", "tool_ms")}
    cost = None if talk.unpriced or not messages else talk.usd["all"]
    talk.add("task_end", began + duration_s, {
        "status": "ok", "reward": reward.get("reward"), "termination": simulation.get("termination_reason"),
        "stop_token": _stop_token(simulation, messages), "start_ms": (began - talk.origin_s) * 1000, "duration_ms": duration_s * 1000,
        **spent, "other_ms": max(duration_s * 1000 - sum(spent.values()), 0.0) if messages else None,
        **{name: talk.sums[name] for name in ("llm_calls", "user_calls", "tool_calls", "tool_errors")},
        **{name: talk.sums.get(name) for name in ("input_tokens", "output_tokens", "cached_tokens")},
        "cost_usd": cost, "agent_cost_usd": None if cost is None else talk.usd["agent"],
    })  # fmt: skip


def _stop_token(simulation: Mapping[str, Any], messages: Sequence[Message]) -> str | None:
    if simulation.get("termination_reason") != "user_stop":
        return None
    text = next((str(message.get("content")) for message in reversed(messages) if message.get("role") == "user"), "")
    return next((name for token, name in _STOPS.items() if token in text), None)


def _messages(talk: _Talk, messages: Iterable[Message], began: float) -> None:
    before: float | None = began
    names: dict[str, str] = {}
    for number, message in enumerate(messages):
        now = moment(message.get("timestamp"))
        talk.missing.counts["timestamp"] += now is None
        names.update({str(call.get("id")): str(call.get("name")) for call in message.get("tool_calls") or ()})
        if message.get("role") == "tool":
            _tool(talk, message, names.get(str(message.get("id")), "unknown"), now, before, f"t{number:x}")
        elif not (number == 0 and _is_greeting(message)):
            _reply(talk, message, now, before, f"c{number:x}")
        before = now if now is not None else before


def _is_greeting(message: Message) -> bool:
    """tau2 itself says the agent's first sentence."""
    asked = message.get("usage") or message.get("cost") or message.get("generation_time_seconds") or message.get("tool_calls")
    return message.get("role") == "assistant" and not asked


def _timed(talk: _Talk, now: float | None, before: float | None, took_ms: float | None) -> tuple[Fields, float]:
    """Start and length of what ended `now`, as fields; and the length, 0 where it is not known."""
    if now is None:
        return {}, 0.0
    since_ms = None if before is None else max(0.0, (now - before) * 1000)
    duration_ms = since_ms if took_ms is None else took_ms
    start_ms = (now - talk.origin_s) * 1000 - (duration_ms or 0.0)
    fields: Fields = {"start_ms": start_ms, "duration_ms": duration_ms, "timing": GAP if took_ms is None else MEASURED}
    return fields, duration_ms or 0.0


def _tool(talk: _Talk, message: Message, name: str, now: float | None, before: float | None, number: str) -> None:
    failed = bool(message.get("error"))
    timed, took_ms = _timed(talk, now, before, None)
    talk.spent["tool_ms"] += took_ms
    talk.sums.update(tool_calls=1, tool_errors=int(failed))
    about = {"function": name, "call_type": "local_function", "requestor": message.get("requestor") or "assistant"}
    talk.add("tool_call", now or before or talk.origin_s, {
        **about, **timed, "error": failed, "error_type": "ToolError" if failed else None,
    }, number)  # fmt: skip


def _reply(talk: _Talk, message: Message, now: float | None, before: float | None, number: str) -> None:
    is_user = message.get("role") == "user"
    generation_s = message.get("generation_time_seconds")
    timed, took_ms = _timed(talk, now, before, None if generation_s is None else float(generation_s) * 1000)
    tokens, cost = _tokens(message), _cost(message)
    talk.missing.calls += 1
    talk.missing.counts.update(generation_time=int(generation_s is None), usage=int(not tokens), cost=int(cost is None))
    talk.spent["user_ms" if is_user else "llm_ms"] += took_ms
    talk.sums.update({"user_calls" if is_user else "llm_calls": 1, **tokens})
    talk.unpriced |= cost is None
    for whose in ("all", "user" if is_user else "agent"):
        talk.usd[whose] += cost or 0.0
    talk.add("user_sim" if is_user else "llm_call", now or before or talk.origin_s, {
        "model": talk.models["user" if is_user else "assistant"], "has_tool_calls": bool(message.get("tool_calls")), **timed, **tokens,
        "finish_reason": _mapping(message.get("raw_data")).get("finish_reason"), "cost_usd": cost, "error": False,
    }, number)  # fmt: skip


def _tokens(message: Message) -> dict[str, int]:
    usage = _mapping(message.get("usage"))
    given = {
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
        "cached_tokens": _mapping(usage.get("prompt_tokens_details")).get("cached_tokens"),
    }
    return {name: int(value) for name, value in given.items() if value is not None}


def _mapping(value: object) -> Message:
    return value if isinstance(value, Mapping) else {}


def _cost(message: Message) -> float | None:
    """USD; None where tau2 did not know the price. It writes 0 then, which a model of ours that costs nothing has, too."""
    cost = message.get("cost")
    return float(cost) if cost else None
