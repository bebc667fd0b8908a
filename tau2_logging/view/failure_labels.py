"""The failed simulations of a run, what the rules say of each, and labels: whose fault people say it is.

A label is written beside the run (`labels.jsonl`), as the command `label` does. What a browser sends names a simulation that was found and
a fault of the list, never a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.attribution.accusation import FAULT_NAMES
from tau2_logging.analysis.deep.attribution.agreement.label_agreement import kappa, labelled_pairs
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.files.label_files import LABELS_FILE, add_label
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, records
from tau2_logging.errors import UserError
from tau2_logging.view.report_pages import may_read_beside, read_run
from tau2_logging.view.runs_folder import Run

LONGEST_NOTE = 500
_NAMED = ("domain", "task", "trial")
_SHOWN = ("domain", "task", "trial", "fault", "turn", "rule", "sentence")


def failures(run: Run) -> dict[str, Any]:
    """Return the failed simulations of a run with fault, sentence and label, the faults there are, and how far labels and rules agree.
    Raises UserError if its conversations may not be read."""
    analyzer = _analyzer(run)
    labels = {tuple(str(label.get(name)) for name in RUN_KEY): label for label in analyzer.recorded.labels}
    rows = []
    for row in records(attribution(analyzer.recorded)):
        label = labels.get(tuple(str(row[name]) for name in RUN_KEY), {})
        told = {name: row.get(name) if row.get(name) == row.get(name) else None for name in _SHOWN}
        rows.append({**told, "label": label.get("fault"), "note": str(label.get("note") or "")})
    pairs = labelled_pairs(analyzer.recorded)
    value = kappa(pairs)
    agreement = {"labels": len(pairs), "agree": sum(label == said for label, said in pairs), "kappa": value if value == value else None}
    return {"failures": rows, "faults": FAULT_NAMES, "agreement": agreement}


def save_label(run: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a label and return `failures` after it. Raises UserError for a simulation that did not fail, a fault that is none, or a folder
    that may not be written to."""
    analyzer = _analyzer(run)
    fault, note = str(given.get("fault")), " ".join(str(given.get("note") or "").split())
    if fault not in FAULT_NAMES:
        raise UserError(f"no fault {fault[:30]!r}; there are {', '.join(FAULT_NAMES)}")
    if len(note) > LONGEST_NOTE:
        raise UserError(f"the note has {len(note):,} characters; give at most {LONGEST_NOTE}")
    wanted = [str(given.get(name)) for name in _NAMED]
    found = [row for row in records(attribution(analyzer.recorded)) if [str(row[name]) for name in _NAMED] == wanted]
    if not found or run.folder is None:
        raise UserError("no such failed simulation in this run")
    label = {**{name: found[0][name] for name in RUN_KEY}, "fault": fault, "note": note}
    add_label(run.folder / LABELS_FILE, {name: value for name, value in label.items() if value != ""})
    return failures(run)


def _analyzer(run: Run) -> LogAnalyzer:
    if run.folder is None or not may_read_beside(run):
        raise UserError("labels are kept in the run's own folder, logs/runs/<run>, and this run has none that may be used")
    return LogAnalyzer.of_log(read_run(run))
