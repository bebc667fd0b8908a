"""Simulations and tasks as they are kept with `--mask`: without credentials and personal data. tau2 opens them, but scores them no more."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tau2_logging.logger.content.sensitive import ALL, masked
from tau2_logging.runner.work.checkpoint import Row

_KEPT = ("id", "task_id")


def masked_record(text: str) -> str:
    """Return JSON text of a simulation, a task or a list of messages with its texts masked; ids stay."""
    return json.dumps(_masked(json.loads(text)), ensure_ascii=False)


def masked_row(row: Row) -> Row:
    """Return the row with its conversation masked; without it if that cannot be done."""
    try:
        simulation = None if row.simulation is None else masked_record(row.simulation)
        return replace(
            row,
            simulation=simulation,
            messages=None if row.messages is None else masked_record(row.messages),
            texts={},
            calls=None,
        )
    except (RecursionError, ValueError):
        return replace(row, simulation=None, messages=None, calls=None, texts={}, note="the text could not be masked and is not kept")


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: item if name in _KEPT else masked({name: item}, ALL)[name] for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else masked(value, ALL)
