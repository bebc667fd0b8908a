"""Structured events: tool calls and their effects, database changes, shortened prompts, corrections.

One class per kind. The fields of the classes and their sentences are the one table from which the writer, the reader (`jsonl`) and
docs/events_jsonl.md are made. Values are JSON values; a field that is not known here is kept in `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")

EVENTS_SCHEMA = 1
"""Version of the structured events. It is raised if a reader of the old ones would misread the new ones."""


def _row(doc: str, default: Any, of: type | None = None) -> Any:
    """Return a field with its sentence; `of` is the class of the items of a list."""
    metadata = {"doc": doc, "of": of}
    return field(default_factory=dict, metadata=metadata) if default is dict else field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Sensitive:
    """An argument that holds something sensitive: its `name` (a path if it is nested) and the `kind` of what it holds."""

    name: str
    kind: str


@dataclass(frozen=True)
class Change:
    """One difference between two states of a database: its path, its kind (changed, added, removed), the values before and after.

    `path` has a step for each level, separated by `/`: a key, the position in a list, or `id_field=value` for a record in a list of
    records (see `difference`). `before` is None for a value that was added, `after` for one that was removed.
    """

    path: str
    kind: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, kw_only=True)
class StructuredEvent:
    """The fields of every structured event: which run, simulation and operation it belongs to."""

    schema: int = _row("version of the structured events", EVENTS_SCHEMA)
    type: str = _row("kind of event", "")
    time: str = _row("local wall time, `YYYY-MM-DDTHH:MM:SS.mmm`", "")
    run: str | None = _row("id of the run", None)
    host: str | None = _row("machine of the worker, if simulations run in worker processes", None)
    worker: str | None = _row("the worker process", None)
    domain: str | None = _row("tau2 domain of the simulation", None)
    task: str | None = _row("id of the task", None)
    trial: int | None = _row("0-based trial of the task", None)
    step: int | None = _row("orchestrator step, 0-based", None)
    span: str | None = _row("span of the operation, the same as in the log", None)
    call_id: str | None = _row("id of the tool call, the same as in tau2's messages", None)
    phase: str | None = _row("phase of the simulation: always `live`, because the evaluator's repetitions are not recorded", None)
    extra: Mapping[str, Any] = _row("fields that this version does not know, as they were read", dict)


@dataclass(frozen=True, kw_only=True)
class ToolExecutionEvent(StructuredEvent):
    """A live tool execution, the agent's or the user's: the arguments, checked against the tool's signature, and the result."""

    type: str = _row("`tool_execution`", "tool_execution")
    tool: str = _row("name of the tool, as the model wrote it", "")
    tool_type: str | None = _row("kind of the tool in tau2: read, write, think or generic; null for a tool that does not exist", None)
    requestor: str = _row("who asked for the tool: assistant or user", "assistant")
    arguments: Mapping[str, Any] = _row("the arguments, masked", dict)
    argument_count: int = _row("number of arguments", 0)
    argument_bytes: int = _row("length of the arguments as JSON, in bytes", 0)
    argument_types: Mapping[str, str] = _row("JSON type of each argument: object, array, string, integer, number, boolean, null", dict)
    complexity: float = _row("0..1: mean of n/(n+5), d/(d+3), b/(b+500) for n leaf values, d levels below the top, b bytes of JSON", 0.0)
    large: bool = _row("the arguments take more than 2,000 bytes of JSON", False)
    has_file: bool = _row(
        "an argument looks like a file: a word of its name (file, image, ...) or its value (`data:`, a path with an extension)", False
    )
    required_given: tuple[str, ...] = _row("required arguments that were given", ())
    optional_given: tuple[str, ...] = _row("optional arguments that were given", ())
    missing: tuple[str, ...] = _row("required arguments that were not given", ())
    unexpected: tuple[str, ...] = _row("arguments the tool does not have", ())
    wrong_type: tuple[str, ...] = _row("arguments, or parts of them, whose JSON type is not the signature's", ())
    outside_enum: tuple[str, ...] = _row("arguments, or parts of them, whose value is not among those the signature allows", ())
    sensitive: tuple[Sensitive, ...] = _row("arguments that hold something sensitive, masked or not: {name, kind}", (), Sensitive)
    success: bool = _row("the tool returned no error", True)
    error_type: str | None = _row("class of the tool's exception", None)
    error_message: str | None = _row("error text that the model was sent, masked, shortened", None)
    result_bytes: int = _row("length of the result, in bytes", 0)
    result_type: str | None = _row("kind of the result: object, array, number, boolean, null, text or empty", None)
    result_preview: str | None = _row("the first 200 characters of the result, masked", None)
    start_ms: float | None = _row("start of the execution, in ms since the run began", None)
    duration_ms: float | None = _row("length of the execution in ms, the same as in the log", None)
    state_changed: bool | None = _row(
        "the call changed a database; null if not examined (only tools that tau2 marks as write tools are)", None
    )
    injected: str | None = _row("fault that the tool committed on purpose (`--tool-faults`): error, timeout, stale, empty, slow", None)


