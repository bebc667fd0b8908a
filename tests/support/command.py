"""Run our commands the way a person does: as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.patience import LONG_S

ROOT = Path(__file__).resolve().parents[2]


def environment(**extra: str) -> dict[str, str]:
    """An environment without any provider's key."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_TOKEN"))}
    return {**kept, **extra}


def run_local(*words: str, timeout: float = LONG_S, **extra: str) -> subprocess.CompletedProcess[str]:
    """`python run_local.py ...`, to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run_local.py"), *words],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(**extra),
        check=False,
    )


def start_local(*words: str, **extra: str) -> subprocess.Popen[str]:
    """`python run_local.py ...`, begun."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_local.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**extra),
    )
