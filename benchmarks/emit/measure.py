"""Rounds of one logger: many threads write, each call is timed."""

from __future__ import annotations

import random
import threading
import time
from array import array
from dataclasses import dataclass

from benchmarks.emit.writers import Writer

PAUSE_S = 0.001


@dataclass(frozen=True)
class Load:
    """How events are made: `threads` at once, `events` in all, `pause` in seconds between the events of a thread (0: none)."""

    name: str
    threads: int
    events: int
    pause: float = 0.0


@dataclass(frozen=True)
class Round:
    """One logger under one load. `wall` (see `measure`) and `cpu`: microseconds per event; `calls`: ns of each call, sorted."""

    writer: str
    load: Load
    wall: float
    cpu: float
    calls: array[int]


def measure(writer: Writer, load: Load, task_prefix: str) -> Round:
    """One round. Under a load without pauses `wall` is the elapsed time over the events; with pauses it is the mean time of a call."""
    each = load.events // load.threads
    calls = [array("q") for _ in range(load.threads)]
    gate = threading.Barrier(load.threads + 1)
    threads = [
        threading.Thread(target=_work, args=(writer, load, each, f"{task_prefix}-{number}", calls[number], gate))
        for number in range(load.threads)
    ]
    for thread in threads:
        thread.start()
    gate.wait()
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    merged = array("q", sorted(duration for durations in calls for duration in durations))
    per_event = sum(merged) / len(merged) if load.pause else wall / len(merged)
    return Round(writer.name, load, per_event / 1000, cpu / len(merged) / 1000, merged)


def _work(writer: Writer, load: Load, events: int, task: str, calls: array[int], gate: threading.Barrier) -> None:
    emit, now, pause, keep = writer.emitter(task), time.perf_counter_ns, load.pause, calls.append
    uneven = random.Random(task)
    gate.wait()
    for step in range(events):
        if pause:
            time.sleep(pause * (0.5 + uneven.random()))
        begun = now()
        emit(step)
        keep(now() - begun)
