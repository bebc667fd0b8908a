"""Findings as text on the terminal, as JSON, as CSV files, and as a page of report.html with a forest plot and transcripts side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.reports.console import console, show
from tau2_logging.analysis.reports.html import page
from tau2_logging.analysis.reports.html.table_data import kind_of, label_of, table_data
from tau2_logging.analysis.reports.text.plain import plain, records
from tau2_logging.analysis.reports.text.sections.section import Section, long_text
from tau2_logging.errors import UserError
from tau2_logging.events.domain_label import arm_label
from tau2_logging.experiments.analysis import Findings, Table
from tau2_logging.experiments.planning.plan_file import Experiment
from tau2_logging.runner.work.checkpoint import read_rows
from tau2_logging.units import ABSENT, count, is_unknown, money, number

MOST_ROWS = 30
MOST_CONVERSATIONS = 12
"""Tasks whose transcripts the page holds: those that flipped most come first."""

_LONGEST = 4000
_SHARES = ("difference", "difference_low", "difference_high", "mean", "reference")


def print_findings(findings: Findings) -> None:
    """The tables and what may be said, on standard output."""
    screen = console()
    show((as_section(table) for table in findings.tables), screen)
    for sentence in findings.conclusions:
        screen.print(sentence, markup=False, highlight=False, soft_wrap=True)


def as_section(table: Table, most: int = MOST_ROWS) -> Section:
    """Return a table as text; a difference and its interval are one column each."""
    frame = _with_intervals(table).iloc[:most]
    note = table.note if len(table.frame) <= most else f"{table.note} The first {most} of {len(table.frame)} rows."
    names = [str(name) for name in frame if frame[name].notna().any()]
    numbers = frozenset(label_of(name) for name in names if pd.api.types.is_numeric_dtype(table.frame.get(name, pd.Series(dtype=object))))
    rows = [[_cell(table, name, value) for name, value in zip(names, row, strict=True)] for row in frame[names].itertuples(index=False)]
    return Section(table.title, [label_of(name) for name in names], rows, numbers, note)


def _with_intervals(table: Table) -> pd.DataFrame:
    frame = table.frame.copy()
    for name in [str(name)[:-4] for name in frame if str(name).endswith("_low")]:
        pairs = zip(frame[f"{name}_low"], frame[f"{name}_high"], strict=True)
        texts = [None if is_unknown(low) else f"{_value(table, name, low)} .. {_value(table, name, high)}" for low, high in pairs]
        place = list(frame.columns).index(f"{name}_low")
        frame = frame.drop(columns=[f"{name}_low", f"{name}_high"])
        frame.insert(place, "95 %", texts)
    return frame


def _cell(table: Table, name: str, value: Any) -> str:
    if is_unknown(value):
        return ABSENT
    return long_text(value) if isinstance(value, str) or name not in table.frame else _value(table, name, value)


def _value(table: Table, name: str, value: float) -> str:
    if name.startswith("p") and (name == "p" or name[1] == "_") and "pass" not in name:
        return "<0.001" if value < 0.001 else f"{value:.3f}"
    if name.endswith("_rate") or (name in _SHARES and table.key in ("primary", "terminations", "flips")):
        return f"{100 * value:+.1f} pts" if name.startswith("difference") else f"{100 * value:.1f} %"
    kind = kind_of(name, table.frame[name])
    if kind == "usd":
        return money(value)
    return count(value) if kind == "int" else number(value)


def write_files(findings: Findings, directory: Path) -> list[Path]:
    """Return analysis.json, a CSV for each table, and cells.csv. Raises UserError if they cannot be written."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        paths = [_write_csv(table.frame, directory / f"{table.key}.csv") for table in findings.tables if table.key != "cells"]
        paths.append(_write_csv(findings.cells.drop(columns=["user_texts"]), directory / "cells.csv"))
        path = directory / "analysis.json"
        path.write_text(json.dumps(as_json(findings), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {directory}: {error.strerror}; choose another --output-dir") from error
    return [*paths, path]


def as_json(findings: Findings) -> dict[str, Any]:
    """Return everything but the cells."""
    plan = findings.plan
    head = {"experiment": plan.name, "reference": plan.reference, "arms": list(plan.arms), "conclusions": list(findings.conclusions)}
    return {**head, "tables": {table.key: plain(records(table.frame)) for table in findings.tables}}


def _write_csv(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


def write_page(experiment: Experiment, findings: Findings, directory: Path, command: str) -> list[Path]:
    """Return report.html of the experiment's run, with a page on the experiment. Raises UserError if there is no log."""
    if not experiment.logs:
        raise UserError(f"{experiment.directory}/logs has no log of the run; run it first, or omit html from --format")
    log = load_log(experiment.logs, experiment.plan.name)
    options = ReportOptions(title=findings.plan.name, command=command, experiment=page_data(experiment, findings))
    return page.write(log, directory, options)


def page_data(experiment: Experiment, findings: Findings) -> dict[str, Any]:
    """Return what the page shows, in JSON's own types."""
    tables = [_html_table(table) for table in findings.tables]
    return {
        "reference": findings.plan.reference,
        "conclusions": list(findings.conclusions),
        "forest": [_named(row, len(findings.plan.tasks) > 1) for row in plain(records(findings.table("primary")))],
        "tables": [table for table in tables if table is not None],
        "conversations": list(conversations(experiment, findings)),
    }


def _named(row: dict[str, Any], several: bool) -> dict[str, Any]:
    return {**row, "arm": f"{row['arm']}, {row['domain']}"} if several else row


def _html_table(table: Table) -> dict[str, Any] | None:
    made = table_data(table.title, table.frame, table.note)
    if made is not None and table.key in ("primary", "terminations", "flips"):
        made["columns"] = [[name, label, "share" if name in _SHARES and kind != "text" else kind] for name, label, kind in made["columns"]]
    return made


def conversations(experiment: Experiment, findings: Findings) -> Iterator[dict[str, Any]]:
    """Yield the transcripts of the first trial of some tasks in every arm: tasks that flipped, then others."""
    plan = findings.plan
    flips = findings.table("flips")
    flipped = [(row["domain"], row["task"]) for row in flips.to_dict("records")] if not flips.empty else []
    every = [(domain, task) for domain, tasks in plan.tasks.items() for task in tasks]
    chosen = list(dict.fromkeys([*flipped, *every]))[:MOST_CONVERSATIONS]
    told = {
        key: _transcripts(experiment, *key, {task for domain, task in chosen if domain == key[0]}) for key in _files(plan.tasks, plan.arms)
    }
    for domain, task in chosen:
        arms = [{"arm": arm, **told[domain, arm].get(task, {"reward": None, "lines": []})} for arm in plan.arms]
        yield {"domain": domain, "task": task, "arms": arms}


def _files(tasks: dict[str, list[str]], arms: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield from ((domain, arm) for domain in tasks for arm in arms)


def _transcripts(experiment: Experiment, domain: str, arm: str, tasks: set[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for row in read_rows(experiment.run_dir / f"simulations_{arm_label(domain, arm)}.jsonl"):
        if row["status"] == "ok" and row["trial"] == 0 and row["task"] in tasks:
            messages = (row.get("simulation") or {}).get("messages") or []
            found[row["task"]] = {"reward": row.get("reward"), "lines": [line for message in messages for line in _lines(message)]}
    return found


def _lines(message: dict[str, Any]) -> Iterator[list[str]]:
    """Yield [who, text] of a message: its words, then its calls."""
    role = {"assistant": "agent"}.get(message["role"], str(message["role"]))
    if message.get("content"):
        yield [role, str(message["content"])[:_LONGEST]]
    for call in message.get("tool_calls") or ():
        yield [f"{role} calls", f"{call['name']}({json.dumps(call['arguments'], ensure_ascii=False)})"[:_LONGEST]]
