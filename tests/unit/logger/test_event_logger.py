"""The logger writes an event to every sink that wants it, and never raises."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tau2_logging.events import KINDS, PROFILE, decode
from tau2_logging.events.levels import DEBUG, INFO, WARNING
from tau2_logging.logger import EventLogger, FakeClock, Simulation, Sink
from tau2_logging.logger.logging_records import LOGGER_NAME, register_levels
from tau2_logging.sinks import MemorySink


class Broken(Sink):
    """A sink that breaks the rule not to raise."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed = False

    def write_line(self, domain: str | None, line: str) -> None:
        raise OSError("no space left")

    def write_text(self, domain: str | None, text: str) -> None:
        self.texts.append(text)

    def close(self) -> None:
        self.closed = True
        raise OSError("no space left")


class Records(logging.Handler):
    """Somebody's handler."""

    def __init__(self, level: int = 0) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def attached(handler: logging.Handler, level: int, name: str = LOGGER_NAME) -> Iterator[None]:
    """A handler on a logger, and the level of ours, for a while."""
    ours = logging.getLogger(LOGGER_NAME)
    before = ours.level
    ours.setLevel(level)
    logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger(name).removeHandler(handler)
        ours.setLevel(before)


def test_what_a_sink_is_given_as_a_line_and_as_an_event_is_the_same() -> None:
    """Canonical values, repaired names, the context of the simulation."""
    sink = MemorySink()
    logger = EventLogger("run-1", [sink], FakeClock())
    fields = {"function": "a b", "duration_ms": 1.00049, "my field": {"x": 1}, "step": None}
    Simulation(logger, "retail", "7", 0).emit("tool_call", fields, "s1", "s0")
    logger.emit("note", {"a b": 1, "a_b": True, "text": "x=\n", "duration_ms": -0.0}, domain="retail", task="7")
    assert [decode(line) for line in sink.lines] == sink.events
    assert sink.events[0].fields == {
        "function": "a b", "duration_ms": 1.0, "my_field": '{"x": 1}', "domain": "retail", "trial": 0,
        "run": "run-1", "span": "s1", "parent": "s0",
    }  # fmt: skip


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_a_kind_is_written_at_its_own_level(type_: str) -> None:
    """And only to sinks that want that level."""
    wants, too_high = MemorySink(KINDS[type_].level), MemorySink(KINDS[type_].level + 1)
    EventLogger("run", [wants, too_high], FakeClock()).emit(type_, {})
    assert [event.level for event in wants.events] == [KINDS[type_].level]
    assert (too_high.events, too_high.lines) == ([], [])


def test_an_event_of_ones_own_is_info_unless_it_says_otherwise() -> None:
    """Types that are not in the table are welcome."""
    sink = MemorySink()
    logger = EventLogger("run", [sink], FakeClock())
    logger.emit("checkpoint_saved", {"size": 3})
    logger.emit("checkpoint_saved", {"size": 4}, level=WARNING)
    assert [(event.level, event.get("size")) for event in sink.events] == [(INFO, 3), (WARNING, 4)]


def test_enabled_says_whether_anybody_wants_a_level() -> None:
    """So that payloads are not made for nobody."""
    logger = EventLogger("run", [MemorySink(PROFILE)], FakeClock())
    assert logger.enabled(PROFILE)
    assert not logger.enabled(DEBUG)
    with attached(Records(), DEBUG):
        assert logger.enabled(DEBUG)
    assert not EventLogger("run", [], FakeClock()).enabled(PROFILE)


def test_a_sink_that_fails_is_counted_and_told_of_once_and_nothing_is_raised() -> None:
    """The measured code goes on; the first failure is written out with its traceback, and closing closes the others."""
    broken, sink = Broken(), MemorySink()
    logger = EventLogger("run", [sink, broken], FakeClock())
    for _ in range(3):
        logger.emit("note", {})
    assert logger.failures == 3
    assert len(broken.texts) == 1
    assert "no space left" in broken.texts[0]
    assert len(sink.lines) == 3
    logger.close()
    assert broken.closed


def test_a_value_that_cannot_be_written_does_not_raise() -> None:
    """An object whose text fails is written as what it is."""

    class Speechless:
        def __str__(self) -> str:
            raise RuntimeError

    sink = MemorySink()
    logger = EventLogger("run", [sink], FakeClock())
    logger.emit("note", {"text": Speechless(), "size": 10**5000})
    assert logger.failures == 0
    assert "Speechless" in str(sink.events[0].get("text"))


def test_attempt_gives_none_where_telemetry_fails() -> None:
    """What is only telemetry never reaches the caller as an exception."""
    logger = EventLogger("run", [], FakeClock())
    assert logger.attempt(int, "7") == 7
    assert logger.attempt(int, "seven") is None
    assert logger.failures == 1


def test_spans_are_unique_also_between_processes_of_a_run() -> None:
    """Two loggers of one run, as after a resume, never give the same id."""
    loggers = [EventLogger("run", [], FakeClock()) for _ in range(2)]
    spans = [logger.new_span() for logger in loggers for _ in range(500)]
    assert len(set(spans)) == 1000
    assert all(span.isalnum() for span in spans)


def test_times_count_from_the_begin_of_the_run() -> None:
    """Also when it began in an earlier process."""
    clock = FakeClock(now_ns=5_000_000)
    assert EventLogger("run", [], clock).since_start_ms(clock.now_ns() + 1_500_000) == 1.5
    assert EventLogger("run", [], clock, origin_ns=-1_000_000).since_start_ms(clock.now_ns()) == 6.0


@pytest.mark.parametrize("name", [LOGGER_NAME, None], ids=["ours", "root"])
def test_a_handler_that_somebody_attaches_gets_every_event_once(name: str | None) -> None:
    """On our logger or above it; the record has the line, the level's name and the event."""
    register_levels()
    sink, handler = MemorySink(PROFILE), Records()
    logger = EventLogger("run", [sink], FakeClock())
    with attached(handler, PROFILE, name or ""):
        logger.emit("llm_call", {"model": "100%s", "duration_ms": 1.0}, domain="retail", task="7")
        logger.emit("llm_payload", {"messages": "[]"})
    assert [record.getMessage() for record in handler.records] == sink.lines
    assert [record.event for record in handler.records] == sink.events  # type: ignore[attr-defined]
    assert [(record.levelno, record.levelname, record.name) for record in handler.records] == [(15, "PROFILE", LOGGER_NAME)]


def test_a_handler_may_want_more_than_the_files() -> None:
    """DEBUG events go to a handler although no sink takes them, and a handler's own level is obeyed."""
    sink, everything, warnings = MemorySink(PROFILE), Records(), Records(WARNING)
    logger = EventLogger("run", [sink], FakeClock())
    with attached(everything, DEBUG), attached(warnings, DEBUG):
        logger.emit("traceback", {"traceback": "..."})
        logger.emit("retry", {"attempt": 2})
    assert [event.type for event in sink.events] == ["retry"]
    assert [record.levelno for record in everything.records] == [DEBUG, WARNING]
    assert [record.levelno for record in warnings.records] == [WARNING]


def test_the_names_of_the_levels_are_ours_whatever_logging_calls_them() -> None:
    """Another package that names level 15 HTTP does not change our log."""
    register_levels()
    sink = MemorySink()
    logging.addLevelName(PROFILE, "HTTP")
    try:
        EventLogger("run", [sink], FakeClock()).emit("llm_call", {})
    finally:
        register_levels()
    assert sink.lines[0].startswith("[PROFILE] ")
    assert logging.getLevelName(15) == "PROFILE"
