"""Flags whose value is a JSON object: arguments of a model's calls, settings of an agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tau2_logging.errors import UserError

_KINDS = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}


def json_object(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The value of a flag by its name among those given, empty if it is not. Raises UserError, which does not repeat the value: it may hold
    a key."""
    text = given.get(name)
    if text is None:
        return {}
    flag = f"--{name.replace('_', '-')}"
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(f"{flag} is not JSON ({error}); give an object, as in '{{\"temperature\": 0}}'") from None
    if not isinstance(value, dict):
        raise UserError(f"{flag} is {_KINDS[type(value)]}; give a JSON object, as in '{{\"temperature\": 0}}'")
    return value
