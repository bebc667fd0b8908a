"""The levels PROFILE and USER_JUDGE on Python's standard `logging`, and our events as its records.

Every event also goes to whatever handler the user has attached to the `tau2_logging` logger (or above it), as a LogRecord whose
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
        """Return whether somebody's handler wants events of this level.

        A handler on our own logger is taken as a wish for events of every level, unless the logger has been given one: the root's
        default is WARNING. Handlers further up get what `logging` would let through to them.
        """
        own = self._own()
        if own and (self._logger.level == logging.NOTSET or level >= self._logger.level):
            return True
        return self._above() and self._logger.isEnabledFor(level)

    def _own(self) -> list[logging.Handler]:
        return [handler for handler in self._logger.handlers if not hasattr(handler, BRIDGE_MARK)] if self._logger.handlers else []

    def _above(self) -> bool:
        logger = self._logger.parent if self._logger.propagate else None
        while logger is not None:
            for handler in logger.handlers:
                if not hasattr(handler, BRIDGE_MARK):
                    return True
            logger = logger.parent if logger.propagate else None
        return False

    def send(self, event: Event, line: str) -> None:
        """One record a handler can format, filter and route like any other; `record.event` holds the fields."""
        record = self._logger.makeRecord(LOGGER_NAME, event.level, "", 0, line, (), None, extra={"event": event})
        record.levelname = level_name(event.level)
        if self._logger.isEnabledFor(event.level):
            self._logger.handle(record)
            return
        for handler in self._own():
            if event.level >= handler.level:
                handler.handle(record)
