"""A recorded simulation while its messages are gone through: the lines of its log, what it used, and what was not recorded of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from tau2_logging.analysis.store.file_counts import Rejected
from tau2_logging.analysis.tables.lanes import pack
from tau2_logging.events import MODEL_CALL_TYPES, SCHEMA_VERSION, level_of
from tau2_logging.events.codec import encode_parts
from tau2_logging.events.roles import AGENT_SIDE_TYPES, CALL_COUNTERS, ROLES, TOKEN_FIELDS

MEASURED, GAP = "measured", "gap"
NEVER_HELD = "time to first token, queueing, retries, evaluation and setup"

Fields = dict[str, object]

_COUNTED = {type_: counter for type_, counter in CALL_COUNTERS.items() if type_ not in ("expert_call", "embedding_call")}
"""No recording tells of experts and embedding models: their number and time are unknown."""
_SPENT = {role.event: role.exclusive_ms for role in ROLES if role.event in _COUNTED}
_TEXTS = {
    "generation_time": "model calls have no time of their own: what is shown is the time since the previous message, an upper bound",
    "duration": "simulations whose length is not known: the file has none, or the same start and end for all",
    "timestamp": "messages without a time: they are not in the latencies",
    "usage": "model calls without token counts",
    "cost": "model calls without a known price (tau2 writes 0 then): their cost is unknown, or taken from the price table",
    "error": "tool results that do not say whether they are errors: those that start with 'Error: ', like tau2's, count as errors",
    "spoken": "voice simulations: model calls of the agent, and how long tools and transcription took, are not recorded",
    "speech": "voice simulations whose ticks do not say how long they are, or who speaks: nothing is known of their turn taking",
    "trimmed": "voice simulations whose ticks hold no tool calls: they were taken out, and how many there were is not known",
    "local_cache": "answers from Inspect's local cache: they are not model calls and are in no figure",
    "model_usage": "samples whose calls do not add up to the tokens of Inspect's own model_usage",
    "messages": "simulations without messages, or ticks that hold tool calls: only how they ended is known",
    "task": "simulations were checked against reference actions of another task than the one they name: tasks and simulations are mixed up "
    "in this file, and its task numbers do not say which scenario was played",
}


@dataclass
class Missing:
    """What could have been recorded and was not, counted."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: list[Rejected] = field(default_factory=list)
    """Simulations that could not be read."""

    by_run: dict[str, Missing] = field(default_factory=dict)

    def add(self, run: str, own: Missing) -> None:
        """Add what a file does not hold."""
        self.counts += own.counts
        self.refused += own.refused
        self.by_run[run] = own

    def sentences(self) -> list[str]:
        """For the user: what there is no figure of, and what the figures rest on."""
        counted = [self._sentence(name) for name in _TEXTS if self.counts[name]]
        return [f"not in these files: {NEVER_HELD}", *counted]

    def doubts(self) -> list[str]:
        """Return those of the sentences that say why figures may be wrong."""
        return [self._sentence(name) for name in ("task",) if self.counts[name]]

    def _sentence(self, name: str) -> str:
        return f"{self.counts[name]:,} {_TEXTS[name]}"


@dataclass(frozen=True)
class LogLine:
    """A line of the log that is being made; `at_s` is its wall time (seconds since 1970), by which lines are put in order."""

    at_s: float
    type: str
    task: str | None
    fields: Fields
    thread: int = 0

    def text(self) -> str:
        """As it is in the log, without the newline."""
        time = datetime.fromtimestamp(self.at_s).isoformat(sep=" ", timespec="milliseconds")
        return encode_parts(level_of(self.type, self.fields), time, self.task, self.thread, self.type, self.fields)


