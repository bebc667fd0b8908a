"""Placing intervals: slices that nest, rows that hold no two at once, and how many are open at a time. No pandas, no log."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """A slice in its lane: `index` into what was given, `lane` from 0, `start` and `end` in the unit that was given."""

    index: int
    lane: int
    start: int
    end: int


def nest(slices: Sequence[tuple[int, int, int]], tolerance: int = 0) -> list[Placed]:
    """Place `(start, end, rank)` into as few lanes as a greedy pass finds, so that within a lane any two are nested or disjoint.

    A slice lies on top of another only if it is inside it and its rank is higher: a call inside a step, never a call inside another
    call that only happens to take longer. Slices that overlap in any other way get lanes of their own. Times are whole numbers.

    The log rounds each start and each duration, so that an inner slice may stick out by a rounding error: up to `tolerance`, its
    end is cut to its container's, and its start moved to its predecessor's end. The result is in drawing order: outer before inner.
    """
    order = sorted(range(len(slices)), key=lambda i: (slices[i][0], slices[i][2], -slices[i][1]))
    lanes: list[list[_Open]] = []
    placed = []
    for index in order:
        start, end, rank = slices[index]
        end = max(start, end)
        fits = ((lane, _fit(stack, start, end, rank, tolerance)) for lane, stack in enumerate(lanes))
        lane, fitted = next(((lane, fitted) for lane, fitted in fits if fitted), (len(lanes), (start, end)))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((*fitted, rank))
        placed.append(Placed(index, lane, *fitted))
    placed.sort(key=lambda slice_: slice_.lane)
    return placed


_Open = tuple[int, int, int]


def _fit(stack: list[_Open], start: int, end: int, rank: int, tolerance: int) -> tuple[int, int] | None:
    """Return where the slice lies on this lane, or None. The stack holds the last slice placed and those around it, the outermost first."""
    depth, moved = len(stack), start
    while depth:
        _, outer_end, outer_rank = stack[depth - 1]
        if outer_end > moved:
            follows = outer_end - start <= tolerance and (outer_rank >= rank or end - outer_end > tolerance)
            if not follows:
                break
            moved = outer_end
        depth -= 1
    if depth:
        outer_start, outer_end, outer_rank = stack[depth - 1]
        moved = max(moved, outer_start)
        if outer_rank >= rank or moved - start > tolerance or end - outer_end > tolerance:
            return None
        end = min(end, outer_end)
    del stack[depth:]
    return moved, max(moved, end)


def pack(starts: Iterable[float], ends: Iterable[float]) -> list[int]:
    """Return a row for each interval, so that no row holds two at once and there are as many rows as the most that were open at a time.

    Like the slots of a worker pool, the lowest free row first.
    """
    spans = list(zip(starts, ends, strict=False))
    rows = [0] * len(spans)
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    for index in sorted(range(len(spans)), key=lambda i: spans[i]):
        start, end = spans[index]
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        rows[index] = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (max(start, end), rows[index]))
    return rows


def union(starts: Any, ends: Any) -> float:
    """Return how long at least one interval is open."""
    starts, ends = np.asarray(starts, float), np.asarray(ends, float)
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(ends)[:-1]]) if len(ends) else ends
    return float(np.maximum(ends - np.maximum(starts, before), 0.0).sum())


def in_flight(starts: Any, ends: Any) -> tuple[Array, Array]:
    """Return moments at which the number of open intervals changes, and the number from then on. Both of one length."""
    starts, ends = np.asarray(starts, float), np.asarray(ends, float)
    moments = np.unique(np.concatenate([starts, ends]))
    opened = np.searchsorted(np.sort(starts), moments, side="right")
    closed = np.searchsorted(np.sort(ends), moments, side="right")
    return moments, (opened - closed).astype(float)


def mean_in_flight(starts: Any, ends: Any, edges: Any) -> Array:
    """Return time-weighted mean number of open intervals in each bin; `edges` ascends and has one more element than the result."""
    edges = np.asarray(edges, float)
    area = _time_since(starts, edges) - _time_since(ends, edges)
    mean: Array = np.maximum(np.diff(area) / np.diff(edges), 0.0)
    return mean


def _time_since(moments: Any, at: Array) -> Array:
    """Sum over `moments` of the time that has passed since each, at each point of `at`."""
    moments = np.sort(np.asarray(moments, float))
    sums = np.concatenate([[0.0], np.cumsum(moments)])
    passed = np.searchsorted(moments, at, side="right")
    result: Array = passed * at - sums[passed]
    return result
