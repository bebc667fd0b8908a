"""Names of things in reports: files for tasks (readable if the id allows it, safe and distinct for any id), headings for logs."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tau2_logging.units import is_unknown

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")


def safe_name(text: str) -> str:
    """Return a part of a file name for any text; different texts give different names, also if the file system ignores case.

    A short text of lower-case letters, digits, `_`, `.` and `-` stays as it is. Anything else (telecom's ids run to 215 characters
    with `[`, `|` and `:`) becomes its first readable characters, `~`, and 12 digits of its SHA-256.
    """
    if _PLAIN.fullmatch(text):
        return text
    readable = re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{readable}~{digest}"


def heading(log: RunLog) -> str:
    """Return what a log is called at the head of a report: its run, or its runs, or its files if it names no run."""
    if log.run_id:
        return f"Run {log.run_id}"
    if len(log.by_run) > 1:
        return f"{len(log.by_run)} runs"
    return f"Run {log.runs[0]}" if log.runs else ", ".join(Path(name).name for name in log.files)


def run_folder(log: RunLog) -> str:
    """Return the folder of a run among several."""
    return safe_name(log.run_id) if log.run_id else "without_a_name"


def row_name(row: Any, several_domains: bool) -> str:
    """Return the same for a row of the timeline: the task, after its domain if there are several, before its trial and attempt."""
    parts = [safe_name(str(row.domain))] if several_domains and isinstance(row.domain, str) else []
    parts.append(safe_name(str(row.task)))
    trial = 0 if is_unknown(row.trial) else int(row.trial)
    if trial:
        parts.append(f"trial{trial}")
    if not row.counted:
        parts.append(f"attempt{int(row.attempt)}")
    return "_".join(parts)
