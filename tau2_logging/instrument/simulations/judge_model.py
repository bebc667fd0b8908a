"""Who answers tau2's natural-language assertions."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tau2_logging.instrument.replacing import replaced

_MODULE = "tau2.evaluator.evaluator_nl_assertions"


def own_judge() -> str:
    """Return the model that tau2 itself asks."""
    return str(importlib.import_module(_MODULE).DEFAULT_LLM_NL_ASSERTIONS)


def judged_by(llm: str | None, args: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Have this model asked inside the block; None leaves tau2's own choice."""
    if llm is None:
        return nullcontext()
    return replaced(importlib.import_module(_MODULE), DEFAULT_LLM_NL_ASSERTIONS=llm, DEFAULT_LLM_NL_ASSERTIONS_ARGS=dict(args))
