"""Options of the items that a shop's tools returned: color, size and the like, and which items an order holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.reading.recorded import Row

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


def ordered_items(case: FailedCase) -> set[str]:
    """Return the items of every order that was read."""
    orders = (value["items"] for value in _objects(case) if "order_id" in value and isinstance(value.get("items"), list))
    return {str(item.get("item_id")) for items in orders for item in items}


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


def swapped(action: Row, call: Row) -> Iterator[tuple[str, str]]:
    """Yield (wanted, given) of each new item that differs, for the same old item."""
    arguments = call["arguments"] or {}
    wanted = sorted(zip(action["wanted"].get("item_ids") or (), action["wanted"].get("new_item_ids") or (), strict=False))
    given = sorted(zip(arguments.get("item_ids") or (), arguments.get("new_item_ids") or (), strict=False))
    if [old for old, _ in wanted] == [old for old, _ in given]:
        yield from ((mine, its) for (_, mine), (_, its) in zip(wanted, given, strict=True) if mine != its)


class Variants:
    """The variants of products that results describe, and how people speak of them: by item id, price or options."""

    def __init__(self, case: FailedCase) -> None:
        self.options = options_of_items(case)
        priced = (value for value in _objects(case) if isinstance(value.get("price"), int | float))
        self.prices = {str(value.get("item_id")): f"{value['price']:.2f}" for value in priced}

    def offers(self, text: str, wanted: str, given: str) -> bool:
        """Return whether a text names both variants by id or price, and describes neither as the other."""
        lines = re.split(r"\n|(?<=[.;])\s", text.casefold())
        for item, other in ((wanted, given), (given, wanted)):
            about = [line for line in lines if self._identifies(line, item)]
            if not about or any(self._mistakes(line, item, other) for line in about):
                return False
        return True

    def picks(self, text: str, item: str, other: str) -> bool:
        """Return whether a text names a variant, by id, price or all that tells it from another, and not that one."""
        return self._names(text.casefold(), item, other) and not self._names(text.casefold(), other, item)

    def _names(self, said: str, item: str, other: str) -> bool:
        differing = [value for _, value, _ in self._differing(item, other)]
        return self._identifies(said, item) or (bool(differing) and all(says(said, value) for value in differing))

    def _identifies(self, said: str, item: str) -> bool:
        return item in said or (item in self.prices and self.prices[item] in said.replace(",", ""))

    def _mistakes(self, line: str, item: str, other: str) -> bool:
        return any(says(line, its) and not says(line, value) for _, value, its in self._differing(item, other))

    def _differing(self, item: str, other: str) -> list[tuple[str, str, str]]:
        mine, its = self.options.get(item, {}), self.options.get(other, {})
        return [(name, value, its[name]) for name, value in mine.items() if name in its and its[name] != value]
