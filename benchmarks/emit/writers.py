"""The same event through four loggers, each in its own fast way, each to disk before the call returns.

An event has 12 fields of its own (a model call) and its place (task, thread, type, domain, trial, run, span, parent). Every logger
writes all of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

import structlog
from loguru import logger as loguru

from tau2_logging.events import PROFILE
from tau2_logging.logger import EventLogger, Simulation, Sink
from tau2_logging.logger.logging_records import register_levels
from tau2_logging.sinks import DomainFiles
from tau2_logging.sinks.appender import Appender

Emit = Callable[[int], None]
"""Write the event of a step."""

RUN, SPAN, PARENT = "20261120-174501-1f3a", "1c9a4f2b", "1c9a4f2a"
MODEL = "openai/gpt-4.1-mini"


class Writer:
    """A logger at work. `emitter(task)` gives the function a thread calls; `files` are what it writes."""

    name = ""

    def __init__(self, directory: Path) -> None:
        self.files = [directory / f"{self.name}.log"]

    def emitter(self, task: str) -> Emit:
        raise NotImplementedError

    def close(self) -> None:
        """Flush and release."""


class Nothing(Writer):
    """Makes no event: what the measuring loop itself costs, taken off the others."""

    name = "nothing"

    def __init__(self, directory: Path) -> None:
        self.files = []

    def emitter(self, task: str) -> Emit:
        return lambda step: None


class Ours(Writer):
    """`Simulation.emit` as shipped: every event goes to the two files of its domain."""

    name = "tau2_logging, two files"

    def __init__(self, directory: Path) -> None:
        self.files = [directory / "tau2_retail.log", directory / "eval_retail.log"]
        self._logger = EventLogger(RUN, [self._sink(directory)])

    def _sink(self, directory: Path) -> Sink:
        return DomainFiles(directory, ["retail"], PROFILE)

    def emitter(self, task: str) -> Emit:
        simulation = Simulation(self._logger, "retail", task, 0, 300)

        def emit(step: int) -> None:
            simulation.emit(
                "llm_call",
                {
                    "step": step,
                    "start_ms": 1234.567 + step,
                    "duration_ms": 812.345,
                    "model": MODEL,
                    "call_type": "openai",
                    "has_tool_calls": True,
                    "input_tokens": 4321,
                    "output_tokens": 87,
                    "finish_reason": "tool_calls",
                    "attempt": 1,
                    "cost_usd": 0.00125,
                    "error": False,
                },
                span=SPAN,
                parent=PARENT,
            )

        return emit

    def close(self) -> None:
        self._logger.close()


class OneFile(Sink):
    """Ours with one file, for a comparison like for like."""

    level = PROFILE

    def __init__(self, path: Path) -> None:
        self._file = Appender(path)

    def write_line(self, domain: str | None, line: str) -> None:
        self._file.append(line.encode() + b"\n")

    def close(self) -> None:
        self._file.close()


class OursOneFile(Ours):
    """`Simulation.emit` into one file."""

    name = "tau2_logging, one file"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.files = [directory / "one.log"]

    def _sink(self, directory: Path) -> Sink:
        return OneFile(directory / "one.log")


_OWN = (
    "type=llm_call step=%d model=%s call_type=%s has_tool_calls=%s start_ms=%.3f duration_ms=%.3f input_tokens=%d output_tokens=%d "
    "finish_reason=%s attempt=%d cost_usd=%.9f error=%s domain=%s trial=%d run=%s span=%s parent=%s"
)
_OWN_BRACES = (
    "type=llm_call step={} model={} call_type={} has_tool_calls={} start_ms={:.3f} duration_ms={:.3f} input_tokens={} output_tokens={} "
    "finish_reason={} attempt={} cost_usd={:.9f} error={} domain={} trial={} run={} span={} parent={}"
)


_HEAD = "[%(levelname)s] %(asctime)s.%(msecs)03d task=%(task)s thread=%(thread)d %(message)s"
_SIMULATION: ContextVar[dict[str, object]] = ContextVar("simulation")


class StdlibText(Writer):
    """`logging.FileHandler` at its fastest: the names of the fields are typed into one format string.

    No event of ours can be written so: some of its fields may be absent, and a text may need quotes.
    """

    name = "stdlib, text, one file"

    def __init__(self, directory: Path) -> None:
        register_levels()
        self.files = [directory / "stdlib_text.log"]
        self._logger = _file_logger(self.files, _HEAD)

    def emitter(self, task: str) -> Emit:
        log, extra = self._logger.log, {"task": task}

        def emit(step: int) -> None:
            log(
                PROFILE, _OWN, step, MODEL, "openai", "true", 1234.567 + step, 812.345, 4321, 87, "tool_calls", 1, 0.00125, "false",
                "retail", 0, RUN, SPAN, PARENT, extra=extra,
            )  # fmt: skip

        return emit

    def close(self) -> None:
        _close(self._logger)


class _Fields:
    """A structured message, as the logging cookbook makes it: the fields become text when the record is formatted."""

    def __init__(self, type_: str, fields: dict[str, object]) -> None:
        self._type = type_
        self._fields = fields

    def __str__(self) -> str:
        return f"type={self._type} " + " ".join([f"{name}={value}" for name, value in self._fields.items() if value is not None])


def _add_simulation(record: logging.LogRecord) -> bool:
    record.__dict__.update(_SIMULATION.get())
    return True


class StdlibFields(Writer):
    """`logging.FileHandler` given the fields of an event, as the logging cookbook has it: a message object and a filter for the context.

    It does not quote, and writes values as `str` has them: less than the others do.
    """

    name = "stdlib, fields, one file"

    def __init__(self, directory: Path) -> None:
        register_levels()
        self.files = self._paths(directory)
        self._logger = _file_logger(self.files, f"{_HEAD} domain=%(domain)s trial=%(trial)d run=%(run)s")
        self._logger.addFilter(_add_simulation)

    def _paths(self, directory: Path) -> list[Path]:
        return [directory / "stdlib_fields.log"]

    def emitter(self, task: str) -> Emit:
        log = self._logger.log
        _SIMULATION.set({"task": task, "domain": "retail", "trial": 0, "run": RUN})

        def emit(step: int) -> None:
            fields = {
                "step": step,
                "start_ms": 1234.567 + step,
                "duration_ms": 812.345,
                "model": MODEL,
                "call_type": "openai",
                "has_tool_calls": True,
                "input_tokens": 4321,
                "output_tokens": 87,
                "finish_reason": "tool_calls",
                "attempt": 1,
                "cost_usd": 0.00125,
                "error": False,
                "span": SPAN,
                "parent": PARENT,
            }
            log(PROFILE, _Fields("llm_call", fields))

        return emit

    def close(self) -> None:
        _close(self._logger)


class StdlibFieldsTwoFiles(StdlibFields):
    """The same with the two files that ours writes."""

    name = "stdlib, fields, two files"

    def _paths(self, directory: Path) -> list[Path]:
        return [directory / "stdlib_first.log", directory / "stdlib_second.log"]


def _file_logger(paths: list[Path], line: str) -> logging.Logger:
    logger = logging.Logger("benchmark", PROFILE)
    for path in paths:
        handler = logging.FileHandler(path, encoding="utf-8")
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%d %H:%M:%S"))
        logger.addHandler(handler)
    return logger


def _close(logger: logging.Logger) -> None:
    for handler in logger.handlers:
        handler.close()


class Loguru(Writer):
    """loguru with `enqueue=False`, a logger bound once per task, its own formatter."""

    name = "loguru, text, one file"

    def __init__(self, directory: Path) -> None:
        loguru.remove()
        self.files = [directory / "loguru.log"]
        self._id = loguru.add(
            self.files[0],
            level=PROFILE,
            format="[{level}] {time:YYYY-MM-DD HH:mm:ss.SSS} task={extra[task]} thread={thread.id} {message}",
            colorize=False,
            enqueue=False,
        )

    def emitter(self, task: str) -> Emit:
        info = loguru.bind(task=task).info

        def emit(step: int) -> None:
            info(
                _OWN_BRACES, step, MODEL, "openai", "true", 1234.567 + step, 812.345, 4321, 87, "tool_calls", 1, 0.00125, "false",
                "retail", 0, RUN, SPAN, PARENT,
            )  # fmt: skip

        return emit

    def close(self) -> None:
        loguru.remove(self._id)


class Structlog(Writer):
    """structlog as its performance guide says: filtering bound logger, cached, context bound once per task, WriteLogger with its lock."""

    name = "structlog, one file"

    def __init__(self, directory: Path) -> None:
        self.files = [directory / "structlog.log"]
        self._file = open(self.files[0], "w", encoding="utf-8")  # noqa: SIM115
        processors = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S.%f", utc=False, key="time"),
            structlog.processors.LogfmtRenderer(key_order=["level", "time", "task", "thread", "event"], bool_as_flag=False),
        ]
        self._root = structlog.wrap_logger(
            structlog.WriteLogger(self._file),
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=True,
        )

    def emitter(self, task: str) -> Emit:
        bound = self._root.bind(task=task, domain="retail", trial=0, run=RUN)
        thread = threading.get_ident

        def emit(step: int) -> None:
            bound.info(
                "llm_call", thread=thread(), step=step, model=MODEL, call_type="openai", has_tool_calls=True, start_ms=1234.567 + step,
                duration_ms=812.345, input_tokens=4321, output_tokens=87, finish_reason="tool_calls", attempt=1, cost_usd=0.00125,
                error=False, span=SPAN, parent=PARENT,
            )  # fmt: skip

        return emit

    def close(self) -> None:
        self._file.close()


WRITERS: tuple[type[Writer], ...] = (Nothing, Ours, OursOneFile, StdlibFields, StdlibFieldsTwoFiles, StdlibText, Loguru, Structlog)
