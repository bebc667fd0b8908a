"""A live tool call in detail, and what it did to the databases: made into structured events before and after the clock runs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tau2_logging.events.argument_size import as_text
from tau2_logging.events.difference import changed_records, summary
from tau2_logging.events.secrets.masking import has_sign, is_secret_name, may_hold_secret
from tau2_logging.events.structured import StateChangeEvent, StateSnapshot, ToolExecutionEvent
from tau2_logging.logger.content.argument_shape import Signature, copied
from tau2_logging.logger.content.call_fields import CallFields
from tau2_logging.logger.content.result_fields import result_fields
from tau2_logging.logger.content.sensitive import NONE, SECRETS, masked, masked_text
from tau2_logging.logger.event_writer import EventWriter, StructuredFields
from tau2_logging.logger.operation import Operation
from tau2_logging.logger.simulation import Simulation
from tau2_logging.logger.state_watch import DatabaseChange, DatabaseSnapshot, Hash, StateWatch

START, END, ERROR, WRITE = "start", "end", "error", "write"
"""Moments of a snapshot."""


@dataclass(frozen=True)
class ToolCallDetails:
    """What is known of a call before it is made. The arguments are a copy: the tool may change its own."""

    environment: Any
    call_id: str | None
    tool: _Tool
    name: str
    requestor: str
    arguments: Mapping[str, Any]

    def fields(self, masking: str) -> Mapping[str, Any]:
        """Return those of ToolExecutionEvent that say what was asked for."""
        return {
            "tool": masked_text(self.name, masking),
            "tool_type": self.tool.kind,
            "requestor": self.requestor,
            **self.tool.fields.of(self.arguments, masking),
        }


class ToolDetails:
    """Makes the structured events of tool calls. Nothing of it runs while a call is measured.

    `watch` looks at the databases; without it no state is examined. `thorough`: a snapshot after each write tool too, and a look at the end
    whether anything has changed that no write tool did (a tool that tau2 was told only reads).
    """

    def __init__(self, watch: StateWatch | None = None, thorough: bool = False) -> None:
        self._watch = watch
        self._thorough = thorough
        self._tools: dict[tuple[type, str], _Tool] = {}
        self._no_tool = _Tool()

    def before(self, simulation: Simulation, environment: Any, message: Any) -> ToolCallDetails | None:
        """Look at a call that is about to be made. None if nobody wants to know."""
        if not simulation.logger.wants_structured:
            return None
        name, requestor = str(message.name), str(message.requestor)
        tool = self._tool(environment, name, requestor)
        if tool.writes and self._watch is not None:
            self._watch.before(environment)
        call_id = getattr(message, "id", None) or None
        return ToolCallDetails(environment, call_id, tool, name, requestor, copied(message.arguments))

    def after(self, call: ToolCallDetails, operation: Operation, error_type: str | None, result: Any) -> None:
        """Write a call that has been made; `error_type` is None if it went well."""
        simulation, text = operation.simulation, "" if result is None else str(result)
        watch = self._watch if call.tool.writes else None
        changes = watch.after(call.environment) if watch is not None else None
        state_changed = bool(changes) if changes is not None else None
        simulation.structured_by(
            partial(_call_made, call, operation, error_type, text, state_changed, simulation.tool_fault), operation.span
        )
        for change in changes or ():
            _write_change(simulation, change, call, operation.span)
        if error_type is not None:
            self.snapshot(simulation, call.environment, ERROR, operation.span)
        elif watch is not None and self._thorough:
            self.snapshot(simulation, call.environment, WRITE, operation.span)

    def start(self, simulation: Simulation, environment: Any) -> None:
        """Remember the state that a simulation starts with, and write it."""
        if simulation.logger.wants_structured and self._watch is not None:
            self._watch.start(environment)
            self.snapshot(simulation, environment, START)

    def end(self, simulation: Simulation, environment: Any) -> None:
        """Write the state a simulation ends with, and before it what differs though no write tool was called (if asked for)."""
        if simulation.logger.wants_structured and self._watch is not None:
            for change in self._watch.unnoticed(environment) if self._thorough else ():
                _write_change(simulation, change, None, None)
            self.snapshot(simulation, environment, END)

    def snapshot(self, simulation: Simulation, environment: Any, moment: str, span: str | None = None) -> None:
        """Write the state as it is known."""
        if simulation.logger.wants_structured and self._watch is not None:
            simulation.structured_by(partial(_snapshot_made, moment, self._watch.databases(environment), simulation.logger), span)

    def _tool(self, environment: Any, name: str, requestor: str) -> _Tool:
        """Return what is known of a tool. tau2 lists all tools of a toolkit to find one, so it is asked only once."""
        toolkit = toolkit_of(environment, name, requestor)
        method = getattr(toolkit, name, None)
        function = getattr(method, "__func__", method)
        known = self._tools.get((type(toolkit), name))
        if known is not None and known.function is function:
            return known
        if toolkit is None or not toolkit.has_tool(name):
            return self._no_tool
        known = self._tools[type(toolkit), name] = _learn(toolkit, name, method, function)
        return known


@dataclass(frozen=True)
class _Tool:
    """A tool's function, what tau2 says it does, whether it may change a database, and what looks at its arguments."""

    function: Any = None
    kind: str | None = None
    writes: bool = False
    fields: CallFields = field(default_factory=CallFields)


