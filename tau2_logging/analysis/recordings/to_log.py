"""Recordings as a log: read as one, or written to a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tau2_logging.analysis.deep.reading.files.enhanced_logs import results_path
from tau2_logging.analysis.deep.reading.files.trajectories import holds_trajectories, whole_folders
from tau2_logging.analysis.deep.reading.inputs import run_names
from tau2_logging.analysis.load import ALL, LATEST, load_log
from tau2_logging.analysis.recordings.inspect_eval import SUFFIX, eval_lines
from tau2_logging.analysis.recordings.recorded_simulation import LogLine, Missing
from tau2_logging.analysis.recordings.tau2_results import results_lines
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.analysis.tables.event_tables import Remarks
from tau2_logging.errors import UserError


def recorded_file(name: str | Path) -> Path:
    """Return the file that is meant: of a folder in which v1 keeps a run its results.json, of the folder of a run of ours its only
    results_<domain>.json; of tau2-enhanced's two files the results file. A folder of trajectories is itself. Raises UserError."""
    path = Path(name)
    if not path.is_dir():
        return results_path(path)
    inside = [one for one in (path / "results.json", *sorted(path.glob("results_*.json"))) if one.is_file()]
    if len(inside) > 1:
        raise UserError(f"{path} holds several results files; name one: {', '.join(one.name for one in inside)}")
    if not inside and not holds_trajectories(path):
        raise UserError(f"no results in {path}; name a results file, or the folder of a run, which holds results_<domain>.json")
    return inside[0] if inside else path


def recorded_files(names: Iterable[str | Path]) -> list[Path]:
    """Return the files that are meant; a folder of trajectories in ATIF is one run. Raises UserError if one is missing."""
    return whole_folders(recorded_file(name) for name in names)


def load_results(paths: Sequence[Path], run: str | Sequence[str] = LATEST) -> tuple[RunLog, Missing]:
    """Return recordings as a log that was read, and what they do not hold. `run`: as `load_log` takes it, but the latest of several files
    is all of them: the code that names them wants them. Raises UserError.
    """
    missing = Missing()
    made = list(_recorded(recorded_files(paths), missing))
    with TemporaryDirectory(prefix="tau2_recorded_") as folder:
        logs = [_write(Path(folder) / str(number), domain, lines) for number, (_, domain, lines) in enumerate(made)]
        log = load_log(logs, ALL if run in (LATEST, [LATEST]) and len(logs) > 1 else run)
    log.files = [str(path) for path, *_ in made]
    log.readings = [replace(reading, file=name) for reading, name in zip(log.readings, log.files, strict=True)]
    log.refuse(missing.refused)
    of_runs = {name: (own.sentences(), own.doubts()) for name, own in missing.by_run.items()}
    log.remarks = Remarks((missing.sentences(), missing.doubts()), of_runs)
    return log, missing


def write_log(paths: Sequence[Path], folder: Path, force: bool = False) -> tuple[list[Path], Missing]:
    """Return `tau2_{domain}.log` in `folder` for the domains of these files. Raises UserError, also if a log is there already."""
    missing = Missing()
    made: dict[str, list[LogLine]] = {}
    for _, domain, lines in _recorded(recorded_files(paths), missing):
        made.setdefault(domain, []).extend(lines)
    there = [path for domain in made if (path := folder / f"tau2_{domain}.log").exists()]
    if there and not force:
        raise UserError(f"{there[0]} exists; choose another folder, or overwrite it with --force")
    return [_write(folder, domain, lines) for domain, lines in made.items()], missing


def _recorded(paths: Sequence[Path], missing: Missing) -> Iterator[tuple[Path, str, list[LogLine]]]:
    """Yield each file once, with its domain and the lines of the log that it amounts to. Raises UserError if one is no recording.

    Each file is a run, called as the deep analysis calls it.
    """
    for path, run in run_names(path for path in paths if path.suffix != SUFFIX).items():
        domain, lines = results_lines(path, run, own := Missing())
        missing.add(run, own)
        yield path, domain, lines
    for path in dict.fromkeys(path for path in paths if path.suffix == SUFFIX):
        domain, lines = eval_lines(path, own := Missing())
        missing.add(str(lines[0].fields["run"]), own)
        yield path, domain, lines


def _write(folder: Path, domain: str, lines: Sequence[LogLine]) -> Path:
    path = folder / f"tau2_{domain}.log"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line.text()}\n" for line in lines), encoding="utf-8")
    return path
