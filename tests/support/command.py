"""Run our commands: as processes, as a person does, or in this process, where a process is not the point."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

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


def in_process(main: Callable[..., Any], *words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """A command's `main` with these words, its streams taken."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    given = patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
    arguments = [str(word) for word in words]
    with redirect_stdout(out), redirect_stderr(err), given:
        try:
            code = main(arguments)
        except SystemExit as left:
            code = left.code
    return subprocess.CompletedProcess(arguments, int(code or 0), *(_text(stream) for stream in (out, err)))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
