"""Has environments load and hash databases, and derive tool schemas, by cheaper means that are passed in.

tau2's toolkits, databases and tools stay its own classes, MASEval's too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.patching import Function, Patches


class DatabaseSource(Protocol):
    """Loads databases and hashes them."""

    def load(self, kind: type, path: Any, own: Callable[[], Any]) -> Any:
        """Return the database of this class in a file; `own` loads it as the package does."""

    def hash(self, database: Any) -> str | None:
        """Return the package's own hash of a database, None if it is to make it itself."""

    def use_tool(self, toolkit: Any, name: str, arguments: Mapping[str, Any], own: Function) -> Any:
        """Return what a tool answers; `own(toolkit, name, **arguments)` has the package call it."""


class ToolSource(Protocol):
    """Derives what a model is shown of a tool."""

    def parsed(self, kind: type, signature: Any, docstring: str | None, predefined: Mapping[str, Any], own: Function) -> dict[str, Any]:
        """Return the fields of a tool that a function's signature and docstring give; `own` derives them as tau2 does."""

    def schema(self, tool: Any, own: Callable[[Any], Any]) -> Any:
        """Return a tool's JSON schema; `own` makes it as tau2 does."""


_HOMES = {
    "tau2": (("tau2.environment.db", "DB"), ("tau2.environment.toolkit", "ToolKitBase")),
    "maseval": (("maseval.benchmark.tau2.domains.base", "DB"), ("maseval.benchmark.tau2.environment", "Tau2Environment")),
}
"""Package -> the class of its databases, and the class that has one as `db` and is asked for its hash."""


class DatabaseSubstitutes(Instrumentor):
    """Has the databases of a package, `tau2` or `maseval`, come from `databases`."""

    def __init__(self, package: str, databases: DatabaseSource) -> None:
        super().__init__()
        self._package = package
        self._databases = databases

    def wrap(self, patches: Patches) -> None:
        """Wrap how a database is read and hashed; of tau2 also how a tool is used, since a tool may be answered from what is known."""
        database, holder = (getattr(importlib.import_module(module), name) for module, name in _HOMES[self._package])
        patches.method(database, "load", self._load)
        patches.method(database, "get_hash", self._get_hash)
        patches.method(holder, "get_db_hash", self._get_db_hash)
        if self._package == "tau2":
            patches.method(holder, "use_tool", self._use_tool)

    def _load(self, original: Function) -> Function:
        return lambda kind, path: self._databases.load(kind, path, lambda: original(kind, path))

    def _get_hash(self, original: Function) -> Function:
        return lambda database: self._databases.hash(database) or original(database)

    def _get_db_hash(self, original: Function) -> Function:
        return lambda holder: self._databases.hash(holder.db) or original(holder)

    def _use_tool(self, original: Function) -> Function:
        def use_tool(toolkit: Any, tool_name: str, **kwargs: Any) -> Any:
            return self._databases.use_tool(toolkit, tool_name, kwargs, original)

        return use_tool


class ToolSubstitutes(Instrumentor):
    """Has the fields and schemas of tau2's tools come from `tools`."""

    def __init__(self, tools: ToolSource) -> None:
        super().__init__()
        self._tools = tools

    def wrap(self, patches: Patches) -> None:
        """Wrap how a tool's docstring is parsed and its schema made: both are the same for every environment of a domain."""
        tool = importlib.import_module("tau2.environment.tool").Tool
        patches.method(tool, "parse_data", self._parse_data)
        patches.method(tool, "openai_schema", self._openai_schema)

    def _parse_data(self, original: Function) -> Function:
        def parse_data(kind: type, sig: Any, docstring: str | None, predefined: Mapping[str, Any]) -> dict[str, Any]:
            return self._tools.parsed(kind, sig, docstring, predefined, original)

        return parse_data

    def _openai_schema(self, original: Function) -> Function:
        return lambda tool: self._tools.schema(tool, original)
