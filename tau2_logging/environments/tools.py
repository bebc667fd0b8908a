"""What tau2 derives from a tool's signature, derived once.

tau2 makes two pydantic models for each tool of each environment, and the JSON schema of every tool for every model call: in telecom that
is two thirds of a simulation's CPU. Both depend on the function alone. The models are classes and can be shared; a schema is handed out
as a fresh copy each time, because it is the caller's to change.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Mapping
from typing import Any

_KEPT = 4096


class FastTools:
    """Install to have tools' models and schemas made once; uninstall to have tau2's way back."""

    def __init__(self) -> None:
        self._parsed: dict[Any, dict[str, Any]] = {}
        self._schemas: dict[Any, bytes] = {}
        self._before: list[tuple[type, str, Any]] = []

    def install(self) -> None:
        """Wrap tau2's Tool. Idempotent."""
        if self._before:
            return
        tool = importlib.import_module("tau2.environment.tool").Tool
        parse, schema = tool.__dict__["parse_data"], tool.__dict__["openai_schema"]
        self._before = [(tool, "parse_data", parse), (tool, "openai_schema", schema)]

        def parse_data(cls: type, sig: Any, docstring: str | None, predefined: Mapping[str, Any]) -> dict[str, Any]:
            return self._parse(cls, sig, docstring, predefined, parse.__func__)

        def openai_schema(self_: Any) -> Any:
            return self._schema(self_, schema.fget)

        tool.parse_data = classmethod(parse_data)
        tool.openai_schema = property(openai_schema, doc=schema.__doc__)

    def uninstall(self) -> None:
        """Take the wrappers off."""
        for owner, name, original in self._before:
            setattr(owner, name, original)
        self._before = []

    def _parse(self, cls: type, sig: Any, docstring: str | None, predefined: Mapping[str, Any], parse: Any) -> dict[str, Any]:
        try:
            key = (cls, sig, docstring, frozenset(predefined))
            known = self._parsed.get(key)
        except TypeError:  # a default that cannot be hashed
            return dict(parse(cls, sig, docstring, predefined))
        if known is None:
            known = parse(cls, sig, docstring, predefined)
            if len(self._parsed) < _KEPT:
                self._parsed[key] = known
        return {name: list(value) if isinstance(value, list) else value for name, value in known.items()}

    def _schema(self, tool: Any, schema: Any) -> Any:
        key = (tool.params, tool.name, tool.short_desc, tool.long_desc, tool._use_short_desc)
        known = self._schemas.get(key)
        if known is None:
            made = schema(tool)
            if len(self._schemas) < _KEPT:
                self._schemas[key] = pickle.dumps(made, protocol=pickle.HIGHEST_PROTOCOL)
            return made
        return pickle.loads(known)