def _learn(toolkit: Any, name: str, method: Any, function: Any) -> _Tool:
    """tau2 v1 says of some tools that are not for writing that they do change the state (`mutates_state`)."""
    tool_type = toolkit.tool_type(name)
    kind = str(getattr(tool_type, "value", tool_type))
    mutates = getattr(toolkit, "tool_mutates_state", None)
    schema = importlib.import_module("tau2.environment.tool").as_tool(method).openai_schema["function"]["parameters"]
    return _Tool(function, kind, kind == "write" or (mutates is not None and bool(mutates(name))), CallFields(Signature(schema)))


def toolkit_of(environment: Any, name: str, requestor: str) -> Any:
    """Return where tau2 looks for a tool: in solo mode the agent holds the user's tools too."""
    if requestor == "user":
        return environment.user_tools
    user_tools = environment.user_tools if environment.solo_mode else None
    return user_tools if user_tools is not None and user_tools.has_tool(name) else environment.tools


def _call_made(
    call: ToolCallDetails, operation: Operation, error_type: str | None, text: str, state_changed: bool | None, injected: str | None
) -> list[StructuredFields]:
    logger = operation.simulation.logger
    fields = {
        "step": operation.step,
        "call_id": call.call_id,
        **call.fields(logger.masking),
        "success": error_type is None,
        "error_type": error_type,
        **result_fields(text, error_type is not None, logger.masking),
        "start_ms": round(logger.since_start_ms(operation.started_ns), 3),
        "duration_ms": round(operation.duration_ms or 0.0, 3),
        "state_changed": state_changed,
        "injected": injected,
    }
    return [(ToolExecutionEvent, fields)]


def _write_change(simulation: Simulation, change: DatabaseChange, call: ToolCallDetails | None, span: str | None) -> None:
    masking = simulation.logger.masking
    fields = {
        "tool": masked_text(call.name, masking) if call is not None else None,
        "requestor": call.requestor if call is not None else None,
        "database": change.database,
        "changed_records": changed_records(change.changes),
        "summary": masked_text(summary(change.changes), masking),
    }
    call_id = call.call_id if call is not None else None
    simulation.structured_by(partial(_change_made, change, {"call_id": call_id, **fields}, simulation.logger), span)
    line = {"step": simulation.step, "function": fields.pop("tool"), **fields}
    simulation.emit("state_change", line, span=simulation.logger.new_span(), parent=span or simulation.span)


def _change_made(change: DatabaseChange, fields: dict[str, Any], logger: EventWriter) -> list[StructuredFields]:
    masking = logger.masking
    changes = change.changes if masking == NONE else tuple(_masked_change(item, masking) for item in change.changes)
    hashes = {"pre_hash": _made_hash(change.pre_hash, logger), "post_hash": _made_hash(change.post_hash, logger)}
    return [(StateChangeEvent, {**fields, "changes": changes, **hashes})]


def _snapshot_made(moment: str, databases: DatabaseSnapshot, logger: EventWriter) -> list[StructuredFields]:
    hashes = {"agent_hash": _made_hash(databases.agent_hash, logger), "user_hash": _made_hash(databases.user_hash, logger)}
    return [(StateSnapshot, {"moment": moment, **vars(databases), **hashes})]


def _made_hash(hash_: Hash | None, logger: EventWriter) -> str | None:
    """None if there is none, or it cannot be made: the event is worth writing without."""
    return hash_ if hash_ is None or isinstance(hash_, str) else logger.attempt(hash_)


def _is_plain(value: Any) -> bool:
    """Return whether a value cannot hold a credential."""
    if value is None or isinstance(value, int | float):
        return True
    return not has_sign(value) if isinstance(value, str) else not may_hold_secret(as_text(value))


def _masked_change(change: Any, masking: str) -> Any:
    """Return a change with its values masked; the same object if nothing was."""
    name = change.path.rpartition("/")[2]
    if masking == SECRETS and _is_plain(change.before) and _is_plain(change.after) and not is_secret_name(name):
        return change
    before, after = (masked({name: value}, masking)[name] for value in (change.before, change.after))
    return change if (before, after) == (change.before, change.after) else type(change)(change.path, change.kind, before, after)
