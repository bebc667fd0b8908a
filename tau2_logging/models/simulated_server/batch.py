"""At most so many requests run at once; the others wait in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque


class Batch:
    """Places for running requests, for one event loop. `size` None: as many as there are requests."""

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        """How many requests have no place yet."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Wait for a place. A wait that is cancelled takes none."""
        if self._size is None or self.running < self._size:
            self.running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            else:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Give the place to the next one that waits."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self.running -= 1
