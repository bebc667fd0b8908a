"""The tables on the terminal, with rich."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.reports.text.answer import answer, record_answer
from tau2_logging.analysis.reports.text.finding_lines import HEADING
from tau2_logging.analysis.reports.text.fitting import fitted, is_prose
from tau2_logging.analysis.reports.text.sections.deep_sections import brief_sections
from tau2_logging.analysis.reports.text.sections.groups import DEEP, all_sections
from tau2_logging.analysis.reports.text.sections.section import Section
from tau2_logging.analysis.reports.text.what_if_lines import REASONS, WHAT_IF, what_if_lines
from tau2_logging.errors import UserError

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

NAME = "console"
FILES: tuple[str, ...] = ()
_READABLE = 110
"""Columns of running text at most."""

_WIDTH = 200
"""Columns if the output is not a terminal: nothing is then cut to 80."""


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `leaving`, for which a reader that has seen enough is no error. rich would end the process with 1."""
        raise BrokenPipeError


def console() -> Console:
    """Return where tables go: as wide as the terminal, or as COLUMNS says; a wide page in a file."""
    terminal = _Terminal()
    return terminal if terminal.is_terminal or "COLUMNS" in os.environ else _Terminal(width=_WIDTH, soft_wrap=False)


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Print the answer on one screen, or the tables that were asked for. Writes no file."""
    attempts = Attempts()
    if options.tables:
        attempts.make("tables", _show_tables, log, options)
    else:
        attempts.make("answer", _show_answer, log, options)
    if options.deep is not None and DEEP in options.tables:
        attempts.make("what the agent did", _show_deep, options.deep)
    attempts.make("what if", _show_what_if, options, console())
    return attempts.written()


def write_record(deep: LogAnalyzer, options: ReportOptions) -> None:
    """Print the answer of results files alone, or their tables."""
    if options.tables:
        _show_deep(deep)
    else:
        _print(record_answer(deep, min(console().width, _READABLE)))


def _show_answer(log: RunLog, options: ReportOptions) -> tuple[()]:
    _print(answer(log, options, min(console().width, _READABLE)))
    return ()


def _print(lines: Iterable[str]) -> None:
    screen = console()
    for line in lines:
        screen.print(Text(line, style="bold" if line == HEADING else ""), soft_wrap=True)


def _show_tables(log: RunLog, options: ReportOptions) -> tuple[()]:
    show(all_sections(log, options, options.tables), console())
    return ()


def _show_deep(deep: LogAnalyzer) -> tuple[()]:
    show(brief_sections(deep.tables), console())
    return ()


def _show_what_if(options: ReportOptions, screen: Console) -> tuple[()]:
    for line in what_if_lines(options.what_if, min(screen.width, _READABLE)):
        screen.print(Text(line, style="bold" if line in (WHAT_IF, REASONS) else ""))
    return ()


def show(sections: Iterable[Section], screen: Console) -> None:
    """Print sections, a line apart."""
    for section in sections:
        screen.print(as_renderable(fitted(section, screen.width)))
        screen.print()


def everything(log: RunLog, options: ReportOptions, width: int) -> RenderableType:
    """Return all sections as one thing to show, for `--follow`."""
    return Group(*(as_renderable(fitted(section, width)) for one in log.by_run for section in all_sections(one, options) if section.key))


def as_renderable(section: Section) -> RenderableType:
    """Return a section as a rich table. What comes from a log is shown as it is, never read as markup."""
    table = Table(title=Text(section.title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, show_header=any(section.columns))
    for at, heading in enumerate(section.columns):
        table.add_column(Text(heading), justify="right" if heading in section.numbers else "left", no_wrap=not is_prose(section, at))
    for row in section.rows:
        table.add_row(*(_cell(value) for value in row))
    return Group(table, Text(section.note, style="dim")) if section.note else table


def _cell(value: str) -> Text:
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in value)
    return Text(printable, style={"BROKEN": "bold red", "not measured": "bold red", "met": "green", "unknown": "yellow"}.get(printable, ""))


def watch(logs: Iterator[RunLog], options: ReportOptions) -> RunLog:
    """Show the main tables of each log instead of the one before; the last log. On a page that is no terminal, one after the other."""
    screen = console()
    last: RunLog | None = None
    with Live(console=screen, auto_refresh=False, vertical_overflow="visible") as live:
        for log in logs:
            last = log
            live.update(everything(log, options, screen.width), refresh=True)
    if last is None:
        raise UserError("the log never held an event")
    return last
