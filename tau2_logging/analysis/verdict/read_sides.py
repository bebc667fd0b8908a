"""From what was named on a command line to sides: run folders, logs, results files and `.eval` in any mixture, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tau2_logging.analysis.deep.reading.files.trajectories import holds_trajectories
from tau2_logging.analysis.load import LATEST_OF_EACH, find_logs, load_log
from tau2_logging.analysis.measures.comparison.pooling import facts
from tau2_logging.analysis.recordings import load_results
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.analysis.verdict.labels import labeled, trials_of_one
from tau2_logging.analysis.verdict.sides import ComparedRun, sides_of
from tau2_logging.errors import UserError
from tau2_logging.events.benchmark_data import data_of

_LOGS = "tau2_*.log*"


def read_sides(paths: Sequence[str], run: str | Sequence[str] = LATEST_OF_EACH, labels: Sequence[str] = ()) -> list[ComparedRun]:
    """Return the sides that paths hold, at least two. Raises UserError for what cannot be read or compared."""
    found = [side for path in paths for side in sides_of(named_log(path, run), path)]
    _check_each_once(found)
    sides = trials_of_one(found)
    if len(sides) < 2:
        said = f"{', '.join(paths)}: one run with simulations, and a comparison needs two"
        raise UserError(f"{said}; name another log, results file or folder, or compare the runs of a log with --run all")
    check_same_data({side.source: side.settings for side in sides})
    return labeled(sides, labels)


def _check_each_once(sides: Sequence[ComparedRun]) -> None:
    """Raise UserError if a run is named twice: its simulations would count as further trials."""
    seen: dict[tuple[Path, str, str | None], str] = {}
    for side in sides:
        mine = (Path(side.source).resolve(), side.run, side.settings.get("arm"))
        if mine in seen:
            named = f"{seen[mine]} and {side.source} are" if seen[mine] != side.source else f"{side.source} is named twice:"
            raise UserError(f"{named} the same run, {side.run}; name each run once")
        seen[mine] = side.source


def check_same_data(runs: Mapping[str, Mapping[str, str]]) -> None:
    """Raise UserError if runs (name -> settings) are on different data of tau2: tasks with the same name are not the same tasks. A run
    that does not say passes."""
    told = {data: name for name, settings in runs.items() if (data := _data(settings)) is not None}
    if len(told) > 1:
        named = " and ".join(f"{name} (tau2's {data} data)" for data, name in sorted(told.items()))
        raise UserError(f"cannot compare {named}: tasks, databases and checks changed with v1; run both on the same release of tau2")


def _data(settings: Mapping[str, str]) -> str | None:
    return settings.get("tau2_data") or data_of(settings.get("tau2_version"))


def check_same_logs(*logs: RunLog) -> None:
    """Raise UserError if logs are on different data of tau2."""
    check_same_data({", ".join(one.files): run.settings for log in logs for one in log.by_run for run in facts(one)})


def two_sides(other: RunLog, this: RunLog) -> list[ComparedRun]:
    """Return two runs that have been read as sides, the other one first; none for runs with arms, which are more than two."""
    found = [*sides_of(other, ", ".join(other.files)), *sides_of(this, ", ".join(this.files))]
    check_same_logs(other, this)
    return labeled(found) if len(found) == 2 else []


def named_log(name: str, run: str | Sequence[str] = LATEST_OF_EACH) -> RunLog:
    """Return the log that a path is, or amounts to: a log, a results file, `.eval`, or a folder with any. Raises UserError."""
    path = Path(name)
    if path.is_dir():
        return _of_folder(path, run)
    if path.suffix in (".json", ".eval"):
        return load_results([path])[0]
    if path.suffix == ".jsonl":
        raise UserError(f"{path} is no log: it holds events or a checkpoint; name the folder of its run, or its results_<domain>.json")
    return load_log(name, run)


def _of_folder(folder: Path, run: str | Sequence[str]) -> RunLog:
    """Return the log of a folder: of logs, of one run, or of results files."""
    if logs := find_logs(folder, _LOGS) if any(folder.glob(_LOGS)) else []:
        return load_log(logs, run if run != LATEST_OF_EACH else "latest")
    if (folder / "run.json").is_file() and any((above := folder.resolve().parents[1]).glob(_LOGS)):
        log = _run_in(find_logs(above, _LOGS), folder.resolve().name)
        if log is not None:
            return log
    results = sorted(folder.glob("results_*.json")) or sorted(folder.glob("results.json"))
    if not results and not holds_trajectories(folder):
        raise UserError(f"nothing to compare in {folder}: no tau2_*.log, no run.json with its log, no results file")
    return load_results(results or [folder])[0]


def _run_in(logs: Sequence[str], run: str) -> RunLog | None:
    log = load_log(logs, "all")
    return log.of([run]) if run in log.runs else None
