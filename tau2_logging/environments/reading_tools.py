"""tau2's own reading tools, run on the records of a view without copying them.

Looking for a customer by name or e-mail reads every user of a database, and a view copies each record that it hands out: a hundred times
what the search itself costs, live, in the evaluator's replay and in its reference environment, and again when the database is hashed.

A tool is run so if it is one of tau2's own, marked as reading, and has been seen to answer by text and to change nothing: then no record
leaves it. `FastDatabases.damaged` would still find a shared record that was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tau2_logging.environments.hashing import DatabaseHash
from tau2_logging.environments.records import SharedRecords, with_fields

_OWN_TOOLS = "tau2.domains."
_READ = "read"

_Tool = tuple[type, str]
UseTool = Callable[..., Any]


class ReadingTools:
    """What has been learned of the tools of this process. `known` returns what is known of a view's database, None if it is no view."""

    def __init__(self, known: Callable[[Any], DatabaseHash | None]) -> None:
        self._known = known
        self._by_text: dict[_Tool, bool] = {}

    def use(self, toolkit: Any, name: str, arguments: Mapping[str, Any], use_tool: UseTool) -> Any:
        """Return what `use_tool(toolkit, name, **arguments)` returns or raises."""
        kind = type(toolkit)
        if not kind.__module__.startswith(_OWN_TOOLS):
            return use_tool(toolkit, name, **arguments)
        by_text = self._by_text.get((kind, name))
        if by_text is None:
            return self._learn(toolkit, name, arguments, use_tool)
        if by_text and vars(toolkit).keys() == {"db"}:
            answer = use_tool(_reader(toolkit), name, **arguments)
            if type(answer) is str:
                return answer
            self._by_text[kind, name] = False
        return use_tool(toolkit, name, **arguments)

    def _learn(self, toolkit: Any, name: str, arguments: Mapping[str, Any], use_tool: UseTool) -> Any:
        tool_type = getattr(getattr(type(toolkit), name, None), "__tool_type__", None)
        known = self._known(getattr(toolkit, "db", None))
        if getattr(tool_type, "value", tool_type) != _READ or known is None:
            self._by_text[type(toolkit), name] = False
            return use_tool(toolkit, name, **arguments)
        before = known.difference(toolkit.db)
        answer = use_tool(toolkit, name, **arguments)
        self._by_text[type(toolkit), name] = type(answer) is str and known.difference(toolkit.db) == before
        return answer


def _reader(toolkit: Any) -> Any:
    """Return a toolkit on the same records, which hands them out as they are."""
    reader = object.__new__(type(toolkit))
    fields = {name: dict(dict.items(value)) for name, value in toolkit.db.__dict__.items() if isinstance(value, SharedRecords)}
    reader.db = with_fields(toolkit.db, {**toolkit.db.__dict__, **fields})
    return reader
