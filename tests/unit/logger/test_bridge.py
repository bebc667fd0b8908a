"""What other packages say during a run reaches the run's log, and everything is put back afterwards."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator

import pytest
from loguru import logger as loguru

from tau2_logging.events import PROFILE, decode
from tau2_logging.events.levels import DEBUG
from tau2_logging.logger import EventLogger, FakeClock, Simulation, bind
from tau2_logging.logger.bridge import Bridge
from tau2_logging.logger.logging_records import BRIDGE_MARK
from tau2_logging.sinks import MemorySink


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def logger(sink: MemorySink) -> EventLogger:
    return EventLogger("run-1", [sink], FakeClock())


@pytest.fixture
def bridge(logger: EventLogger) -> Iterator[Bridge]:
    bridge = Bridge(logger.text, PROFILE)
    bridge.install()
    yield bridge
    bridge.uninstall()


@pytest.mark.usefixtures("bridge")
def test_loguru_logging_and_warnings_are_heard(sink: MemorySink) -> None:
    """With level, source and text, for every domain where no simulation is current."""
    loguru.info("from {}", "loguru")
    logging.getLogger("litellm").warning("from %s", "logging")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("from warnings", UserWarning, stacklevel=1)
    assert [domain for domain, _ in sink.texts] == [None] * 3
    texts = [text for _, text in sink.texts]
    assert texts[0] == f"INFO {__name__} | from loguru"
    assert texts[1] == "WARNING litellm | from logging"
    assert "UserWarning: from warnings" in texts[2]


@pytest.mark.usefixtures("bridge")
def test_a_text_is_put_with_the_domain_and_task_it_was_said_in(logger: EventLogger, sink: MemorySink) -> None:
    """So that eval_retail.log has what was said in retail."""
    with bind(Simulation(logger, "retail", "7")):
        logging.getLogger("tau2").warning("said")
        loguru.warning("said")
    assert [domain for domain, _ in sink.texts] == ["retail", "retail"]
    assert all(" task=7 | said" in text for _, text in sink.texts)


@pytest.mark.usefixtures("bridge")
def test_an_exception_comes_with_its_traceback_indented(sink: MemorySink) -> None:
    """From loguru and from logging; keys in it are masked."""
    try:
        raise ValueError("bad key sk-abcdefgh12345678")
    except ValueError:
        loguru.exception("failed")
        logging.getLogger("x").exception("failed")
    for _, text in sink.texts:
        first, *rest = text.splitlines()
        assert first.endswith("| failed")
        assert any("Traceback" in line for line in rest)
        assert all(line.startswith("    ") for line in rest)
        assert "sk-abcdefgh" not in text


@pytest.mark.usefixtures("bridge")
def test_what_is_below_the_level_is_not_written(sink: MemorySink) -> None:
    """The level of the run goes for others too."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(0)
    logging.getLogger("noisy").debug("nothing")
    logging.getLogger("noisy").info("something")
    root.setLevel(before)
    loguru.debug("nothing")
    assert [text.split(" | ")[1] for _, text in sink.texts] == ["something"]


@pytest.mark.usefixtures("bridge")
def test_our_own_events_do_not_come_back(logger: EventLogger, sink: MemorySink) -> None:
    """An event that goes to somebody's handler is not written a second time by the bridge on the root logger."""
    handler, ours = logging.StreamHandler(io.StringIO()), logging.getLogger("tau2_logging")
    ours.addHandler(handler)
    ours.setLevel(PROFILE)
    try:
        logger.emit("llm_call", {"model": "m"})
    finally:
        ours.removeHandler(handler)
        ours.setLevel(0)
    assert [decode(line).type for line in sink.lines] == ["llm_call"]
    assert sink.texts == []
    assert handler.stream.getvalue().strip() == sink.lines[0]


@pytest.mark.usefixtures("bridge")
def test_the_bridge_is_nobody_who_wants_our_events() -> None:
    """Payloads are not made for it, whatever the level of the root logger."""
    root = logging.getLogger()
    before, handlers = root.level, [handler for handler in root.handlers if not hasattr(handler, BRIDGE_MARK)]
    root.setLevel(1)
    root.handlers = [handler for handler in root.handlers if handler not in handlers]
    try:
        assert root.handlers
        assert not EventLogger("run", [MemorySink(PROFILE)]).enabled(DEBUG)
    finally:
        root.setLevel(before)
        root.handlers += handlers


def test_uninstalling_puts_everything_back(logger: EventLogger, sink: MemorySink) -> None:
    """Twice installed and twice uninstalled is as good as once; afterwards nothing is heard."""
    root = logging.getLogger()
    handlers, showwarning = list(root.handlers), warnings.showwarning
    bridge = Bridge(logger.text, PROFILE)
    for _ in range(2):
        bridge.install()
    assert len(root.handlers) == len(handlers) + 1
    for _ in range(2):
        bridge.uninstall()
    assert (root.handlers, warnings.showwarning) == (handlers, showwarning)
    loguru.info("nobody")
    logging.getLogger("x").warning("nobody")
    assert sink.texts == []


def test_a_person_who_captures_warnings_goes_on_doing_so(logger: EventLogger) -> None:
    """What was on before is on afterwards."""
    logging.captureWarnings(True)
    captured = warnings.showwarning
    bridge = Bridge(logger.text, PROFILE)
    bridge.install()
    bridge.uninstall()
    try:
        assert warnings.showwarning is captured
    finally:
        logging.captureWarnings(False)


def test_a_bridge_whose_loguru_handlers_somebody_removed_still_uninstalls(logger: EventLogger) -> None:
    """As tau2's own run_tasks does."""
    bridge = Bridge(logger.text, PROFILE)
    bridge.install()
    loguru.remove()
    bridge.uninstall()


def test_foreign_text_cannot_pose_as_an_event(logger: EventLogger, sink: MemorySink, bridge: Bridge) -> None:
    """A model's words that tau2 logs hold the line of an event: grep does not find it, the reader refuses it."""
    logging.getLogger("tau2").warning("said:\n[PROFILE] 2026-11-20 17:45:01.123 task=1 thread=1 type=llm_call duration_ms=1.000")
    assert " type=" not in sink.texts[0][1]
    assert "type\\u003dllm_call" in sink.texts[0][1]
