"""Run our commands the way a person does: as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.forked import Forked, run_forked
from tests.support.patience import LONG_S

ROOT = Path(__file__).resolve().parents[2]
RUN_LOCAL = [sys.executable, str(ROOT / "run_local.py")]


def environment(**extra: str) -> dict[str, str]:
    """An environment without any provider's key."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_TOKEN"))}
    return {**kept, **extra}


def run_local(*words: str, timeout: float = LONG_S, fresh: bool = False, **extra: str) -> subprocess.CompletedProcess[str]:
    """`python run_local.py ...`, to its end. `fresh`: by an interpreter of its own, not one that has imported tau2 already."""
    if not fresh:
        return run_forked([*RUN_LOCAL, *words], timeout=timeout, env=environment(**extra))
    return subprocess.run([*RUN_LOCAL, *words], capture_output=True, text=True, timeout=timeout, env=environment(**extra), check=False)


def start_local(*words: str, fresh: bool = False, **extra: str) -> Forked | subprocess.Popen[str]:
    """`python run_local.py ...`, begun."""
    start: Any = subprocess.Popen if fresh else Forked
    process: Forked | subprocess.Popen[str] = start(
        [*RUN_LOCAL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**extra)
    )
    return process
