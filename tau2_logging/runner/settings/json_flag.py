"""Flags whose value is a JSON object: arguments of a model's calls, settings of an agent."""

from __future__ import annotations

import json
from typing import Any

from tau2_logging.errors import UserError

_KINDS = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}


def json_object(flag: str, text: str | None) -> dict[str, Any]:
    """Return the value of a flag, empty if it is not given. Raises UserError, which does not repeat the value: it may hold a key."""
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(f"{flag} is not JSON ({error}); give an object, as in '{{\"temperature\": 0}}'") from None
    if not isinstance(value, dict):
        raise UserError(f"{flag} is {_KINDS[type(value)]}; give a JSON object, as in '{{\"temperature\": 0}}'")
    return value
