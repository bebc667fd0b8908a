"""Options of the items that a shop's tools returned: color, size and the like, and which items an order holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tau2_logging.analysis.deep.attribution.failed_case import FailedCase

Options = Mapping[str, str]


def options_of_items(case: FailedCase) -> dict[str, Options]:
    """Return item id -> options, in lower case, of every item that a result describes."""
    found: dict[str, Options] = {}
    for value in _objects(case):
        if isinstance(value.get("options"), Mapping) and isinstance(value.get("item_id"), str):
            found.setdefault(value["item_id"], {str(name): str(given).casefold() for name, given in value["options"].items()})
    return found


def names_of_items(case: FailedCase, order: str) -> dict[str, str]:
    """Return item id -> name of the product, in lower case, of the items of an order that was read; empty if it was not."""
    for value in _objects(case):
        if value.get("order_id") == order and isinstance(items := value.get("items"), list):
            return {str(item["item_id"]): str(item["name"]).casefold() for item in items if {"item_id", "name"} <= item.keys()}
    return {}


def _objects(case: FailedCase) -> Iterator[Mapping[str, Any]]:
    for message in case.messages:
        if message.role == "tool" and '"item_id"' in message.text:
            try:
                left = [json.loads(message.text)]
            except (ValueError, RecursionError):
                continue
            while left:
                value = left.pop()
                if isinstance(value, dict):
                    yield value
                left += list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def says(text: str, words: str) -> bool:
    """Return whether a text, in lower case, holds some words, not as parts of others."""
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None
