"""What the agent did right and wrong: three outcomes that are never mixed, errors, arguments, behavior, causes.

from tau2_logging.analysis.deep import LogAnalyzer

LogAnalyzer("logs/runs/<run>").get_error_analysis()["root_causes"]

The names below are found when they are asked for: a first answer on a large log needs none of this.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tau2_logging.analysis.deep.analyzer import LogAnalyzer
    from tau2_logging.analysis.deep.reading.recorded import Recorded
    from tau2_logging.analysis.deep.table_kinds import DeepTable

_HOMES = {"DeepTable": "table_kinds", "LogAnalyzer": "analyzer", "Recorded": "reading.recorded"}

__all__ = ["DeepTable", "LogAnalyzer", "Recorded"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
