"""What other packages log during a run reaches the run's own log: loguru (tau2), `logging` (litellm and others), warnings.

Foreign text is kept from posing as an event: `type=` at the start of a word is written `type\\u003d`, and every line of a text but its
first is indented.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

from tau2_logging.events.levels import level_name
from tau2_logging.events.secrets.masking import mask_text, masked_start
from tau2_logging.logger.content.error_text import traceback_text
from tau2_logging.logger.context import current
from tau2_logging.logger.logging_records import BRIDGE_MARK

_LONGEST_TEXT = 20_000
"""Characters of one message. tau2 logs a model's error page whole, a prompt of a few pages as well."""
_TYPE = re.compile(r"(?<![A-Za-z0-9_])type=")


def not_an_event(text: str) -> str:
    """Return foreign text that cannot be taken for an event, by us or by grep, on lines of its own."""
    text = mask_text(text).rstrip().replace("\0", "\\0")
    if "type=" in text:
        text = _TYPE.sub(r"type\\u003d", text)
    return "\n    ".join(text.splitlines())


class Bridge:
    """Sends what loguru, logging and warnings say to `write(domain, text)` while it is installed.

    `quiet` takes loguru's default printer off stderr meanwhile, so that it does not tear the progress display.
    """

    def __init__(self, write: Callable[[str | None, str], None], level: int, quiet: bool = True) -> None:
        self._write = write
        self._level = level
        self._quiet = quiet
        self._loguru_id: int | None = None
        self._removed_default = False
        self._captured_before = False
        self._handler: logging.Handler | None = None

    def install(self) -> None:
        """Start to listen. Idempotent."""
        if self._handler is not None:
            return
        self._handler = _RecordHandler(self._pass_on, self._level)
        logging.getLogger().addHandler(self._handler)
        self._captured_before = getattr(warnings.showwarning, "__module__", "") == "logging"
        logging.captureWarnings(True)
        self._install_loguru()

    def _install_loguru(self) -> None:
        try:
            from loguru import logger as loguru
        except ImportError:
            return
        if self._quiet:
            self._removed_default = silence_loguru()
        self._loguru_id = loguru.add(self._from_loguru, level=self._level, format="{message}", catch=True)

    def uninstall(self) -> None:
        """Stop listening and put things back as they were."""
        if self._handler is None:
            return
        logging.getLogger().removeHandler(self._handler)
        logging.captureWarnings(self._captured_before)
        self._handler = None
        if self._loguru_id is not None:
            self._uninstall_loguru(self._loguru_id)

    def _uninstall_loguru(self, handler_id: int) -> None:
        from loguru import logger as loguru

        try:
            loguru.remove(handler_id)
        except ValueError:  # tau2's own run_tasks removes every handler
            pass
        if self._removed_default:
            loguru.add(sys.stderr)
        self._loguru_id = None

    def _from_loguru(self, message: Any) -> None:
        record = message.record
        self._pass_on(record["level"].name, record["name"] or "", str(record["message"]), record["exception"])

    def _pass_on(self, level: str, source: str, text: str, exception: object = None) -> None:
        simulation = current()
        domain = simulation.domain if simulation is not None else None
        where = f" task={simulation.task}" if simulation is not None else ""
        suffix = f"\n{_exception_text(exception)}" if exception else ""
        said = text if len(text) <= _LONGEST_TEXT else masked_start(text, _LONGEST_TEXT)
        self._write(domain, not_an_event(f"{level} {source}{where} | {said}{suffix}"))


class _RecordHandler(logging.Handler):
    def __init__(self, pass_on: Callable[..., None], level: int) -> None:
        super().__init__(level)
        setattr(self, BRIDGE_MARK, True)
        self._pass_on = pass_on

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "event"):  # ours, written already
            return
        exception = record.exc_info[1] if record.exc_info else None
        self._pass_on(level_name(record.levelno), record.name, record.getMessage(), exception)


def _exception_text(exception: object) -> str:
    error = getattr(exception, "value", exception)
    return traceback_text(error) if isinstance(error, BaseException) else str(exception)


def silence_loguru() -> bool:
    """Take loguru's default printer off stderr. True if it was there."""
    try:
        from loguru import logger as loguru

        loguru.remove(0)
    except (ImportError, ValueError):
        return False
    return True


def ignore_known_warnings() -> None:
    """Warnings of the packages we drive that the user can do nothing about."""
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)
