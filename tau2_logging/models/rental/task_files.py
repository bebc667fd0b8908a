"""Task files for rented model servers: written, and checked by SkyPilot and by us."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.models.rental import checks
from tau2_logging.models.rental.hints import hints
from tau2_logging.models.rental.parser import refusal, skypilot_version
from tau2_logging.models.rental.render import document, render
from tau2_logging.models.rental.task import RentalTask


@dataclass(frozen=True)
class CheckResult:
    """`by`: whose checks these are. Each text is one line."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    by: str


@dataclass(frozen=True)
class Rendered:
    """The task file's text, what is doubtful about it, and what to do with it."""

    text: str
    warnings: tuple[str, ...]
    hints: str


def rendered(options: Mapping[str, Any], output: str | None, force: bool = False) -> Rendered:
    """Return a task file, written to `output` if that is given. Raises UserError."""
    task = _task(options)
    text = render(task)
    if output is not None:
        _write(Path(output), text, force)
    doubts = tuple(problem.text for problem in checks.check(document(task)))
    return Rendered(text, doubts, hints(task, output or "endpoint.yaml"))


def _task(options: Mapping[str, Any]) -> RentalTask:
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    try:
        given["vllm_args"] = tuple(shlex.split(given.get("vllm_args", "")))
    except ValueError as error:
        raise UserError(f"--vllm-args cannot be read as a shell would ({error}); check its quotes") from error
    return RentalTask(**given)


def _write(path: Path, text: str, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path} is there already; name another file, or overwrite it with --force") from None
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def validated(path: Path) -> CheckResult:
    """Return what is wrong with a task file. Raises UserError if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not a text'}") from error
    version = skypilot_version()
    by = f"SkyPilot {version}'s parser and our own checks" if version else "our own checks (SkyPilot is not installed)"
    read = checks.read_document(text)
    if isinstance(read, str):
        return CheckResult((read,), (), by)
    problems = checks.check(read)
    said = refusal(read) if version else None
    errors = [problem.text for problem in problems if problem.fatal]
    warnings = tuple(problem.text for problem in problems if not problem.fatal)
    return CheckResult((*([f"SkyPilot: {said}"] if said else []), *errors), warnings, by)
