"""Packets of Perfetto's trace format: https://perfetto.dev/docs/reference/trace-packet-proto. Numbers of fields are those of its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS
from tau2_logging.analysis.reports.trace.protobuf import Bytes, Messages, doubles, message, varint, varints
from tau2_logging.analysis.timeline.queries import causes, labels
from tau2_logging.analysis.timeline.slices import CALL, SIMULATION, STEP, Slices
from tau2_logging.analysis.timeline.timeline import EXCLUSIVE_ROLES, Timeline
from tau2_logging.events.roles import TOKEN_FIELDS

if TYPE_CHECKING:
    from tau2_logging.analysis.timeline.slices import Whole

PIECE = 250_000
"""Packets that are made at once."""

CALL_DETAILS = (
    "step", "model", "function", "expert", "call_type", "requestor", *TOKEN_FIELDS,
    "ttft_ms", "decode_ms", "queue_ms", "cost_usd", "finish_reason", "attempt", "error_type", "error_message", "endpoint", "line",
    "server_queue_ms", "server_prefill_ms", "server_decode_ms",
)  # fmt: skip
STEP_DETAILS = ("from_role", "to_role", "line")
OUTCOME = (
    "status", "reward", "termination", *EXCLUSIVE_ROLES, "steps", "tool_errors", "cost_usd", "error_type", "error_message",
)  # fmt: skip

_BEGIN, _END, _INSTANT, _COUNTER = 1, 2, 3, 4
_SEQUENCE = message((10, 1), (13, 2))
"""All packets are of one sequence, and use the names that its first packet gives."""

_EVENT = varint(11 << 3 | 2)
_PACKET = varint(1 << 3 | 2)
_ANNOTATION = varint(4 << 3 | 2)


class _Names:
    """Texts by number, from 1."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers) + 1)

    def column(self, values: Any) -> Any:
        """Return the numbers of a column of texts, 0 for one that is absent."""
        codes, texts = pd.factorize(np.asarray(values, dtype=object))
        return np.array([*(self(str(text)) for text in texts), 0], np.int64)[codes]

    def entries(self, field: int) -> bytes:
        """Return them as the field of InternedData."""
        return b"".join(message((field, message((1, number), (2, text)))) for text, number in self.numbers.items())


@dataclass(frozen=True)
class _Detail:
    """A column of details: what each value begins with, the values, and which rows have one."""

    start: bytes
    values: Bytes
    known: Any


@dataclass(frozen=True)
class _Heads:
    """Names, categories and details of the slices of one table."""

    names: Any
    categories: Any
    details: list[_Detail]


class Tables:
    """What slices are called, with texts by number."""

    def __init__(self, timeline: Timeline, left_out: pd.Series) -> None:
        self.names, self.categories, self.keys, self.texts = _Names(), _Names(), _Names(), _Names()
        rows = timeline.rows.assign(calls_left_out=left_out.reindex(timeline.rows["row"]).astype("Int64").to_numpy())
        steps, calls = timeline.steps, timeline.calls
        titles = [f"task {name}" for name in labels(rows)]
        self.heads = {
            SIMULATION: self._heads(rows, titles, ["simulation"] * len(rows), (*OUTCOME, "calls_left_out")),
            STEP: self._heads(steps, _step_names(steps), ["step"] * len(steps), STEP_DETAILS),
            CALL: self._heads(calls, _call_names(calls), calls["lane"], CALL_DETAILS),
        }
        self.arrows = causes(calls)

    def _heads(self, table: pd.DataFrame, names: Any, categories: Any, details: tuple[str, ...]) -> _Heads:
        columns = [found for name in details if (found := self._detail(name, table[name])) is not None]
        return _Heads(self.names.column(names), self.categories.column(categories), columns)

    def _detail(self, name: str, values: pd.Series) -> _Detail | None:
        known = values.notna().to_numpy(bool)
        if not known.any():
            return None
        kind = pd.api.types.infer_dtype(values, skipna=True)
        if kind in ("integer", "boolean"):
            field, coded = (varint(2 << 3) if kind == "boolean" else varint(4 << 3)), varints(_filled(values, known, np.int64))
        elif kind in ("floating", "mixed-integer-float"):
            field, coded = varint(5 << 3 | 1), doubles(_filled(values, known, np.float64))
        else:
            field, coded = varint(17 << 3), varints(self.texts.column(values.where(values.notna(), None)))
        key = varint(1 << 3) + varint(self.keys(name))
        return _Detail(_ANNOTATION + varint(len(key) + len(field) + coded.shape[1]) + key + field, coded, known)


def _filled(values: pd.Series, known: Any, dtype: Any) -> Any:
    if values.dtype != object:
        return values.fillna(0).to_numpy(dtype)
    found = np.zeros(len(values), dtype)
    found[known] = values.to_numpy(dtype=object)[known].astype(dtype)
    return found


def _step_names(steps: pd.DataFrame) -> Any:
    """Return `step 3 (agent)` of each step. Each text is made once."""
    return _made_once(steps[["step", "from_role"]], lambda step, role: f"step {step}" + ("" if pd.isna(role) else f" ({role})"))


def _call_names(calls: pd.DataFrame) -> Any:
    before = {lane: f"{label_}: " for lane, label_ in ROLE_LABELS.items()} | {"tool": "", "evaluation": "", "waiting": "waiting on "}
    return _made_once(calls[["lane", "name", "error"]], lambda lane, name, error: f"{before[lane]}{name}{' (failed)' if error else ''}")


def _made_once(table: pd.DataFrame, made: Any) -> Any:
    number = table.groupby(list(table.columns), dropna=False, sort=False).ngroup().to_numpy()
    _, first = np.unique(number, return_index=True)
    texts = np.array([made(*row) for row in table.iloc[first].astype(object).itertuples(index=False)], dtype=object)
    return texts[number]


