"""One run as its log tells it so far, kept up to date event by event."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.events.domain_label import arm_of
from tau2_logging.events.logfmt import Value
from tau2_logging.statistics.score import Score, score_of
from tau2_logging.view.seen_event import SeenEvent, Simulation, wall_seconds

_COST = re.compile(rb" cost_usd=([0-9.e+-]+)(?: |$)")
_MODEL_CALLS = frozenset(MODEL_CALL_TYPES)


@dataclass
class Spent:
    """Money, in US dollars, of calls whose price the log names, and how many have none."""

    usd: float = 0.0
    unpriced: int = 0

    def add(self, usd: float | None) -> None:
        """Add a call, or a simulation."""
        self.usd += usd or 0.0
        self.unpriced += usd is None


@dataclass
class OpenSimulation:
    """A simulation that has started and not ended. `last` is its latest event."""

    started: str
    last: SeenEvent
    spent: Spent = field(default_factory=Spent)


@dataclass
class DomainState:
    """A domain of the run: its latest run_start, the run_end after it (None before), and how long its earlier starts took."""

    start: Mapping[str, Value]
    started: str
    end: Mapping[str, Value] | None = None
    latest: str = ""
    earlier_s: float = 0.0


class RunState:
    """What a log says of one run."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.domains: dict[str, DomainState] = {}
        self.in_flight: dict[Simulation, OpenSimulation] = {}
        self.ended: dict[Simulation, tuple[float | None, str]] = {}
        self.model_calls = self.failed_calls = 0
        self._spent = Spent()

    def take(self, event: SeenEvent) -> None:
        """Take notice of the next event of the run."""
        if event.type in _TAKEN:
            _TAKEN[event.type](self, event)
        elif event.simulation is not None and (mine := self.in_flight.get(event.simulation)) is not None:
            mine.last = event
            self._call(event, mine)
        if event.domain in self.domains:
            self.domains[event.domain].latest = event.time

    def _call(self, event: SeenEvent, mine: OpenSimulation) -> None:
        if event.type not in _MODEL_CALLS:
            return
        failed, cost = b" error=true" in event.line, _COST.search(event.line)
        self.model_calls += 1
        self.failed_calls += failed
        free = failed and cost is None and b" input_tokens=" not in event.line
        mine.spent.add(float(cost[1]) if cost else 0.0 if free else None)

    def _run_start(self, event: SeenEvent) -> None:
        domain = event.domain or ""
        before = self.domains.get(domain)
        earlier = 0.0 if before is None else before.earlier_s + (self._length_s(before) or 0.0)
        self.domains[domain] = DomainState(dict(event.fields), event.time, latest=event.time, earlier_s=earlier)
        for simulation in [one for one in self.in_flight if one[0] == domain]:
            self._give_up(simulation)

    def _run_end(self, event: SeenEvent) -> None:
        if event.domain in self.domains:
            self.domains[event.domain].end = event.fields

    def _task_start(self, event: SeenEvent) -> None:
        if event.simulation is not None:
            self._give_up(event.simulation)
            self.ended.pop(event.simulation, None)
            self.in_flight[event.simulation] = OpenSimulation(event.time, event)

    def _task_end(self, event: SeenEvent) -> None:
        if event.simulation is None:
            return
        self.in_flight.pop(event.simulation, None)
        reward, cost = event.fields.get("reward"), event.fields.get("cost_usd")
        self._spent.add(_number(cost))
        self.ended[event.simulation] = (_number(reward), str(event.fields.get("status", "unknown")))

    def _give_up(self, simulation: Simulation) -> None:
        """An attempt that never ended was paid for."""
        attempt = self.in_flight.pop(simulation, None)
        if attempt is not None:
            self._spent.usd += attempt.spent.usd
            self._spent.unpriced += attempt.spent.unpriced

    @property
    def spent(self) -> Spent:
        """Everything that was paid so far, calls of simulations in flight included."""
        open_ones = [one.spent for one in self.in_flight.values()]
        return Spent(self._spent.usd + sum(one.usd for one in open_ones), self._spent.unpriced + sum(one.unpriced for one in open_ones))

    @property
    def over(self) -> bool:
        """Whether every domain that was started has ended."""
        return bool(self.domains) and all(one.end is not None for one in self.domains.values())

    @property
    def why_stopped(self) -> str:
        """What ended the run before its end; empty if nothing did."""
        ends = [one.end for one in self.domains.values() if one.end is not None]
        reasons = [str(end[name]) for end in ends for name in ("signal", "stopped_by") if end.get(name)]
        if not reasons and any(end.get("pending") for end in ends):
            reasons = ["simulations are left"]
        return ", ".join(dict.fromkeys(reasons))

    @property
    def planned(self) -> int | None:
        """Simulations that the run is to have, None if the log does not say."""
        numbers = [_number(one.start.get("simulations")) for one in self.domains.values()]
        return None if None in numbers or not numbers else int(sum(number or 0 for number in numbers))

    def scores(self, unfinished: bool) -> dict[str, Score]:
        """Return the outcome so far: of the run, under an empty name, or of each arm, which are never added up.

        `unfinished`: what is in flight will not end any more and counts as such.
        """
        outcomes = {**self.ended, **(dict.fromkeys(self.in_flight, (None, "unfinished")) if unfinished else {})}
        arms = any(arm_of(domain) for domain in self.domains)
        groups: dict[str, list[tuple[float | None, str]]] = {domain: [] for domain in self.domains} if arms else {"": []}
        for (domain, _, _), outcome in outcomes.items():
            groups.setdefault(domain if arms else "", []).append(outcome)
        return {name: score_of(found) for name, found in groups.items()}

    def utc_offset(self) -> str:
        """Return the offset of the log's times; the empty text is this machine's."""
        return next((str(one.start["utc_offset"]) for one in self.domains.values() if "utc_offset" in one.start), "")

    def wall_s(self, now_s: float | None) -> float | None:
        """Return how long the run has taken, without the pauses between its starts: up to its end or its last event, up to `now_s` if it is
        running."""
        lengths = [(one.earlier_s, self._length_s(one, now_s)) for one in self.domains.values()]
        known = [earlier + length for earlier, length in lengths if length is not None]
        return max(known, default=None)

    def _length_s(self, domain: DomainState, now_s: float | None = None) -> float | None:
        start, latest = (wall_seconds(time, self.utc_offset()) for time in (domain.started, domain.latest))
        if domain.end is not None and (took := _number(domain.end.get("duration_ms"))) is not None:
            return took / 1000
        if start is None or latest is None:
            return None
        return max((latest if now_s is None else now_s) - start, 0.0)

    def started_s(self) -> float | None:
        """Return when the latest start of the run started, in seconds since 1970."""
        times = [wall_seconds(one.started, self.utc_offset()) for one in self.domains.values()]
        return max((time for time in times if time is not None), default=None)

    def slowest(self) -> Iterator[tuple[Simulation, OpenSimulation]]:
        """Yield simulations in flight, the one that started first at the head."""
        yield from sorted(self.in_flight.items(), key=lambda one: one[1].started)


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_TAKEN = {
    "run_start": RunState._run_start, "run_end": RunState._run_end, "task_start": RunState._task_start, "task_end": RunState._task_end,
}  # fmt: skip
