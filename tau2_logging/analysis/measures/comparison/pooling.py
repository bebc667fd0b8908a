"""Which runs may be added up: those that agree in everything that makes a run what it is, and in the texts of their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tau2_logging.errors import UserError
from tau2_logging.units import plural

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

PER_RUN = frozenset(
    ("time", "run", "argv", "span", "parent", "thread", "file", "line", "row", "start_ms", "simulations", "resumed", "seeds", "level")
)
"""Fields of run_start that are a run's own, however alike two runs are."""

MAY_DIFFER = frozenset(
    ("domain", "trial", "task", "type", "schema", "utc_offset", "python_version", "litellm_version", "tau2_logging_version", "seed",
     "recorded_from", "max_evaluations", "host", "worker")
)  # fmt: skip
"""More of them, which do not keep runs apart: other seeds are what further trials are made with."""

_MOST_NAMED = 5


@dataclass(frozen=True)
class RunIdentity:
    """What a run was made with. `settings`: the fields of run_start; `tasks`: a hash of the text of each (domain, task), if known."""

    run: str
    settings: Mapping[str, str]
    tasks: Mapping[tuple[str, str], str]


def run_settings(log: LogData) -> dict[str, str]:
    """Return the fields of run_start of one run as text; several values (of its domains or arms) joined."""
    found: dict[str, dict[str, None]] = {}
    for fields in log.run_start.values():
        for name, value in fields.items():
            if name not in PER_RUN and value is not None and value == value:  # not NaN
                found.setdefault(name, {})[str(value)] = None
    return {name: ", ".join(values) for name, values in found.items()}


def facts(log: LogData) -> list[RunIdentity]:
    """Return what each run of a log was made with."""
    return [RunIdentity(one.run_id or "without a name", run_settings(one), _tasks(one)) for one in log.by_run]


def _tasks(log: LogData) -> dict[tuple[str, str], str]:
    table = log.select(["domain", "task", "task_hash"], types=["task_start"]).dropna(subset=["task_hash"])
    return {(str(domain), str(task)): str(text) for domain, task, text in table.itertuples(index=False, name=None)}


def setting_differences(runs: Sequence[RunIdentity], but: Iterable[str] = ()) -> dict[str, list[str | None]]:
    """Return settings in which runs differ: name, and the value of each run (None: it does not say). `but`: settings left out."""
    left_out = frozenset(but)
    names = dict.fromkeys(name for run in runs for name in run.settings if name not in left_out)
    found = {name: [run.settings.get(name) for run in runs] for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def changed_tasks(runs: Sequence[RunIdentity]) -> list[str]:
    """Return tasks whose text is not the same in all runs that hold it, as domain:task."""
    texts: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for task, text in run.tasks.items():
            texts.setdefault(task, set()).add(text)
    return [":".join(task) for task, found in texts.items() if len(found) > 1]


def check_alike(runs: Sequence[RunIdentity]) -> None:
    """Raises UserError that names every setting in which the runs differ, and the tasks whose text differs."""
    reasons = [f"{name} ({_values(runs, values)})" for name, values in setting_differences(runs, MAY_DIFFER).items()]
    if tasks := changed_tasks(runs):
        more = ", ..." if len(tasks) > _MOST_NAMED else ""
        reasons.append(f"the text of {plural(len(tasks), 'task')} ({', '.join(tasks[:_MOST_NAMED])}{more})")
    if reasons:
        raise UserError(f"these runs cannot be pooled, they differ in {'; '.join(reasons)}. Omit --pool: each run is then shown separately")


def _values(runs: Sequence[RunIdentity], values: Sequence[str | None]) -> str:
    return ", ".join(f"{'not said' if value is None else value!r} in {run.run}" for run, value in zip(runs, values, strict=True))
