"""Recordings as a log: read as one, or written to a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tau2_logging.analysis.deep.reading.enhanced_logs import results_path
from tau2_logging.analysis.deep.reading.inputs import run_names
from tau2_logging.analysis.load import ALL, LATEST, load_log
from tau2_logging.analysis.recordings.inspect_eval import SUFFIX, eval_lines
from tau2_logging.analysis.recordings.recorded_simulation import LogLine, Missing
from tau2_logging.analysis.recordings.tau2_results import results_lines
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.errors import UserError


def recorded_file(name: str | Path) -> Path:
    """Return the file that is meant: a folder in which v1 keeps a run is its results.json; of tau2-enhanced's two files it is the results
    file. Raises UserError if that is missing."""
    inside = Path(name) / "results.json"
    return inside if inside.is_file() else results_path(Path(name))


def load_results(paths: Sequence[Path], run: str | Sequence[str] = LATEST) -> tuple[RunLog, Missing]:
    """Return recordings as a log that was read, and what they do not hold. `run`: as `load_log` takes it, but the latest of several files
    is all of them: the code that names them wants them. Raises UserError.
    """
    missing = Missing()
    paths = [recorded_file(path) for path in paths]
    made = log_lines(paths, missing)
    with TemporaryDirectory(prefix="tau2_recorded_") as folder:
        log = load_log(_write(made, Path(folder)), ALL if run in (LATEST, [LATEST]) and len(set(paths)) > 1 else run)
    log.files = [str(path) for path in paths]
    log.refuse(missing.refused)
    log.notes, log.doubts = missing.sentences(), missing.doubts()
    return log, missing


def write_log(paths: Sequence[Path], folder: Path, force: bool = False) -> tuple[list[Path], Missing]:
    """Return `tau2_{domain}.log` in `folder` for the domains of these files. Raises UserError, also if a log is there already."""
    missing = Missing()
    made = log_lines([recorded_file(path) for path in paths], missing)
    there = [path for domain in made if (path := folder / f"tau2_{domain}.log").exists()]
    if there and not force:
        raise UserError(f"{there[0]} exists; choose another folder, or overwrite it with --force")
    return _write(made, folder), missing


def log_lines(paths: Sequence[Path], missing: Missing) -> dict[str, list[LogLine]]:
    """Return the lines of a log by domain, of all these files together. Raises UserError if one is no recording.

    Each file is a run, called as the deep analysis calls it.
    """
    made: dict[str, list[LogLine]] = {}
    for path, run in run_names(path for path in paths if path.suffix != SUFFIX).items():
        domain, lines = results_lines(path, run, missing)
        made.setdefault(domain, []).extend(lines)
    for path in dict.fromkeys(path for path in paths if path.suffix == SUFFIX):
        domain, lines = eval_lines(path, missing)
        made.setdefault(domain, []).extend(lines)
    return made


def _write(made: Mapping[str, Sequence[LogLine]], folder: Path) -> list[Path]:
    paths = []
    folder.mkdir(parents=True, exist_ok=True)
    for domain, lines in made.items():
        path = folder / f"tau2_{domain}.log"
        path.write_text("".join(f"{line.text()}\n" for line in lines), encoding="utf-8")
        paths.append(path)
    return paths
