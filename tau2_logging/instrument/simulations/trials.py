"""Which trial of its task a simulation is, if tau2's own runner starts it and does not say."""

from __future__ import annotations

import threading
from collections import defaultdict


class Trials:
    """Numbers trials from 0. tau2 gives every trial a seed of its own: a seed that was there is the same trial, run again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seeds: defaultdict[tuple[str, str], list[int | None]] = defaultdict(list)

    def number(self, domain: str, task: str, seed: int | None) -> int:
        """Return the trial of a simulation that starts now; without a seed it is a new one."""
        with self._lock:
            seeds = self._seeds[domain, task]
            if seed is None or seed not in seeds:
                seeds.append(seed)
                return len(seeds) - 1
            return seeds.index(seed)
