"""The two processes: start them, have the first lead the second, collect what both answer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from tau2_logging.errors import UserError
from tau2_logging.parity.case import Key
from tau2_logging.parity.side import PlayRequest

IMPLEMENTATIONS = ("tau2", "maseval")
_ROOT = Path(__file__).resolve().parents[2]
_SHOWN = 15
_WORKER = "tau2_logging.cli.parity_worker"
"""What is started for a side: it puts the parts together."""


@dataclass(frozen=True)
class Implementation:
    """An implementation and the interpreter that has it."""

    name: str
    python: str

    @classmethod
    def of(cls, text: str) -> Implementation:
        """From `tau2`, `maseval`, or either followed by `@` and an interpreter. Raises UserError."""
        name, _, python = text.partition("@")
        if name not in IMPLEMENTATIONS:
            raise UserError(f"{text!r} names no implementation; write tau2 or maseval, or tau2@/path/to/python for another interpreter")
        found = shutil.which(os.path.expanduser(python)) if python else sys.executable
        if found is None:
            raise UserError(f"{text!r}: no interpreter {python}; give the path of a python that has {name} installed")
        return cls(name, found)

    def __str__(self) -> str:
        return self.name if self.python == sys.executable else f"{self.name}@{self.python}"


@dataclass(frozen=True)
class SideResults:
    """All that a side said: of itself, of every case by its key, and what its probes found."""

    about: dict[str, Any]
    cases: dict[Key, dict[str, Any]]
    probes: list[dict[str, Any]]


def play_both(left: Implementation, right: Implementation, request: PlayRequest) -> tuple[SideResults, SideResults]:
    """Play on both sides at once; `left` leads. Raises UserError, with the side's own words, when one cannot."""
    with tempfile.TemporaryDirectory(prefix="parity-") as folder, ThreadPoolExecutor(2) as pool:
        sides = [_Worker(one, Path(folder) / f"{number}.txt") for number, one in enumerate((left, right))]
        try:
            sides[0].send(asdict(request))
            sides[1].send(asdict(replace(request, leads=False)))
            led = sides[0].first()
            sides[1].first()
            sides[1].send(led)
            first, second = pool.map(_Worker.rest, sides)
        finally:
            for side in sides:
                side.close()
    return first, second


class _Worker:
    def __init__(self, implementation: Implementation, errors: Path) -> None:
        self._implementation = implementation
        self._errors = errors
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        with errors.open("wb") as stderr:
            self._process = subprocess.Popen(
                [implementation.python, "-m", _WORKER, implementation.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                text=True,
            )
        self._about: dict[str, Any] = {}

    def send(self, data: dict[str, Any]) -> None:
        stdin = _pipe(self._process.stdin)
        try:
            stdin.write(json.dumps(data) + "\n")
            stdin.flush()
        except BrokenPipeError:  # it has ended: what it said is told when it is read
            return

    def first(self) -> dict[str, Any]:
        self._about = next(self._lines())
        return self._about

    def rest(self) -> SideResults:
        answer = SideResults(self._about, {}, [])
        for line in self._lines():
            kind = line.pop("kind")
            if kind == "case":
                domain, task, fuzz, slip = line.pop("key")
                answer.cases[domain, task, fuzz, slip] = line
            elif kind == "probe":
                answer.probes.append(line)
        return answer

    def _lines(self) -> Iterator[dict[str, Any]]:
        ended = False
        for text in _pipe(self._process.stdout):
            line = json.loads(text)
            if line["kind"] == "failed":
                raise UserError(self._failure(line["error"]))
            ended = line["kind"] == "end"
            yield line
        if not ended:
            raise UserError(self._failure(f"it ended with exit code {self._process.wait()}"))

    def _failure(self, reason: str) -> str:
        if "No module named" in reason:
            missing = reason.rsplit(" ", 1)[-1].strip("'\"")
            wanted = "requirements-maseval.txt" if missing == "maseval" else "requirements.txt"
            return f"{self._implementation.python} has no {missing}; install it there with: pip install -r {wanted}"
        said = self._errors.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN:]
        return f"{self._implementation} could not be played: {reason}" + "".join(f"\n    {line}" for line in said)

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                _pipe(pipe).close()
            except BrokenPipeError:
                continue
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
