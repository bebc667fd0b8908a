"""tau2's objects as JSON text, also if an agent or a model has put something into them that JSON or UTF-8 cannot hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tau2_logging.events.logfmt import clean

REPLACED = "text or values that UTF-8 and JSON cannot hold were replaced in what is kept of it"
_DEEPEST = 100
_LARGEST = 10**300
_UNREADABLE = re.compile(r"[0-9]{4000}")
"""Python's json refuses to read whole numbers of more than 4,300 digits, which pydantic writes."""


@dataclass(frozen=True)
class Dump:
    """JSON text of an object; `note` says if something in it had to be replaced."""

    text: str | None = None
    note: str | None = None


def dumped(model: Any) -> Dump:
    """Return a pydantic model as pydantic writes it if it can, else with every value that cannot be written replaced.

    Half a surrogate pair becomes U+FFFD, a number that is not finite null, any other object its class's name. Raises if the object is no
    model at all.
    """
    try:
        text = str(model.model_dump_json())
    except Exception:
        text = ""
    if text and not _UNREADABLE.search(text):
        return Dump(text)
    return Dump(json.dumps(_plain(model.model_dump(), 0), ensure_ascii=False), REPLACED)


def dumped_all(models: Iterable[Any]) -> Dump:
    """Return several models as a JSON array."""
    dumps = [dumped(model) for model in models]
    note = next((dump.note for dump in dumps if dump.note is not None), None)
    return Dump(f"[{', '.join(str(dump.text) for dump in dumps)}]", note)


def _plain(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "(nested too deep)"
    if isinstance(value, Enum):
        return _plain(value.value, depth + 1)
    if isinstance(value, Mapping):
        return {str(_plain(key, depth + 1)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    return _plain_leaf(value)


def _plain_leaf(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(str.__str__(value))
    if isinstance(value, int):
        return int(value) if abs(value) < _LARGEST else f"({type(value).__name__})"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return f"({type(value).__name__})"
