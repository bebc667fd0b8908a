"""How the pieces of a streamed value become the value: what grows, what is said once, what a later piece must not erase.

Servers repeat labels, send null, "" and 0 for "nothing new", leave out indexes or give all calls the same one. The rules here put any of
these together to what the whole answer holds; what still comes out wrong is found by the code that looks at the result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

_GROWING = frozenset(
    ("content", "reasoning_content", "reasoning", "refusal", "arguments", "text", "thinking", "summary", "transcript", "data", "signature")
)
"""Texts that come in pieces. Every other text is a label (an id, a type, a format): said once, or repeated, and never glued."""


def merge(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    """Add a piece to what is there."""
    for name, value in piece.items():
        whole[name] = _merged(name, whole.get(name), value)


def _merged(name: str, before: Any, value: Any) -> Any:
    if _is_nothing(value) and before is not None:
        return before
    if isinstance(value, list) or (isinstance(before, list) and isinstance(value, str)):
        return _merged_items(name, before, value)
    if isinstance(value, dict):
        whole = dict(before) if isinstance(before, dict) else {}
        merge(whole, value)
        return whole
    if isinstance(before, str) and isinstance(value, str) and before:
        return before + value if name in _GROWING else before
    return value


def _is_nothing(value: Any) -> bool:
    """Return null, "", 0 and empty lists and objects: a piece that has nothing new to say."""
    return not value and value is not False


def _merged_items(name: str, before: Any, pieces: Any) -> list[Any]:
    items = _parts(before)
    for piece in _parts(pieces):
        there = _place_of_call(items, piece) if name == "tool_calls" else _place(items, piece)
        if there is None:
            items.append(_copied(piece))
        else:
            merge(items[there], _without_repeats(piece))
    return items


def _parts(value: Any) -> list[Any]:
    """Return a list as it is; a text as a list of content parts, if a server mixes both (Mistral's thinking models)."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}] if value else []
    return list(value or ())


def _copied(piece: Any) -> Any:
    if not isinstance(piece, dict):
        return piece
    whole: dict[str, Any] = {}
    merge(whole, piece)
    return whole


def _without_repeats(piece: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in piece.items() if name != "index"}


def _place(items: list[Any], piece: Any) -> int | None:
    """Return where the item is that a piece belongs to: the last one of its index and type; without an index, the last item, if it is one
    text."""
    if not isinstance(piece, dict):
        return None
    index = piece.get("index")
    if index is not None:
        return _last(items, lambda item: item.get("index") == index and _agree(item, piece, ("type", "id")))
    last = len(items) - 1
    fits = last >= 0 and isinstance(items[last], dict) and _grows(items[last], piece)
    return last if fits else None


def _grows(item: dict[str, Any], piece: dict[str, Any]) -> bool:
    """Return whether a piece without an index goes on with the text of an item: of the same type and labels, with a text (or parts) in
    both."""
    shared = item.keys() & piece.keys()
    texts = shared & _GROWING
    return item.get("type") is not None and bool(texts) and _agree(item, piece, shared - texts | {"type"})


def _place_of_call(items: list[Any], piece: Any) -> int | None:
    """Return where the tool call is that a piece belongs to; None for a new one.

    An id that is known names its call, and an index its latest; but a piece that brings a name and (an id of its own, or arguments though
    the call's are whole already) opens a new call, whatever its index says. A piece with neither goes on with the last call.
    """
    if not isinstance(piece, dict):
        return None
    index, call_id, name = piece.get("index"), piece.get("id"), (piece.get("function") or {}).get("name")
    by_id = _last(items, lambda item: bool(call_id) and item.get("id") == call_id)
    by_index = _last(items, lambda item: index is not None and item.get("index") == index)
    if by_id is not None and not (name and index is not None and by_index is None and _function(items[by_id]).get("name")):
        return by_id
    if index is None:
        return None if name or call_id else len(items) - 1 if items else None
    if by_index is not None and name and _opens(items[by_index], call_id, piece):
        return None
    return by_index


def _opens(call: dict[str, Any], call_id: str | None, piece: dict[str, Any]) -> bool:
    before = _function(call)
    if not before.get("name"):
        return False
    if call_id and call.get("id"):
        return bool(call_id != call["id"])
    return bool(_function(piece).get("arguments")) and _is_object(before.get("arguments"))


def _function(call: dict[str, Any]) -> dict[str, Any]:
    found = call.get("function")
    return found if isinstance(found, dict) else {}


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False


def _agree(item: dict[str, Any], piece: dict[str, Any], names: Iterable[str]) -> bool:
    return all(not item.get(name) or not piece.get(name) or item[name] == piece[name] for name in names)


def _last(items: list[Any], fits: Callable[[dict[str, Any]], bool]) -> int | None:
    return next((at for at in range(len(items) - 1, -1, -1) if isinstance(items[at], dict) and fits(items[at])), None)
