"""A short name of a task's text: releases of tau2 change what a task asks for under the same id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_WHEN_READ = "timestamp"


def task_hash(task: Mapping[str, Any]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a task as tau2 writes it (scenario, start, reference actions, criteria).

    What a release writes as null or empty and another leaves out makes no difference, nor does the time of a message that was said before
    the task begins: tau2 fills it in when it reads the task. Costs about 0.1 ms.
    """
    text = json.dumps(_said(task), sort_keys=True, ensure_ascii=False, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _said(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {str(name): _said(item) for name, item in value.items() if name != _WHEN_READ}
        return {name: item for name, item in kept.items() if item not in (None, {}, [], "")}
    return [_said(item) for item in value] if isinstance(value, list | tuple) else value
