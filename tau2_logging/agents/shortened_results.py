"""Old tool results made shorter without cutting inside JSON: identifiers stay, and whatever later turns use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_IDENTIFIER = re.compile(r"[#\w@.+-]*\d[#\w@.+-]*|[\w.+-]+@[\w.-]+")
_LONGEST, _SHORTEST = 40, 3
_LEFT_OUT = "_left_out"
_EXCERPT = 120

Keep = Callable[[str], bool]


def identifiers(text: str) -> set[str]:
    """Return what looks like an identifier in a text: words with a digit in them, e-mail addresses; 3 to 40 characters."""
    found = (word.strip(".+-") for word in _IDENTIFIER.findall(text))
    return {word for word in found if _SHORTEST <= len(word) <= _LONGEST}


def shortened(content: str, keep: Keep) -> str:
    """Return a shorter text for a tool result. JSON stays JSON: values that are not identifiers `keep` wants are left out and counted.

    The text itself if it would not become shorter.
    """
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    text = _shorter_json(value, keep) if isinstance(value, dict | list) else _shorter_text(content, keep)
    return text if len(text) < len(content) else content


def _shorter_json(value: dict[str, Any] | list[Any], keep: Keep) -> str:
    kept = _pruned(value, keep)
    left_out = _leaves(value) - _leaves(kept)
    if isinstance(value, dict):
        kept = {**(kept or {}), _LEFT_OUT: f"{left_out} values"}
    else:
        kept = [*(kept or []), {_LEFT_OUT: f"{left_out} values"}]
    return json.dumps(kept, ensure_ascii=False)


def _pruned(value: Any, keep: Keep) -> Any:
    """Return what is kept of a value, None for nothing."""
    if isinstance(value, dict):
        items = {name: _pruned(item, keep) for name, item in value.items()}
        items = {
            name: item if item is not None else _key_only(value[name]) for name, item in items.items() if item is not None or keep(name)
        }
        return items or None
    if isinstance(value, list):
        return [kept for kept in (_pruned(item, keep) for item in value) if kept is not None] or None
    if value is None or isinstance(value, bool):
        return None
    return value if keep(str(value)) else None


def _key_only(value: Any) -> Any:
    """Return the text that replaces a value of which only its key is kept, a record's own identifier."""
    return {} if isinstance(value, dict) else [] if isinstance(value, list) else value


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else int(value is not None)


def _shorter_text(content: str, keep: Keep) -> str:
    head = content[:_EXCERPT].rpartition(" ")[0] or content[:_EXCERPT]
    named = sorted(word for word in identifiers(content) if keep(word) and word not in head)
    mentions = f"; it mentions {', '.join(named)}" if named else ""
    return f"{head} ... [{len(content) - len(head)} characters left out{mentions}]"
