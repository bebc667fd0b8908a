"""What can be wrong with a model's tool call, and how it is told: with the reason and the tool's schema at hand."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tau2_logging.logger.content.argument_shape import Check, check_arguments

UNKNOWN_TOOL, INVALID_ARGUMENTS, TOOL_ERROR = "unknown_tool", "invalid_arguments", "tool_error"
MALFORMED_JSON, EMPTY_REPLY = "malformed_json", "empty_reply"

_SIGNATURE = re.compile(
    r"required positional argument|unexpected keyword argument|positional argument|validation error|Tool '.*' not found"
)
_UNKNOWN_ENTITY = re.compile(r"\bnot found\b|\bno such\b|\bdoes not exist\b|\bunknown\b", re.IGNORECASE)


@dataclass(frozen=True)
class Mistake:
    """Something wrong with a call: the kind, and what the model is told."""

    problem: str
    tool: str | None
    told: str


def find_mistake(name: str, arguments: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> Mistake | None:
    """Return what is wrong with a call before it is made, None if nothing is seen. `schemas`: parameters by tool."""
    if name not in schemas:
        close = difflib.get_close_matches(name, schemas, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return Mistake(UNKNOWN_TOOL, name, f"There is no tool {name}.{hint} The tools are: {', '.join(sorted(schemas))}.")
    check = check_arguments(arguments, schemas[name])
    if check.valid:
        return None
    told = f"The call of {name} was not made: {_reasons(check, arguments)}. {_schema_text(name, schemas[name])}"
    return Mistake(INVALID_ARGUMENTS, name, f"{told} Make the call again with all arguments put right.")


def explain_error(name: str | None, error: str, schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what is said beside a tool's error: what kind it is, and what the tool takes if that is what was wrong."""
    schema = schemas.get(name or "")
    if _SIGNATURE.search(error):
        fact = _schema_text(name, schema) if schema is not None else f"The tools are: {', '.join(sorted(schemas))}."
        return f"The call did not fit the tool. {fact} Make it again with all arguments put right."
    if _UNKNOWN_ENTITY.search(error):
        fact = _schema_text(name, schema) if schema is not None else ""
        return f"A value of the call does not exist. Look it up with a tool that reads, do not guess it. {fact}".strip()
    return (
        "The call was refused for the reason given. Do not repeat it as it is: meet the condition, or tell the user why it cannot be done."
    )


def _reasons(check: Check, arguments: Mapping[str, Any]) -> str:
    parts = [f"it lacks {_names(check.missing)}"] if check.missing else []
    parts += [f"it has no argument {_names(check.unexpected)}"] if check.unexpected else []
    parts += [f"{_names(check.wrong_type)} has the wrong type"] if check.wrong_type else []
    parts += [f"{_names(check.outside_enum)} is not one of the values allowed"] if check.outside_enum else []
    return "; ".join(parts)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _schema_text(name: str | None, schema: Mapping[str, Any]) -> str:
    return f"{name} takes {json.dumps(schema, ensure_ascii=False)}."