@dataclass(frozen=True, kw_only=True)
class StateChangeEvent(StructuredEvent):
    """The changes that a write tool made to one database, record by record. `apply_changes` turns the state before into the state after."""

    type: str = _row("`state_change`", "state_change")
    tool: str | None = _row(
        "the tool that made the change; null for one found at the end (`--snapshot-writes`) that no write tool made", None
    )
    requestor: str | None = _row("who asked for the tool: assistant or user", None)
    database: str = _row("whose database: agent or user", "agent")
    changes: tuple[Change, ...] = _row("the changes: path, kind (changed, added, removed), before, after", (), Change)
    changed_records: int = _row("number of records that changed", 0)
    summary: str = _row("the changes in words, shortened", "")
    pre_hash: str | None = _row("tau2's hash of the database before", None)
    post_hash: str | None = _row("tau2's hash of the database after", None)


@dataclass(frozen=True, kw_only=True)
class StateSnapshot(StructuredEvent):
    """The databases at one moment: tau2's hash and the number of records. The hash is computed again only after a write tool."""

    type: str = _row("`state_snapshot`", "state_snapshot")
    moment: str = _row("start (before the first step), end (before the evaluation), error (after a failed call or step), write", "start")
    agent_hash: str | None = _row("tau2's hash of the agent's database", None)
    user_hash: str | None = _row("tau2's hash of the user's database; null if there is none", None)
    agent_records: Mapping[str, int] = _row("number of records of each collection of the agent's database", dict)
    user_records: Mapping[str, int] = _row("the same for the user's database", dict)


@dataclass(frozen=True, kw_only=True)
class ContextReductionEvent(StructuredEvent):
    """An agent shortened its prompt before sending it."""

    type: str = _row("`context_reduction`", "context_reduction")
    strategy: str = _row("what was done: results (old tool results shortened), summary (old turns folded), window (old turns dropped)", "")
    tokens_before: int = _row("tokens of the prompt as it would have been sent, system prompt and tool schemas included", 0)
    tokens_after: int = _row("tokens of the prompt that was sent", 0)
    limit: int = _row("the limit in tokens", 0)
    messages_before: int = _row("messages before", 0)
    messages_after: int = _row("messages after", 0)
    removed: tuple[Any, ...] = _row("what was removed: a list of {message, role, tool, tokens, kept}; `kept` replaces it", ())


@dataclass(frozen=True, kw_only=True)
class CorrectionEvent(StructuredEvent):
    """An agent detected that its model's reply was wrong; what it told the model, and the outcome."""

    type: str = _row("`correction`", "correction")
    tool: str | None = _row("the tool that the reply called", None)
    problem: str = _row("unknown_tool, invalid_arguments (both before the call was made) or tool_error (returned by the environment)", "")
    detail: str = _row("what the model was told, masked, shortened", "")
    attempt: int = _row("1 for the first wrong reply, 2 for the next one, ...", 1)
    outcome: str = _row("asked_again (the reply was withheld), passed_on (attempts ran out) or told (guidance after a tool error)", "")


def make_event(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return `kind(**values)`, in a third of the time: a frozen class sets its fields one by one, and an event has forty.

    Raises TypeError for a field that the kind does not have, like its constructor.
    """
    blank, dicts = _blank(kind)  # type: ignore[arg-type]
    held = {**blank, **values}
    if len(held) != len(blank):
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(held.keys() - blank.keys()))}")
    held.update({name: {} for name in dicts if name not in values})
    event = object.__new__(kind)
    event.__dict__.update(held)
    return event


@lru_cache(maxsize=32)
def _blank(kind: type[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the default fields of a kind, and the names of those that need a dict of their own in each event."""
    return vars(kind()), tuple(item.name for item in fields(kind) if item.default_factory is dict)


EVENT_CLASSES: tuple[type[StructuredEvent], ...] = (
    ToolExecutionEvent, StateChangeEvent, StateSnapshot, ContextReductionEvent, CorrectionEvent,
)  # fmt: skip
"""Every kind, in the order of the documentation."""


def rows(kind: type[StructuredEvent]) -> tuple[tuple[str, str], ...]:
    """Return (name, sentence) of each field of a kind, in the order of writing."""
    return tuple((item.name, str(item.metadata["doc"])) for item in fields(kind) if item.name != "extra")
