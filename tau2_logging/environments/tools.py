"""What tau2 derives from a tool's signature, derived once.

tau2 makes two pydantic models for each tool of each environment, and the JSON schema of every tool for every model call: in telecom that
is two thirds of a simulation's CPU. Both depend on the function alone. The models are classes and can be shared; a schema is handed out
as a fresh copy each time, because it is the caller's to change.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

_KEPT = 4096


class FastTools:
    """Makes tools' models and schemas once (see `substitutes`)."""

    def __init__(self) -> None:
        self._parsed: dict[Any, dict[str, Any]] = {}
        self._schemas: dict[Any, bytes] = {}

    def parsed(self, kind: type, signature: Any, docstring: str | None, predefined: Mapping[str, Any], own: Any) -> dict[str, Any]:
        """Return the fields of a tool, in containers of the caller's own; `own` derives them as tau2 does."""
        try:
            key = (kind, signature, docstring, frozenset(predefined))
            known = self._parsed.get(key)
        except TypeError:  # a default that cannot be hashed
            return dict(own(kind, signature, docstring, predefined))
        if known is None:
            known = own(kind, signature, docstring, predefined)
            if len(self._parsed) < _KEPT:
                self._parsed[key] = known
        return {name: list(value) if isinstance(value, list) else value for name, value in known.items()}

    def schema(self, tool: Any, own: Callable[[Any], Any]) -> Any:
        """Return a copy of a tool's schema; `own` makes it as tau2 does."""
        key = (tool.params, tool.name, tool.short_desc, tool.long_desc, tool._use_short_desc)
        known = self._schemas.get(key)
        if known is None:
            made = own(tool)
            if len(self._schemas) < _KEPT:
                self._schemas[key] = pickle.dumps(made, protocol=pickle.HIGHEST_PROTOCOL)
            return made
        return pickle.loads(known)
