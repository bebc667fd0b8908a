"""Sums over the events of a run, as they come: what the progress display and the final table show."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tau2_logging.events import EXCLUSIVE_MS, MODEL_CALL_TYPES, Event
from tau2_logging.events.levels import PROFILE
from tau2_logging.events.roles import CALL_COUNTERS
from tau2_logging.logger.sink import Sink
from tau2_logging.statistics.pass_k import mean_pass_at, mean_pass_hat
from tau2_logging.statistics.score import Score, is_solved

COUNTED = (*CALL_COUNTERS.values(), "cached_tokens", "reasoning_tokens")
"""What is counted for run_end when an event arrives, since its simulation may be broken off before it ends."""


@dataclass
class DomainTotals:
    """Sums of one domain. Money is None once a call's price was unknown; times are exclusive, in ms; `begun_s` and `ended_s` (of the last
    simulation so far) are monotonic."""

    planned: int = 0
    begun_s: float | None = None
    ended_s: float | None = None
    ok: int = 0
    errors: int = 0
    model_failures: int = 0
    """Simulations that the agent's own model ended: among `ok` if they are scored, else among `errors`."""
    timeouts: int = 0
    rewards: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    tau2_rewards: list[float] = field(default_factory=list)
    """tau2's own rewards, if another harness gives `rewards`."""
    spent_ms: dict[str, float] = field(default_factory=lambda: dict.fromkeys(EXCLUSIVE_MS, 0.0))
    duration_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    priced: int = 0
    """Calls whose price is known: without any, a sum of 0 says nothing."""
    spent_usd: float = 0.0
    """What the calls of known price cost: the least that was spent."""
    tool_errors: int = 0
    call_errors: int = 0
    retries: int = 0
    server_wait_ms: float = 0.0
    """What calls waited for servers that were down; simulations' other_ms and evaluation_ms hold it."""
    counted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))

    @property
    def done(self) -> int:
        """Simulations that have ended, however."""
        return self.ok + self.errors + self.timeouts

    @property
    def mean_reward(self) -> float | None:
        """Mean over the simulations that finished."""
        rewards = [reward for trials in self.rewards.values() for reward in trials]
        return sum(rewards) / len(rewards) if rewards else None

    @property
    def score(self) -> Score:
        """The outcome of the simulations that have ended, with its denominator."""
        rewards = [reward for trials in self.rewards.values() for reward in trials]
        unscored = Counter({"error": self.errors, "timeout": self.timeouts, "ok": self.ok - len(rewards)})
        solved = sum(map(is_solved, rewards))
        return Score(self.done, len(rewards), solved, sum(rewards), +unscored)

    def pass_hat(self) -> dict[int, float]:
        """Return pass^k, that all of k trials succeed; see `mean_pass_hat`."""
        return mean_pass_hat(self.rewards)

    def pass_at(self) -> dict[int, float]:
        """Return pass@k, that at least one of k trials succeeds; see `mean_pass_at`."""
        return mean_pass_at(self.rewards)


class LiveTotals(Sink):
    """Keeps a DomainTotals for each domain, whatever level is written to the files."""

    level = PROFILE
    wants_events = True

    def __init__(self, planned: dict[str, int]) -> None:
        self.domains = {domain: DomainTotals(planned=number) for domain, number in planned.items()}
        self._lock = threading.Lock()

    def add_finished(self, domain: str, task: str, reward: float | None, termination: str | None = None) -> None:
        """Count a simulation that an earlier start of the run has finished."""
        totals = self.domains[domain]
        totals.ok += 1
        totals.model_failures += termination == "agent_error"
        if reward is not None:
            totals.rewards[task].append(reward)

    def write_event(self, event: Event) -> None:
        """Add an event to the totals of its domain; a domain that was not planned is passed over."""
        totals = self.domains.get(str(event.get("domain")))
        if totals is None:
            return
        with self._lock:
            if event.type in CALL_COUNTERS:
                totals.counted[CALL_COUNTERS[event.type]] += 1
            if event.type in MODEL_CALL_TYPES:
                _add_call(totals, event)
            elif event.type == "tool_call":
                totals.tool_errors += event.get("error") is True
            elif event.type == "retry":
                totals.retries += 1
            elif event.type == "server_wait":
                totals.server_wait_ms += _number(event, "wait_ms")
            elif event.type == "task_end":
                _add_end(totals, event)
                totals.ended_s = time.monotonic()
            elif event.type == "task_start" and totals.begun_s is None:
                totals.begun_s = time.monotonic()

    def overall(self, name: str) -> float | None:
        """Sum of a number over the domains; None if one is unknown."""
        values = [getattr(totals, name) for totals in self.domains.values()]
        return None if any(value is None for value in values) else sum(values)


def _number(event: Event, name: str) -> float:
    value = event.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _add_call(totals: DomainTotals, event: Event) -> None:
    totals.input_tokens += int(_number(event, "input_tokens"))
    totals.output_tokens += int(_number(event, "output_tokens"))
    for name in ("cached_tokens", "reasoning_tokens"):
        totals.counted[name] += int(_number(event, name))
    totals.call_errors += event.get("error") is True
    if event.get("cost_usd") is not None:
        totals.priced += 1
        totals.spent_usd += _number(event, "cost_usd")
        totals.cost_usd = None if totals.cost_usd is None else totals.cost_usd + _number(event, "cost_usd")
    elif event.get("input_tokens") is not None or event.get("error") is not True:  # a call that failed without a count used nothing known
        totals.cost_usd = None


def _add_end(totals: DomainTotals, event: Event) -> None:
    status = event.get("status")
    totals.ok += status == "ok"
    totals.errors += status == "error"
    totals.model_failures += event.get("termination") == "agent_error"
    totals.timeouts += status == "timeout"
    totals.duration_ms += _number(event, "duration_ms")
    for name in EXCLUSIVE_MS:
        totals.spent_ms[name] += _number(event, name)
    if status == "ok" and event.get("reward") is not None:
        totals.rewards[str(event.task)].append(_number(event, "reward"))
    if event.get("tau2_reward") is not None:
        totals.tau2_rewards.append(_number(event, "tau2_reward"))
