"""What the user allows a run to use: money and tokens in all, requests and tokens a minute."""

from __future__ import annotations

import re
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tau2_logging.errors import UserError
from tau2_logging.instrument import RateLimiter
from tau2_logging.logger.clock import Clock
from tau2_logging.sinks.totals import LiveTotals
from tau2_logging.units import money

_MINUTE_S = 60.0
_FORM = re.compile(r"^(?:(?P<model>.+)=)?(?P<requests>\d*)(?:/(?P<tokens>\d*))?$")


@dataclass(frozen=True)
class Budget:
    """The most a start of a run may spend: `max_cost` in US dollars, `max_tokens` input and output together. None is no limit.

    What is unknown is not counted: the limit is reached by what is known to be spent.
    """

    max_cost: float | None = None
    max_tokens: int | None = None

    def reached(self, totals: LiveTotals) -> tuple[str, str] | None:
        """Return (limit, sentence) once one is reached."""
        spent = totals.overall("spent_usd") or 0.0
        if self.max_cost is not None and spent >= self.max_cost:
            least = "at least " if totals.overall("cost_usd") is None else ""
            return "max_cost", f"--max-cost {self.max_cost:g} is reached (spent {least}{money(spent)})"
        tokens = (totals.overall("input_tokens") or 0) + (totals.overall("output_tokens") or 0)
        if self.max_tokens is not None and tokens >= self.max_tokens:
            return "max_tokens_total", f"--max-tokens-total {self.max_tokens} is reached (used {tokens:.0f})"
        return None


@dataclass(frozen=True)
class RateLimit:
    """At most so many requests and tokens in any 60 seconds, for one model or (`model` None) for each. None is no limit."""

    model: str | None
    requests: int | None
    tokens: int | None


def rate_limit(text: str) -> RateLimit:
    """Read `[MODEL=]RPM/TPM`; either number may be left out. Raises UserError with the value."""
    found = _FORM.match(text.strip())
    numbers = [int(found[name]) if found and found[name] else None for name in ("requests", "tokens")]
    if found is None or numbers == [None, None] or 0 in numbers:
        raise UserError(f"--rate-limit {text!r} is not [MODEL=]RPM/TPM; write 60/100000, gpt-4.1=500, or /200000 for tokens alone")
    return RateLimit(found["model"], *numbers)


def shared_out(limit: RateLimit, processes: int) -> RateLimit:
    """Return the part of a limit that each of so many processes keeps to. Raises UserError if it is less than one for each."""
    requests, tokens = (None if number is None else number // processes for number in (limit.requests, limit.tokens))
    if 0 in (requests, tokens):
        raise UserError(f"--rate-limit leaves none a minute for some of {processes} workers, who share it; give fewer --workers")
    return RateLimit(limit.model, requests, tokens)


@dataclass
class _Use:
    """A request: when it may start, and its tokens, guessed until it has ended."""

    at_s: float
    tokens: float
    settled: bool = False


@dataclass
class _Window:
    """The requests of a model that its last minute holds, those to come included, in order."""

    uses: deque[_Use] = field(default_factory=deque)
    guess: float = 0.0


class RateLimits(RateLimiter):
    """Gives each request the first moment at which the last minute has room for it. What a request will use is guessed from the last."""

    def __init__(self, limits: Iterable[RateLimit], clock: Clock | None = None) -> None:
        self._limits = {limit.model: limit for limit in limits}
        self._clock = clock or Clock()
        self._windows: dict[str, _Window] = defaultdict(_Window)
        self._lock = threading.Lock()

    def reserve(self, model: str) -> float:
        """Return the seconds until the last minute has room for a call of this model, 0 if none limits it."""
        limit = self._limits.get(model) or self._limits.get(None)
        if limit is None:
            return 0.0
        with self._lock:
            now_s = self._clock.now_ns() / 1e9
            window = self._windows[model]
            while window.uses and window.uses[0].at_s <= now_s - _MINUTE_S:
                window.uses.popleft()
            at_s = _first_moment(window, limit, now_s)
            window.uses.append(_Use(at_s, window.guess))
            return at_s - now_s

    def record_usage(self, model: str, tokens: int) -> None:
        """Note the tokens of a call that has ended: it counts for its oldest request without a figure, and is the guess for the next."""
        with self._lock:
            window = self._windows[model]
            window.guess = tokens
            oldest = next((use for use in window.uses if not use.settled), None)
            if oldest is not None:
                oldest.tokens, oldest.settled = tokens, True


def _first_moment(window: _Window, limit: RateLimit, now_s: float) -> float:
    """Now, or as soon as enough requests are a minute old; never before one that has come earlier, so that `uses` stay in order."""
    uses = window.uses
    moments = [now_s, uses[-1].at_s if uses else now_s]
    if limit.requests is not None and len(uses) >= limit.requests:
        moments.append(uses[-limit.requests].at_s + _MINUTE_S)
    if limit.tokens is not None:
        room = limit.tokens - window.guess
        for use in reversed(uses):
            room -= use.tokens
            if room < 0:
                moments.append(use.at_s + _MINUTE_S)
                break
    return max(moments)
