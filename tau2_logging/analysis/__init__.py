"""From a log to answers: reading, tables, statistics and reports. Needs neither tau2 nor litellm.

from tau2_logging.analysis import load_log

log = load_log("logs/tau2_retail.log")
log.latency(by="model")
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:200,muzzy_decay_ms:0")  # before polars is imported: it gives memory back sooner

from tau2_logging.analysis.load import load_log
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.analysis.store.file_counts import Rejected

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer

__all__ = ["LogAnalyzer", "Rejected", "ReportOptions", "RunLog", "load_log"]


def __getattr__(name: str) -> Any:
    """LogAnalyzer is imported when it is asked for: it needs scipy."""
    if name == "LogAnalyzer":
        return importlib.import_module("tau2_logging.analysis.deep").LogAnalyzer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
