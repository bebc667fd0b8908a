"""What to read: results files, events, logs and run folders, distinguished by what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.deep.reading.files.enhanced_logs import results_path
from tau2_logging.analysis.deep.reading.files.event_files import read_event_file
from tau2_logging.analysis.deep.reading.files.log_files import read_log
from tau2_logging.analysis.deep.reading.files.results_files import read_checkpoint, read_results, run_name
from tau2_logging.analysis.deep.reading.files.trajectories import holds_trajectories, whole_folders
from tau2_logging.analysis.deep.reading.merge import combined, key_of
from tau2_logging.analysis.deep.reading.recorded import Recorded, Rows, tables
from tau2_logging.errors import UserError

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog


@dataclass
class Files:
    """Paths by what they hold."""

    results: list[Path] = field(default_factory=list)
    checkpoints: list[Path] = field(default_factory=list)
    events: list[Path] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())


def sort_out(paths: str | Path | Iterable[str | Path]) -> Files:
    """Return what each path is. Raises UserError if one is missing or of no use."""
    files = Files()
    for path in whole_folders([Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]):
        if holds_trajectories(path):
            files.results.append(path)
        elif path.is_dir():
            _sort_folder(path, files)
        elif not path.exists() and str(path) != "-":
            raise UserError(f"no file {path}; give a results file of tau2, events_<domain>.jsonl, a log, or the folder of a run")
        else:
            _list_for(path, files).append(results_path(path))
    return files


def is_recording(path: Path) -> bool:
    """Return whether a path is for the deep analysis alone: a results file, events, or a folder with either."""
    if not path.is_dir():
        return path.suffix in (".json", ".jsonl")
    return bool(_recordings(path)) or (any(path.glob("*.json")) and not any(path.glob("tau2_*.log*")))


def is_results(path: Path) -> bool:
    """Return whether a path is what one program wrote of a whole run: a results file of tau2 (v1: its folder), trajectories
    in ATIF, or Inspect AI's `.eval`."""
    if path.is_dir():
        return (path / "results.json").is_file() or holds_trajectories(path)
    return path.suffix in (".json", ".eval")


def _list_for(path: Path, files: Files) -> list[Path]:
    if path.suffix == ".json":
        return files.results
    if path.suffix == ".jsonl":
        return files.checkpoints if path.name.startswith("simulations_") else files.events
    return files.logs


def _recordings(folder: Path) -> list[Path]:
    names = ("results_*.json", "results.json", "events_*.jsonl", "simulations_*.jsonl")
    return sorted(path for name in names for path in folder.glob(name) if path.is_file())


def _sort_folder(folder: Path, files: Files) -> None:
    found = _recordings(folder) or sorted(folder.glob("tau2_*.log*")) or sorted(folder.glob("*.json"))
    if not found:
        raise UserError(f"nothing to read in {folder}: no results_*.json, no events_*.jsonl and no tau2_*.log; give the folder of a run")
    for path in found:
        _list_for(path, files).append(results_path(path))
    with_results = {path.stem.removeprefix("results_") for path in found if path.suffix == ".json"}
    files.checkpoints = [path for path in files.checkpoints if path.stem.removeprefix("simulations_") not in with_results]


def beside(log: RunLog) -> Files:
    """Return the results and events that our runner left beside the logs of a run: `runs/<run>/` in the folder of each log."""
    files = Files()
    for name in dict.fromkeys(str(Path(file).parent) for file in log.files if file != "-"):
        for run in [log.run_id] if log.run_id else log.runs:
            folder = Path(name) / "runs" / str(run)
            if _recordings(folder):
                _sort_folder(folder, files)
    for kind in ("results", "checkpoints", "events"):
        setattr(files, kind, [path for path in getattr(files, kind) if path.stem.partition("_")[2] in log.domains])
    return files


def run_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the run that each results file is of: the folder of our run.json, or of v1's results.json, else the file's name; if two
    files would have the same name, with their folder's name, and if need be the whole path. A file that is named twice is one.
    """
    names = {path.resolve(): run_name(path) for path in paths}
    for longer in (lambda path: f"{path.parent.name}/{path.stem}", str):
        counts = Counter((name, path.name) for path, name in names.items())
        names = {path: longer(path) if counts[name, path.name] > 1 else name for path, name in names.items()}
    return names


def read(files: Files, log: RunLog | None = None, timed: bool = True) -> Recorded:
    """Read and combine everything. Raises UserError if there is no simulation in it.

    Without `timed`, of simulations that a results file tells, neither `replies`, how long calls took, nor their arguments' size and origin
    is read, nor what was said in those that were solved: causes need none of it.
    """
    results, logs, events = Rows(), Rows(), Rows()
    for path, run in run_names(files.results).items():
        results.add(read_results(path, run, timed))
    for path in dict.fromkeys(path.resolve() for path in files.checkpoints):
        results.add(read_checkpoint(path))
    for path in dict.fromkeys(path.resolve() for path in files.events):
        events.add(read_event_file(path))
    if log is not None:
        logs = read_log(log, frozenset() if timed else frozenset(map(key_of, results.simulations)))
    if not timed:
        results.replies.clear()
    names = [str(path) for kind in (files.results, files.checkpoints, files.events) for path in kind]
    recorded = tables(combined(results, logs, events), [*names, *(log.files if log is not None else ())])
    if recorded.simulations.empty:
        raise UserError(f"no simulation in {', '.join(names[:3]) or 'the log'}; there is nothing to analyze")
    return recorded
