"""Logs for the tests of the analysis, written by the real codec."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.events import KINDS, Event, canonical_fields, encode

RUN = "20261120-174501-a1b2"


def event(type_: str, task: str | None = "7", at_s: float = 1.0, thread: int = 1, **fields: Any) -> Event:
    """An event of one run, domain and trial, logged `at_s` seconds after 17:45."""
    minutes, seconds = divmod(at_s, 60)
    context = {"domain": "retail", "run": RUN, **({"trial": 0} if task is not None else {})}
    level = KINDS[type_].level if type_ in KINDS else 20
    time = f"2026-11-20 17:{45 + int(minutes):02d}:{seconds:06.3f}"
    return Event(level, time, task, thread, type_, canonical_fields({**fields, **{k: v for k, v in context.items() if k not in fields}}))


def simulation(task: str = "7", start: float = 0.0, calls: Iterable[Event] = (), thread: int = 1, **fields: Any) -> list[Event]:
    """task_start, the calls, task_end."""
    end = {"status": "ok", "reward": 1.0, "start_ms": start, "duration_ms": 1000.0, **fields}
    end_s = (start + end["duration_ms"]) / 1000
    return [event("task_start", task, start / 1000, thread, start_ms=start), *calls, event("task_end", task, end_s, thread, **end)]


def llm(task: str = "7", start: float = 0.0, ms: float = 100.0, type_: str = "llm_call", **fields: Any) -> Event:
    """A model call of 1000 tokens in and 11 out."""
    usual = {"model": "gpt-4.1", "input_tokens": 1000, "output_tokens": 11, "error": False, "step": 0}
    return event(type_, task, (start + ms) / 1000, start_ms=start, duration_ms=ms, **{**usual, **fields})


def write(folder: Path, events: Iterable[Event], name: str = "tau2_retail.log") -> Path:
    """The events as a log file."""
    path = folder / name
    path.write_text("".join(encode(one) + "\n" for one in events), encoding="utf-8")
    return path


def log_of(folder: Path, events: Iterable[Event], run: str = "latest") -> RunLog:
    """The events as the analysis reads them."""
    return load_log(write(folder, events), run)
