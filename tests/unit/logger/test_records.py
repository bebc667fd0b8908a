"""Our events as records of Python's standard logging."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tau2_logging.logger import EventLogger


class Kept(logging.Handler):
    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def handler() -> Iterator[Kept]:
    kept = Kept()
    logging.getLogger("tau2_logging").addHandler(kept)
    yield kept
    logging.getLogger("tau2_logging").removeHandler(kept)


def test_an_attached_handler_gets_every_event_with_its_fields(handler: Kept) -> None:
    """Nothing but addHandler is needed, whatever the root's level; the message is the line and `event` holds the fields."""
    EventLogger("r", []).emit("tool_call", {"function": "get_order", "duration_ms": 1.5})
    (record,) = handler.records
    assert record.levelno == 15
    assert record.levelname == "PROFILE"
    assert "type=tool_call function=get_order" in record.getMessage()
    assert record.event.get("duration_ms") == 1.5  # type: ignore[attr-defined]


def test_levels_of_handler_and_logger_are_respected(handler: Kept) -> None:
    """A level on the handler or on the logger keeps lower events out."""
    logger = EventLogger("r", [])
    handler.setLevel(logging.WARNING)
    logger.emit("tool_call", {})
    logger.emit("stuck", {})
    assert [record.levelname for record in handler.records] == ["WARNING"]
    handler.setLevel(logging.NOTSET)
    logging.getLogger("tau2_logging").setLevel(20)
    try:
        logger.emit("tool_call", {})
        logger.emit("task_start", {})
    finally:
        logging.getLogger("tau2_logging").setLevel(logging.NOTSET)
    assert [record.levelname for record in handler.records] == ["WARNING", "INFO"]


def test_the_root_is_not_flooded(handler: Kept) -> None:
    """A handler of the root, whose level is WARNING, is not sent the profile because somebody else wants it."""
    root = Kept()
    logging.getLogger().addHandler(root)
    before = logging.getLogger().level
    logging.getLogger().setLevel(logging.WARNING)
    try:
        EventLogger("r", []).emit("tool_call", {})
        EventLogger("r", []).emit("stuck", {})
    finally:
        logging.getLogger().removeHandler(root)
        logging.getLogger().setLevel(before)
    assert [record.levelname for record in root.records] == ["WARNING"]
    assert len(handler.records) == 2


def test_the_levels_have_their_names_once_logging_is_set_up() -> None:
    """PROFILE and USER_JUDGE are known to `logging` after a logger was made."""
    EventLogger("r", [])
    assert (logging.getLevelName(15), logging.getLevelName(16)) == ("PROFILE", "USER_JUDGE")
