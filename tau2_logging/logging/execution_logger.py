"""`ExecutionLogger`: structured events of a script of your own, as JSON Lines."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tau2_logging.events import StructuredEvent, ToolExecutionEvent, encode_event
from tau2_logging.logger import current
from tau2_logging.logger.content.argument_shape import copied
from tau2_logging.logger.content.call_fields import CallFields
from tau2_logging.logger.content.result_fields import result_fields
from tau2_logging.logger.content.sensitive import SECRETS, masked, masked_text
from tau2_logging.logging.events import ExecutionEvent, wall_time
from tau2_logging.sinks.appender import Appender


class ExecutionLogger:
    """Appends events to `log_file` and keeps them in `events`. Safe to use from several threads.

    `auto_flush`: write each event at once; otherwise every `buffer_size` events, and at `flush` and `close`. `console_output`: print each
    line, too. `masking`: secrets, all or none, as in a run. While a simulation is running, events carry its run, domain, task, trial and
    step. Raises UserError if the file cannot be written.
    """

    def __init__(
        self,
        log_file: str | Path | None = None,
        auto_flush: bool = True,
        console_output: bool = False,
        buffer_size: int = 100,
        masking: str = SECRETS,
    ) -> None:
        self.events: list[StructuredEvent] = []
        self._path = None if log_file is None else Path(log_file)
        self._file = None if self._path is None else Appender(self._path)
        self._most_waiting = 1 if auto_flush else buffer_size
        self._console = console_output
        self._masking = masking
        self._arguments = CallFields()
        self._waiting: list[str] = []
        self._lock = threading.RLock()

    def log_event(self, event: StructuredEvent | ExecutionEvent) -> None:
        """Write an event: one of your own, or one of a run's kinds."""
        given = event.structured() if isinstance(event, ExecutionEvent) else event
        event = replace(given, **_absent(given, _place()), extra=masked(dict(given.extra), self._masking))
        line = encode_event(event)
        with self._lock:
            self.events.append(event)
            self._waiting.append(line)
            if len(self._waiting) >= self._most_waiting:
                self.flush()
        if self._console:
            print(line)

    def log_tool_execution(
        self,
        tool_name: str,
        success: bool,
        execution_time: float | None,
        tool_args: Mapping[str, Any] | None = None,
        result: Any = None,
        error_message: str | None = None,
        error_type: str | None = None,
        requestor: str = "assistant",
        tool_call_id: str | None = None,
        state_changed: bool | None = None,
    ) -> None:
        """Write a tool call. `execution_time`: seconds, None if it is not known. The tool's signature is not known here, so arguments are
        not checked.
        """
        text = error_message if error_message is not None else "" if result is None else str(result)
        details = {**self._arguments.of(copied(tool_args or {}), self._masking), **result_fields(text, not success, self._masking)}
        self.log_event(
            ToolExecutionEvent(
                tool=masked_text(tool_name, self._masking),
                requestor=requestor,
                call_id=tool_call_id,
                success=success,
                error_type=error_type,
                state_changed=state_changed,
                duration_ms=None if execution_time is None else execution_time * 1000,
                **details,
            )
        )

    def get_statistics(self) -> dict[str, Any]:
        """Return how many events there are, in all and by type, how many tool calls failed, and the file."""
        events = list(self.events)
        failed = sum(isinstance(event, ToolExecutionEvent) and not event.success for event in events)
        counts = dict(Counter(event.type for event in events))
        return {"total_events": len(events), "event_counts": counts, "failed_tool_executions": failed, "log_file": self._path}

    def flush(self) -> None:
        """Write what is waiting."""
        with self._lock:
            lines, self._waiting = self._waiting, []
            if self._file is not None and lines:
                self._file.append("".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Write what is waiting and close the file; nothing can be logged afterwards."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> ExecutionLogger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """Close it when nobody has it any more, as Python closes its files."""
        with suppress(Exception):
            self.close()


def _place() -> dict[str, Any]:
    """Return the fields that say when and where it is now."""
    now = {"time": wall_time(time.time())}
    simulation = current()
    if simulation is None:
        return now
    names = ("domain", "task", "trial", "step", "phase")
    return {**now, "run": simulation.logger.run_id, **{name: getattr(simulation, name) for name in names}}


def _absent(event: StructuredEvent, place: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in place.items() if not getattr(event, name)}
