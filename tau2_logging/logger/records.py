"""The levels PROFILE and USER_JUDGE on Python's standard `logging`, and our events as its records.

Every event also goes to whatever handler a person has attached to the `tau2_logging` logger (or above it), as a LogRecord whose
message is the line and whose `event` attribute is the Event. Without a handler this costs one look-up.
"""

from __future__ import annotations

import logging

from tau2_logging.events import PROFILE, USER_JUDGE, Event, level_name

LOGGER_NAME = "tau2_logging"
BRIDGE_MARK = "tau2_logging_bridge"
"""Attribute of a handler that is ours."""


def register_levels() -> None:
    """Tell `logging` the names of our levels. Called when logging is set up, not on import: others use 15 too."""
    for level in (PROFILE, USER_JUDGE):
        logging.addLevelName(level, level_name(level))


class RecordForwarder:
    """Hands events to the handlers of the `tau2_logging` logger, but not to our own bridge, which would write them twice."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER_NAME)

    def enabled(self, level: int) -> bool:
        """Whether somebody's handler is there and the logger's level lets the event through."""
        logger: logging.Logger | None = self._logger
        while logger is not None:
            for handler in logger.handlers:
                if not hasattr(handler, BRIDGE_MARK):
                    return self._logger.isEnabledFor(level)
            logger = logger.parent if logger.propagate else None
        return False

    def send(self, event: Event, line: str) -> None:
        """One record a handler can format, filter and route like any other; `record.event` holds the fields."""
        record = self._logger.makeRecord(LOGGER_NAME, event.level, "", 0, line, (), None, extra={"event": event})
        record.levelname = level_name(event.level)
        self._logger.handle(record)
