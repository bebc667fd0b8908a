"""Audits as runs and reports read them: whether a task is sound, and whether an agent that does nothing solves it.

A task is found by domain, id and the hash of its text: what was found of a text says nothing of another one under the same id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError

SOUND = "sound"
"""What `--task-set` and `--only` call the audit that is shipped."""
LIST_FILE = "sound.json"
"""The list beside the audits of a folder."""
CHANGES = "changes.json"
"""How tasks differ from another edition's, in the same folder."""
_SHIPPED = Path(__file__).parent / "data"


@dataclass(frozen=True)
class AuditedTask:
    """What an audit says of a task: `sound` (None: not known), whether an agent solves it that makes no call, that only transfers;
    `findings` are (kind, evidence)."""

    sound: bool | None
    idle: bool
    transfers: bool
    findings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Audits:
    """Audited tasks by domain, id and hash of the text. `source` is what they are called in a sentence."""

    source: str
    tasks: Mapping[tuple[str, str, str], AuditedTask]

    def of(self, domain: str, task: str, text: str | None) -> AuditedTask | None:
        """Return what is known of a task, None if it was not audited with this text."""
        return None if text is None else self.tasks.get((domain, task, text))

    def has(self, domain: str) -> bool:
        """Return whether any task of a domain was audited."""
        return any(one == domain for one, _, _ in self.tasks)

    @property
    def domains(self) -> list[str]:
        """The names of the audited domains."""
        return sorted({domain for domain, _, _ in self.tasks})


def audits_named(name: str) -> Audits:
    """Return the audits that `sound`, or the path of an audit, means. Raises UserError."""
    return shipped_audits() if name == SOUND else read_audits(Path(name))


@cache
def shipped_audits() -> Audits:
    """Return the audits in this package."""
    return _joined(sorted(_SHIPPED.glob("*/*.json")))


def read_audits(path: Path) -> Audits:
    """Return the audits of a folder that `audit` wrote, or of one of its files. Raises UserError if there are none."""
    folder = path.parent if path.name == LIST_FILE else path
    if folder.is_dir() and not list(folder.glob("*.json")):
        folder = folder / "audit"
    files = [folder] if folder.is_file() else sorted(one for one in folder.glob("*.json") if one.name not in (LIST_FILE, CHANGES))
    if not files:
        raise UserError(f"no audit in {path}; write `{SOUND}` for the one that is shipped, or a folder that the command audit wrote")
    return _joined(files)


def _joined(files: Iterable[Path]) -> Audits:
    tasks: dict[tuple[str, str, str], AuditedTask] = {}
    releases: dict[str, None] = {}
    for path in files:
        data = _read(path)
        releases[str(data["release"])] = None
        tasks |= {(str(data["domain"]), str(task["id"]), str(task["text"])): _audited(task) for task in data["tasks"]}
    return Audits(", ".join(releases), tasks)


def _read(path: Path) -> Any:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(data[name], str) for name in ("domain", "release")) and all("text" in task for task in data["tasks"]):
            return data
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path} is no audit of this version; make it with the command audit")


def _audited(task: Mapping[str, Any]) -> AuditedTask:
    idle: Mapping[str, float] = task.get("idle") or {}
    told = [one for one in task.get("findings") or () if isinstance(one, Mapping)]
    findings = tuple((str(one.get("kind")), str(one.get("evidence") or "")) for one in told)
    return AuditedTask(task.get("sound"), 1 in (idle.get("talks"), idle.get("stops")), idle.get("transfers") == 1, findings)
