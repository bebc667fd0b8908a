"""What `tau2-logging label` does, apart from its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.agreement.label_agreement import labelled_pairs
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.files.label_files import LABELS_FILE, add_label
from tau2_logging.analysis.deep.reading.files.trajectories import holds_trajectories
from tau2_logging.analysis.deep.reading.recorded import records
from tau2_logging.errors import UserError


def labeled(run: Path, task: str, trial: int, domain: str | None, fault: str, turn: int | None, note: str) -> str:
    """Add the label and return what to print. Raises UserError if there is no such simulation, or it was solved."""
    _check_one_run(run)
    row = _failed(LogAnalyzer(run), task, trial, domain)
    folder = run if run.is_dir() else run.parent
    label: dict[str, Any] = {**{name: row[name] for name in ("run", "domain", "task", "trial")}, "fault": fault, "turn": turn, "note": note}
    add_label(folder / LABELS_FILE, {name: value for name, value in label.items() if value not in (None, "")})
    pairs = labelled_pairs(LogAnalyzer(run).recorded)
    agree = sum(given == said for given, said in pairs)
    rule = f" ({row['rule']})" if row["rule"] else ""
    return (
        f"{row['domain']} {task}, trial {trial}: {fault}; the rules say {row['fault']}{rule}\n"
        f"{folder / LABELS_FILE}: the rules agree with {agree:,} of {len(pairs):,} labels"
    )


def _check_one_run(run: Path) -> None:
    """Raise UserError for a folder of several runs: a label there would be read with none of them."""
    if run.is_dir() and not (any(run.glob("results*.json")) or any(run.glob("simulations_*.jsonl")) or holds_trajectories(run)):
        runs = sorted(str(path.parent) for path in run.glob("runs/*/run.json"))
        there = f"; there are {', '.join(runs[:3])}{', ...' if len(runs) > 3 else ''}" if runs else ""
        raise UserError(f"{run} is not the folder of one run; name a results file of tau2, or a folder that holds one{there}")


def _failed(analyzer: LogAnalyzer, task: str, trial: int, domain: str | None) -> dict[str, Any]:
    simulations = records(analyzer.recorded.simulations)
    mine = [row for row in simulations if str(row["task"]) == task and domain in (None, row["domain"])]
    if not mine:
        raise UserError(f"no simulation of task {task!r}; there are {_names(simulations)}")
    if len(domains := dict.fromkeys(str(row["domain"]) for row in mine)) > 1:
        raise UserError(f"task {task!r} is in {', '.join(domains)}; name one with --domain")
    if trial not in (trials := [row["trial"] for row in mine]):
        raise UserError(f"task {task!r} has no trial {trial}; there are {', '.join(map(str, trials))}")
    for row in records(attribution(analyzer.recorded)):
        if (str(row["task"]), row["trial"], row["domain"]) == (task, trial, mine[0]["domain"]):
            return row
    raise UserError(f"task {task!r}, trial {trial} was solved; labels are for failures")


def _names(simulations: list[dict[str, Any]]) -> str:
    tasks = list(dict.fromkeys(str(row["task"]) for row in simulations))
    return ", ".join(tasks[:10]) + (f" and {len(tasks) - 10} more" if len(tasks) > 10 else "")
