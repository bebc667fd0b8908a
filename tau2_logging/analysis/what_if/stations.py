"""Places where simulations meet: this process's CPU, and model servers. Requests there queue, or share its speed."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Then = Callable[[float], None]
_INFINITE = float("inf")


@dataclass(frozen=True)
class Capacity:
    """What a station can do. `slots`: requests in service at a time, the others wait in order of arrival; None: all. Among those in
    service, each runs at full speed while there are at most `free` of them; `slowdown` is what each one more adds to the time of all:
    0 for none, 1 for a processor that is shared.
    """

    slots: int | None = None
    slowdown: float = 0.0
    free: int = 1

    def speed(self, in_service: Any) -> Any:
        """Return the speed of each request when so many are in service; arrays too."""
        if self.slowdown >= 1.0:
            return np.minimum(1.0, self.free / np.maximum(in_service, 1))
        return 1.0 / (1.0 + self.slowdown * np.maximum(in_service - self.free, 0))


class Station:
    """A station while the schedule is replayed.

    All requests in service have one speed, so each is finished when the work that any of them has done since the start (`_done`) has
    grown by its own: a heap of those marks gives the next one.
    """

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._speeds = [1.0]
        self._waiting: deque[tuple[float, Then]] = deque()
        self._running: list[tuple[float, int, Then]] = []
        self._now, self._done, self._number = 0.0, 0.0, 0
        self.peak = 0

    def enter(self, now: float, work: float, then: Then) -> None:
        """Ask for so much work at a moment; `then` is called with the moment when it is done."""
        self._advance(now)
        if self._capacity.slots is not None and len(self._running) >= self._capacity.slots:
            self._waiting.append((work, then))
        else:
            self._serve(work, then)
        self.peak = max(self.peak, len(self._running) + len(self._waiting))

    def next_end(self) -> float:
        """Return when the next request will be done if nothing else comes; infinity if there is none."""
        if not self._running:
            return _INFINITE
        return self._now + max(self._running[0][0] - self._done, 0.0) / self._speed()

    def finish(self, now: float) -> Then:
        """Take out the request that is done now, and let the next one in."""
        self._advance(now)
        mark, _, then = heapq.heappop(self._running)
        self._done = max(self._done, mark)
        if self._waiting:
            self._serve(*self._waiting.popleft())
        return then

    def _serve(self, work: float, then: Then) -> None:
        self._number += 1
        heapq.heappush(self._running, (self._done + work, self._number, then))

    def _advance(self, now: float) -> None:
        self._done += (now - self._now) * self._speed()
        self._now = now

    def _speed(self) -> float:
        while len(self._speeds) <= len(self._running):
            self._speeds.append(float(self._capacity.speed(len(self._speeds))))
        return self._speeds[len(self._running)]


def served_from(arrival: Any, end: Any, slots: int | None) -> Any:
    """Return when each request got its place, if `slots` are served at a time in order of arrival. Arrays in any order."""
    if slots is None:
        return np.array(arrival, dtype=float)
    begin = np.array(arrival, dtype=float)
    latest: list[float] = []  # ends of the `slots` requests that end last, of those that came before
    for place in np.argsort(begin, kind="stable"):
        if len(latest) == slots:
            begin[place] = min(max(begin[place], latest[0]), end[place])
            heapq.heappushpop(latest, end[place])
        else:
            heapq.heappush(latest, end[place])
    return begin


def work_of(begin: Any, end: Any, capacity: Capacity) -> Any:
    """Return the work in each interval: its length at the speed that the number of open intervals allows at each moment."""
    if not len(begin):
        return np.zeros(0)
    moments = np.unique(np.concatenate([begin, end]))
    opened = np.searchsorted(np.sort(begin), moments, side="right")
    closed = np.searchsorted(np.sort(end), moments, side="right")
    speeds = capacity.speed(opened - closed)[:-1]
    done = np.concatenate([[0.0], np.cumsum(np.diff(moments) * speeds)])
    return done[np.searchsorted(moments, end)] - done[np.searchsorted(moments, begin)]


def mean_open(begin: Any, end: Any) -> Any:
    """Return how many intervals were open on average during each one, itself included; 1 for one without length."""
    moments = np.unique(np.concatenate([begin, end]))
    opened = np.searchsorted(np.sort(begin), moments, side="right")
    closed = np.searchsorted(np.sort(end), moments, side="right")
    area = np.concatenate([[0.0], np.cumsum(np.diff(moments) * (opened - closed)[:-1])])
    length = end - begin
    whole = area[np.searchsorted(moments, end)] - area[np.searchsorted(moments, begin)]
    return np.where(length > 0, whole / np.where(length > 0, length, 1.0), 1.0)
