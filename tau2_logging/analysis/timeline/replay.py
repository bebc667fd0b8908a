"""A log that was read, as events again, for the code that takes events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.events import CONTEXT_FIELDS, KINDS, LEVELS, Event
from tau2_logging.events.logfmt import Value
from tau2_logging.events.semconv import SPAN_TYPES

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

_TYPES = ("run_start", "task_start", *SPAN_TYPES, "retry", "server_wait", "stuck")
_NOT_FIELDS = frozenset(("file", "line", "level", "time", "task", "thread", "type", "end_ms", "role"))
_CHUNK = 20_000


def replay(log: LogData, everything: bool = False) -> list[tuple[int, Iterator[Event]]]:
    """For each run in the log: when it started (ns since 1970 at its `start_ms=0`), and its events in the order of the log.

    Without `everything`, only what spans are made of: no payloads.
    """
    types = [name for name in log.store.types() if everything or name in _TYPES]
    own = (field for name in types if name in KINDS for field in KINDS[name].fields)
    columns = None if everything else list(dict.fromkeys(("type", "time", "task", "thread", "level", *CONTEXT_FIELDS, *own)))
    table = log.select(columns, types=types)
    return [(_origin_ns(part), _events(part)) for _, part in table.groupby("run", sort=False, dropna=False)]


def _events(table: pd.DataFrame) -> Iterator[Event]:
    for begin in range(0, len(table), _CHUNK):
        for row in table.iloc[begin : begin + _CHUNK].to_dict("records"):
            yield _event(cast("dict[str, Any]", row))


def _event(row: dict[str, Any]) -> Event:
    fields: dict[str, Value] = {name: value for name, value in row.items() if name not in _NOT_FIELDS and _is_there(value)}
    level = str(row["level"])
    number = LEVELS.get(level, int(level) if level.isdigit() else LEVELS["INFO"])
    task = row["task"] if _is_there(row["task"]) else None
    return Event(number, str(row["time"]), task, int(row["thread"]), str(row["type"]), fields)


def _is_there(value: Any) -> bool:
    return value is not None and value is not pd.NA and value == value


def _origin_ns(table: pd.DataFrame) -> int:
    """Events are written when they end, so the wall time of each, less its end on the run's clock, is when that clock started."""
    duration = numbers(table, "duration_ms")
    duration = np.where(np.isnan(duration), numbers(table, "total_duration_ms"), duration)
    wall = (pd.to_datetime(table["time"], errors="coerce") - pd.Timestamp(0)).dt.total_seconds().to_numpy(dtype=float) * 1000.0
    ends = wall - numbers(table, "start_ms") - duration
    known = ends[np.isfinite(ends)]
    local_ms = float(np.median(known)) if len(known) else float(np.nanmin(wall, initial=np.inf))
    return round((local_ms - _offset(table).total_seconds() * 1000.0) * 1e6) if np.isfinite(local_ms) else 0


def _offset(table: pd.DataFrame) -> timedelta:
    """Return offset from UTC that run_start says; this machine's own if none does."""
    known = list(table["utc_offset"].dropna()) if "utc_offset" in table else []
    if known:
        return datetime.strptime(str(known[0]), "%z").utcoffset() or timedelta()
    return datetime.now(timezone.utc).astimezone().utcoffset() or timedelta()
