"""Figures of a log worked out from its lines alone: the codec reads them, the rest is arithmetic in plain Python and scipy's tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, median

from scipy import stats

from tau2_logging.events import Event, decode


def events(path: Path, type_: str | None = None) -> list[Event]:
    """The events of a log, or those of one type."""
    found = [decode(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [event for event in found if type_ in (None, event.type)]


def medians(path: Path, type_: str) -> dict[str, float]:
    """The median duration of a task's events of one type."""
    found: dict[str, list[float]] = defaultdict(list)
    for event in events(path, type_):
        found[str(event.task)].append(float(str(event.get("duration_ms"))))
    return {task: median(durations) for task, durations in found.items()}


def paired(this: Path, other: Path, type_: str) -> tuple[float, float, float, float]:
    """(mean difference, low, high, p) over the tasks of both logs, by scipy's paired t test."""
    sides = medians(this, type_), medians(other, type_)
    tasks = sorted(sides[0].keys() & sides[1].keys())
    first, second = ([side[task] for task in tasks] for side in sides)
    found = stats.ttest_rel(first, second)
    interval = found.confidence_interval(0.95)
    return fmean(first) - fmean(second), interval.low, interval.high, found.pvalue


def holm(p_values: Iterable[float]) -> list[float]:
    """The adjusted p: the largest of (m - j) times the j-th smallest, over those that are not larger."""
    values = list(p_values)
    ordered = sorted(values)
    return [min(1.0, max((len(values) - at) * q for at, q in enumerate(ordered) if q <= p)) for p in values]


Span = tuple[float, float]


def busiest(spans: Iterable[Span]) -> int:
    """The most spans open at one moment; one that begins where another ends is after it."""
    changes = sorted((moment, change) for start, end in spans for moment, change in ((start, 1), (end, -1)))
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def covered(spans: Iterable[Span]) -> float:
    """How long at least one span is open."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def simulations(path: Path) -> list[Span]:
    """Start and end of every simulation that ended, attempts that were made again included."""
    return [_span(event) for event in events(path, "task_end")]


def calls(path: Path, type_: str, task: str | None = None) -> list[Span]:
    """Start and end of the calls of one type; of a retry, of its wait."""
    return [_span(event) for event in events(path, type_) if task in (None, event.task)]


def _span(event: Event) -> Span:
    start = float(str(event.get("start_ms")))
    length = event.get("wait_ms") if event.type == "retry" else event.get("duration_ms")
    return start, start + float(str(length))


def decoded(path: Path) -> list[tuple[float, float]]:
    """(ms from the first token to the last, tokens after the first) of the agent's calls that say both."""
    found = [event for event in events(path, "llm_call") if event.get("decode_ms") is not None]
    return [(float(str(event.get("decode_ms"))), int(str(event.get("output_tokens"))) - 1) for event in found]