@dataclass
class RecordedSimulation:
    """One simulation. `context`: domain, run and trial; `span` is unique in the run; `origin_s`: when the run started (s since 1970)."""

    context: Fields
    task: str
    span: str
    origin_s: float
    lines: list[LogLine] = field(default_factory=list)
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    untimed: set[str] = field(default_factory=set)
    """Exclusive times that are not known, since a call of theirs has no length."""

    sums: Counter[str] = field(default_factory=Counter)
    usd: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    unpriced: bool = False
    began_s: float = 0.0

    def begin(self, at_s: float, seed: object, task_hash: str | None = None, required: int | None = None) -> None:
        """task_start; `required`: how many documents the task requires."""
        self.began_s = at_s
        fields: Fields = {"start_ms": (at_s - self.origin_s) * 1000, "seed": seed, "task_hash": task_hash, "required": required}
        self._add("task_start", at_s, fields, "")

    def search(self, at_s: float, duration_ms: float | None, timing: str | None, tool: Fields, found: Fields) -> None:
        """A tool call that searched documents, and its retrieval_call, which all of its time is counted as."""
        self.call("tool_call", at_s, None if timing is None else 0.0, timing, tool)
        span = self.lines[-1].fields["span"]
        same = {name: tool[name] for name in ("function", "error", "error_type")}
        self.call("retrieval_call", at_s, duration_ms, timing, {**same, **found}, span)

    def call(self, type_: str, at_s: float, duration_ms: float | None, timing: str | None, fields: Fields, within: object = None) -> None:
        """A call that ended at `at_s`; `timing` says how its duration is known (None: it is not), `fields` the rest of its event, `within`
        the span that it is part of, if it is not the simulation's."""
        timed: Fields = {}
        if timing is not None:
            timed = {"start_ms": (at_s - self.origin_s) * 1000 - (duration_ms or 0.0), "duration_ms": duration_ms, "timing": timing}
        if duration_ms is None:
            self.untimed.add(_SPENT[type_])
        self.spent[_SPENT[type_]] += duration_ms or 0.0
        self._count(type_, fields)
        self._add(type_, at_s, {**timed, **fields}, f"c{len(self.lines):x}", within)

    def event(self, type_: str, at_s: float, fields: Fields) -> None:
        """Add an event that is no call."""
        self._add(type_, at_s, fields, f"c{len(self.lines):x}")

    def _count(self, type_: str, fields: Fields) -> None:
        self.sums[_COUNTED[type_]] += 1
        if type_ not in MODEL_CALL_TYPES:
            self.sums["tool_errors"] += type_ == "tool_call" and fields["error"] is True
            return
        self.sums["llm_errors"] += fields["error"] is True
        for name in TOKEN_FIELDS:
            if isinstance(value := fields.get(name), int):
                self.sums[name] += value
        cost = fields.get("cost_usd")
        if not isinstance(cost, float):
            self.unpriced = True
            return
        self.usd["all"] += cost
        self.usd["agent"] += cost if type_ in AGENT_SIDE_TYPES else 0.0

    def end(self, duration_s: float | None, told: bool, fields: Fields) -> None:
        """task_end; `told`: its messages are there, so that what is not the calls' time is tau2's own. A length of None is not known."""
        cost = None if self.unpriced or not told else self.usd["all"]
        unknown = self.untimed if self.sums["judge_calls"] else {*self.untimed, "judge_ms"}
        spent = {name: self.spent[name] for name in _SPENT.values() if name not in unknown} if told else {}
        took_ms = None if duration_s is None else duration_s * 1000
        other_ms = max(took_ms - sum(spent.values()), 0.0) if told and not self.untimed and took_ms is not None else None
        self._add("task_end", self.began_s + (duration_s or 0.0), {
            "start_ms": (self.began_s - self.origin_s) * 1000, "duration_ms": took_ms,
            **spent, "other_ms": other_ms,
            **{name: self.sums[name] for name in (*_COUNTED.values(), "tool_errors", "llm_errors") if told},
            **{name: self.sums.get(name) for name in TOKEN_FIELDS},
            "cost_usd": cost, "agent_cost_usd": None if cost is None else self.usd["agent"], **fields,
        }, "")  # fmt: skip

    def _add(self, type_: str, at_s: float, fields: Fields, number: str, within: object = None) -> None:
        span = {"span": f"{self.span}{number}", "parent": (within or self.span) if number else None}
        self.lines.append(LogLine(at_s, type_, self.task, {**fields, **self.context, **span}))


def run_lines(recordings: Iterable[RecordedSimulation], origin_s: float, about: Fields, context: Fields) -> Iterator[LogLine]:
    """Yield the lines of a run: run_start with `about`, those of its simulations in the order of time, run_end.

    Nobody recorded which worker ran a simulation. Threads are numbered as a pool would have used them, with no more than were busy at
    once.
    """
    told = list(recordings)
    slots = pack((recorded.lines[0].at_s for recorded in told), (recorded.lines[-1].at_s for recorded in told))
    found = [replace(line, thread=slot + 1) for recorded, slot in zip(told, slots, strict=True) for line in recorded.lines]
    found.sort(key=lambda line: line.at_s)
    ends = [line for line in found if line.type == "task_end"]
    failed = sum(line.fields.get("status") == "error" for line in ends)
    rewards = [float(reward) for line in ends if isinstance(reward := line.fields.get("reward"), int | float)]
    last = max((line.at_s for line in ends), default=origin_s)
    took_ms = None if any(line.fields["duration_ms"] is None for line in ends) else (last - origin_s) * 1000
    yield LogLine(origin_s, "run_start", None, {"schema": SCHEMA_VERSION, "simulations": len(ends), **about, **context})
    yield from found
    yield LogLine(last, "run_end", None, {
        "start_ms": 0.0, "duration_ms": took_ms, "simulations": len(ends), "ok": len(ends) - failed, "errors": failed,
        "timeouts": 0, "pending": 0, "mean_reward": sum(rewards) / len(rewards) if rewards else None, **context,
    })  # fmt: skip


def note_call(missing: Missing, type_: str, timing: str | None, fields: Fields) -> None:
    """Count what is not known of a call."""
    missing.counts["timestamp"] += timing is None
    if type_ in MODEL_CALL_TYPES:
        has_usage = fields.get("input_tokens") is not None
        missing.counts.update(
            generation_time=int(timing == GAP), usage=int(not has_usage), cost=int(not isinstance(fields.get("cost_usd"), float))
        )