class Tracks:
    """Numbers of tracks: those of processes are far from those of lanes and counters, which are short."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.pids = pids
        self._next = len(pids) + 1

    def process(self, domain: str) -> int:
        """Return the track of a domain."""
        return self.pids[domain]

    def taken(self, count: int) -> int:
        """Return the first of so many new tracks."""
        self._next += count
        return self._next - count


def packet(*fields: tuple[int, int | float | str | bytes]) -> bytes:
    """Return one packet as the file has it."""
    return message((1, message((10, 1), (13, 2), *fields)))


def interned(tables: Tables) -> bytes:
    """Return the first packet, with every text that others name by number."""
    data = tables.categories.entries(1) + tables.names.entries(2) + tables.keys.entries(3) + tables.texts.entries(29)
    return message((1, message((10, 1), (13, 1), (12, data))))


def track(number: int, name: str, pid: int = 0, tid: int = 0, parent: int = 0, counter: bool = False) -> bytes:
    """Return the packet that describes a process, a lane of it, or a counter."""
    said: list[tuple[int, int | float | str | bytes]] = [(1, number), (2, name)]
    if parent:
        said.append((5, parent))
    if counter:
        said.append((8, b""))
    elif tid:
        said.append((4, message((1, pid), (2, tid), (3, tid), (5, name))))
    else:
        said.append((3, message((1, pid), (6, name))))
    return packet((60, message(*said)))


def marker(name: str, at: int, track_: int, said: Mapping[str, object]) -> bytes:
    """Return the packet of a moment, with what is to be said of it. Its texts are not among the numbered ones."""
    details = [(4, message((10, key), _value(value))) for key, value in said.items()]
    return packet((8, at * 1000), (11, message((9, _INSTANT), (11, track_), (23, name), *details)))


def _value(value: object) -> tuple[int, int | float | str]:
    if isinstance(value, (int, float)):
        return (4, value) if isinstance(value, int) else (5, value)
    return 6, str(value)


def slice_packets(slices: Slices, tables: Tables, tracks: Whole, before: int) -> Iterator[bytes]:
    """Yield the packets that open and close slices, many at a time."""
    arrows = _Arrows(slices, tables.arrows)
    for low in range(0, len(slices.marks), PIECE):
        marks = slices.marks[low : low + PIECE]
        place = np.where(marks < 0, ~marks, marks)
        opens = marks >= 0
        events = Messages(len(marks))
        events.add(varint(9 << 3), np.where(opens, _BEGIN, _END).astype(np.uint8)[:, None])
        events.add(varint(11 << 3), varints(tracks[place]))
        for kind, heads in tables.heads.items():
            at = np.flatnonzero(opens & (slices.kind[place] == kind))
            _add_heads(events, heads, at, slices.index[place[at]])
        arrows.add_to(events, place, opens)
        moments = np.where(opens, slices.start[place], slices.end[place]) - before
        yield _finished(events, moments)


def _add_heads(events: Messages, heads: _Heads, at: Any, index: Any) -> None:
    events.add(varint(10 << 3), varints(heads.names[index]), at)
    events.add(varint(3 << 3), varints(heads.categories[index]), at)
    for detail in heads.details:
        known = detail.known[index]
        events.add(detail.start, detail.values[index[known]], at[known])


class _Arrows:
    """From a call to the one that it caused: a number that both name, once where it begins and once where it ends."""

    def __init__(self, slices: Slices, pairs: tuple[Any, Any]) -> None:
        calls = slices.kind == CALL
        where = np.full(int(slices.index[calls].max(initial=-1)) + 1, -1, np.int64)
        where[slices.index[calls]] = np.flatnonzero(calls)
        cause, effect = pairs
        drawn = (cause < len(where)) & (effect < len(where))
        drawn[drawn] &= (where[cause[drawn]] >= 0) & (where[effect[drawn]] >= 0)
        cause, effect = where[cause[drawn]], where[effect[drawn]]
        order = np.argsort(cause, kind="stable")
        self._cause, self._number = cause[order], order + 1
        self._ends = np.zeros(len(slices.kind), np.int64)
        self._ends[effect] = np.arange(len(effect)) + 1

    def add_to(self, events: Messages, place: Any, opens: Any) -> None:
        """Add the numbers of arrows to the packets that open their slices."""
        at = np.flatnonzero(opens & (self._ends[place] > 0))
        events.add(varint(48 << 3 | 1), _fixed(self._ends[place[at]]), at)
        low, high = (np.searchsorted(self._cause, place, side) for side in ("left", "right"))
        left = np.flatnonzero(opens & (high > low))
        nth = 0
        while len(left):
            events.add(varint(47 << 3 | 1), _fixed(self._number[low[left] + nth]), left)
            nth += 1
            left = left[low[left] + nth < high[left]]


def _fixed(numbers: Any) -> Bytes:
    return np.ascontiguousarray(numbers, "<u8").view(np.uint8).reshape(-1, 8)


def values_packets(track_: int, moments: Whole, values: Any) -> bytes:
    """Return the packets of a counter."""
    events = Messages(len(moments))
    start = message((9, _COUNTER), (11, track_))
    if np.all(np.mod(values, 1) == 0):
        events.add(start + varint(30 << 3), varints(values.astype(np.int64)))
    else:
        events.add(start + varint(44 << 3 | 1), doubles(values))
    return _finished(events, moments)


def _finished(events: Messages, moments: Whole) -> bytes:
    packets = events.within(_EVENT)
    whole = Messages(len(moments))
    whole.add(_SEQUENCE + varint(8 << 3), varints(moments * 1000))
    whole.extend(packets)
    return whole.within(_PACKET).joined()
