"""All slices of a timeline on lanes: simulations, with their steps, with their calls, nested or beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tau2_logging.analysis.tables.lanes import nest

if TYPE_CHECKING:
    from tau2_logging.analysis.timeline.timeline import Timeline

Whole = npt.NDArray[np.int64]

SIMULATION, STEP, CALL = 0, 1, 2
TOLERANCE_US = 5
"""What a slice may stick out of its container by rounding; more than that is drawn as parallel."""

RANKS = {"expert": 3, "judge": 3}


@dataclass(frozen=True)
class Slices:
    """Slices in µs. `kind` is SIMULATION, STEP or CALL, `index` the place in the timeline's table of that kind, `row` the simulation,
    `lane` the lane of the simulation, from 0. `marks`: in which order slices of a lane open (i) and close (~i), in balance.
    """

    kind: Whole
    index: Whole
    row: Whole
    start: Whole
    end: Whole
    lane: Whole
    marks: Whole


def microseconds(ms: Any) -> Whole:
    """Return whole microseconds of milliseconds."""
    found: Whole = np.rint(np.asarray(ms, float) * 1000).astype(np.int64)
    return found


def placed_slices(timeline: Timeline, whole: Sequence[int], heads: Sequence[int] = ()) -> Slices:
    """Return the slices of some rows of a timeline, `heads` without their steps and calls. Placed as `lanes.nest` does it, in one pass over
    all simulations: those whose slices fit on one lane, as nearly all do, need no more.
    """
    tables = _tables(timeline, np.array(whole, np.int64), np.array(heads, np.int64))
    kind, index, row, start, end, rank = (np.concatenate(parts) for parts in zip(*tables, strict=True))
    order = np.lexsort((-end, rank, start, row))
    kind, index, row, start, end, rank = (values[order] for values in (kind, index, row, start, end, rank))
    end = np.maximum(start, end)
    lane = np.zeros(len(row), np.int64)
    starts, ends, marks, crowded = _on_one_lane(row.tolist(), start.tolist(), end.tolist(), rank.tolist())
    for one in crowded:
        low, high = np.searchsorted(row, [one, one + 1]).tolist()
        spans = list(zip(start[low:high].tolist(), end[low:high].tolist(), rank[low:high].tolist(), strict=True))
        for lane_, slices in itertools.groupby(nest(spans, TOLERANCE_US), key=lambda slice_: slice_.lane):
            own = [(low + slice_.index, slice_.start, slice_.end) for slice_ in slices]
            for place, began, ended in own:
                lane[place], starts[place], ends[place] = lane_, began, ended
            marks += _balanced(own)
    return Slices(kind, index, row, np.array(starts, np.int64), np.array(ends, np.int64), lane, np.array(marks, np.int64))


def _tables(timeline: Timeline, whole: Whole, heads: Whole) -> Iterator[tuple[Whole, ...]]:
    """Yield kind, index, row, start, end and rank of simulations, steps and calls."""
    calls = timeline.calls["lane"].map(RANKS).fillna(2).to_numpy(np.int64)
    drawn = np.concatenate([whole, heads])
    for kind, table, rows, ranks in (
        (SIMULATION, timeline.rows, drawn, 0), (STEP, timeline.steps, whole, 1), (CALL, timeline.calls, whole, calls)
    ):  # fmt: skip
        chosen = np.flatnonzero(np.isin(table["row"].to_numpy(np.int64), rows))
        picked = table[["row", "start_ms", "end_ms"]].iloc[chosen]
        rank = np.full(len(chosen), ranks) if isinstance(ranks, int) else ranks[chosen]
        spans = (microseconds(picked[name]) for name in ("start_ms", "end_ms"))
        yield np.full(len(chosen), kind), chosen, picked["row"].to_numpy(np.int64), *spans, rank


def _on_one_lane(row: list[int], start: list[int], end: list[int], rank: list[int]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return starts, ends and marks of the slices of simulations that fit on one lane, and the other simulations; the rule is `nest`'s."""
    starts, ends = start.copy(), end.copy()
    marks: list[int] = []
    crowded: list[int] = []
    stack: list[int] = []
    current, begun, left = -1, 0, -1
    for i, mine in enumerate(row):
        if mine != current:
            marks += [~j for j in reversed(stack)]
            stack, current, begun = [], mine, len(marks)
        elif mine == left:
            continue
        while stack and ends[stack[-1]] <= start[i]:
            marks.append(~stack.pop())
        outer = stack[-1] if stack else i
        if outer != i and not (rank[outer] < rank[i] and starts[outer] <= start[i] and end[i] <= ends[outer]):  # most do, as they are
            fitted = _fit(stack, starts, ends, rank, i)
            if fitted is None:
                left = mine
                crowded.append(mine)
                del marks[begun:], stack[:]
                continue
            depth, starts[i], ends[i] = fitted
            marks += [~j for j in reversed(stack[depth:])]
            del stack[depth:]
        stack.append(i)
        marks.append(i)
    return starts, ends, [*marks, *(~j for j in reversed(stack))], crowded


def _fit(stack: list[int], starts: list[int], ends: list[int], rank: list[int], i: int) -> tuple[int, int, int] | None:
    """Return how many of the open slices stay open, and where slice i lies in them; None if it does not fit. See `lanes.nest`."""
    start, end, mine = starts[i], ends[i], rank[i]
    depth, moved = len(stack), start
    while depth:
        outer = stack[depth - 1]
        outer_end = ends[outer]
        if outer_end > moved:
            if outer_end - start > TOLERANCE_US or not (rank[outer] >= mine or end - outer_end > TOLERANCE_US):
                break
            moved = outer_end
        depth -= 1
    if depth:
        outer = stack[depth - 1]
        moved = max(moved, starts[outer])
        if rank[outer] >= mine or moved - start > TOLERANCE_US or end - ends[outer] > TOLERANCE_US:
            return None
        end = min(end, ends[outer])
    return depth, moved, max(moved, end)


def _balanced(slices: Iterable[tuple[int, int, int]]) -> list[int]:
    """Return the marks of the slices of one lane, outer before inner."""
    marks: list[int] = []
    open_: list[tuple[int, int]] = []
    for place, start, end in slices:
        while open_ and open_[-1][1] <= start:
            marks.append(~open_.pop()[0])
        marks.append(place)
        open_.append((place, end))
    return [*marks, *(~place for place, _ in reversed(open_))]
