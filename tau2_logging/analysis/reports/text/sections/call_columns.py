"""The columns of tables that list calls: slowest calls, errors, retries, stragglers."""

from __future__ import annotations

from tau2_logging.analysis.reports.text.sections.section import Show, text
from tau2_logging.units import count, number, share
from tau2_logging.units import milliseconds as ms

CALL_COLUMNS: dict[str, tuple[str, Show]] = {
    "type": ("type", text), "domain": ("domain", text), "task": ("task", text), "trial": ("trial", text), "status": ("status", text),
    "step": ("step", text), "name": ("model or function", text), "model": ("model", text), "function": ("function", text),
    "waiting_on": ("waited on", text), "elapsed_ms": ("for ms", ms), "last_type": ("last event", text), "error_type": ("error", text),
    "n": ("n", count), "calls": ("of calls", count), "share": ("share", share), "share_of_chain": ("share of chain", share),
    "wait_ms": ("waited ms", ms), "max_attempt": ("attempts", count),
    "output_tokens": ("output tokens", count), "duration_ms": ("ms", ms), "times_median": ("x median", number),
    "behind_ms": ("behind ms", ms),
    "line": ("line", text), "file": ("file", text),
}  # fmt: skip
