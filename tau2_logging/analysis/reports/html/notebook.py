"""A log in a notebook: its main tables and its timeline, as HTML that needs nothing from anywhere and follows the notebook's theme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.reports.pictures.axis import on_axis, time_steps
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.reports.text.names import heading
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tau2_logging.analysis.reports.text.sections.section import Section
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.queries import chosen, label, slots
from tau2_logging.analysis.timeline.timeline import Timeline
from tau2_logging.errors import UserError
from tau2_logging.units import duration

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

MOST_ROWS = 60
MOST_BARS = 20_000
"""Beyond that the calls are left out of the picture, and it says so."""

_WIDTH, _LEFT, _BAR, _GAP, _TOP = 960, 190, 14, 5, 22
_STYLE = (
    '<style>.t2l{font:13px system-ui,sans-serif}.t2l table{border-collapse:collapse;margin:.2em 0 1em}.t2l th,.t2l td{padding:.15em .6em;'
    "text-align:left}.t2l .n{text-align:right;font-variant-numeric:tabular-nums}.t2l caption{text-align:left;font-weight:600}"
    ".t2l text{fill:currentColor;font:11px system-ui,sans-serif}.t2l small{opacity:.7}.t2l svg{display:block;margin-top:1em}</style>"
)  # fmt: skip


def log_html(log: RunLog) -> str:
    """Return what `RunLog` shows itself as: of each run the tables of a summary, then where the time of its longest simulations went."""
    return f'{_STYLE}<div class="t2l">{"".join(_run_html(one) for one in log.by_run)}</div>'


def _run_html(log: RunLog) -> str:
    sections = [_table(section) for section in all_sections(log, ReportOptions()) if section.key and section.rows]
    timeline = timeline_of(log)
    picture = "" if timeline.rows.empty else timeline_svg(timeline)
    return f"<h3>{escape(heading(log))}</h3>{''.join(sections)}{picture}"


def timeline_html(log: RunLog, tasks: Sequence[str] = (), most: int = MOST_ROWS) -> str:
    """Return the timeline of the named tasks (`7`, `retail:7`), or of all simulations in the slots they ran in, at most `most` rows; of
    several runs one under the other, since they have no clock in common.

    Raises UserError if no simulation is of that name.
    """
    drawn = [one for one in log.by_run if not tasks or chosen(timeline_of(one), tasks)]
    if not drawn:
        raise UserError(f"no task {' '.join(tasks)} in the log")
    heads = [f"<h3>{escape(heading(one))}</h3>" if len(log.by_run) > 1 else "" for one in drawn]
    pictures = [head + timeline_svg(timeline_of(one), tasks, most) for head, one in zip(heads, drawn, strict=True)]
    return f'{_STYLE}<div class="t2l">{"".join(pictures)}</div>'


def _table(section: Section) -> str:
    heads = "".join(f"<th{_number(section, name)}>{escape(name)}</th>" for name in section.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td{_number(section, name)}>{escape(cell)}</td>' for name, cell in zip(section.columns, row, strict=True))}</tr>"
        for row in section.rows
    )
    head = f"<thead><tr>{heads}</tr></thead>" if any(section.columns) else ""
    note = f"<small>{escape(section.note)}</small>" if section.note else ""
    return f"<table><caption>{escape(section.title)}</caption>{head}<tbody>{rows}</tbody></table>{note}"


def _number(section: Section, name: str) -> str:
    return ' class="n"' if name in section.numbers else ""


def timeline_svg(timeline: Timeline, tasks: Sequence[str] = (), most: int = MOST_ROWS) -> str:
    """Return one row a simulation of the named tasks; else one row a slot of the pool, the simulations of a slot after one another."""
    rows = timeline.rows.loc[chosen(timeline, tasks)] if tasks else timeline.rows
    places = list(range(len(rows))) if tasks else slots(rows).tolist()
    shown = rows.assign(place=places)
    hidden = int((shown["place"] >= most).sum())
    shown = shown[shown["place"] < most]
    calls = timeline.calls[timeline.calls["row"].isin(shown["row"])]
    drawn = calls if len(calls) <= MOST_BARS else calls.iloc[:0]
    start, end = float(shown["start_ms"].min()), float(shown["end_ms"].max())
    scale = (_WIDTH - _LEFT) / max(end - start, 1e-9)
    height = _TOP + (int(shown["place"].max()) + 1) * (_BAR + _GAP)
    parts = [*_axis(start, end, scale, height), *_simulations(shown, start, scale, bool(tasks)), *_calls(drawn, shown, start, scale)]
    svg = f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">{"".join(parts)}</svg>'
    return f"{svg}<div>{_legend(drawn)}</div>{_said(hidden, len(calls) - len(drawn))}"


def _said(hidden: int, left_out: int) -> str:
    notes = [f"{hidden} simulations are not shown"] if hidden else []
    notes += [f"{left_out:,} calls are not drawn; name a task to see its own"] if left_out else []
    return f"<small>{'; '.join(notes)}</small>" if notes else ""


def _axis(start: float, end: float, scale: float, height: int) -> Iterator[str]:
    text = on_axis(end)
    for step in time_steps(start, end):
        x = _LEFT + (step - start) * scale
        if _LEFT <= x <= _WIDTH - 40:
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{height}" stroke="currentColor" stroke-opacity=".15"/>'
            yield f'<text x="{x:.1f}" y="{_TOP - 9}">{text(step)}</text>'


def _simulations(rows: pd.DataFrame, start: float, scale: float, named: bool) -> Iterator[str]:
    several = rows["domain"].nunique() > 1
    labeled = set()
    row: Any
    for row in rows.itertuples():
        y = _y(row.place)
        if row.place not in labeled:
            labeled.add(row.place)
            name = label(row, several) if named else f"slot {row.place}"
            yield f'<text x="{_LEFT - 6}" y="{y + _BAR - 3}" text-anchor="end">{escape(_clip(name))}</text>'
        told = f"{label(row, several)}: {row.status}, reward {row.reward}, {duration(row.end_ms - row.start_ms)}"
        yield _bar(row.start_ms, row.end_ms, y, start, scale, colors("light")["other"], told)


def _calls(calls: pd.DataFrame, rows: pd.DataFrame, start: float, scale: float) -> Iterator[str]:
    fill, places = colors("light"), dict(zip(rows["row"], rows["place"], strict=True))
    call: Any
    for call in calls.itertuples():
        told = f"{ROLE_LABELS[call.lane]}: {call.name}{' (failed)' if call.error is True else ''}, {duration(call.own_ms)}"
        yield _bar(call.start_ms, call.end_ms, _y(places[call.row]), start, scale, fill[call.lane], told)


def _y(place: int) -> int:
    return _TOP + place * (_BAR + _GAP)


def _bar(begin: float, end: float, y: int, start: float, scale: float, color: str, told: str) -> str:
    x, width = _LEFT + (begin - start) * scale, max((end - begin) * scale, 0.5)
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{color}"><title>{escape(told)}</title></rect>'


def _legend(calls: pd.DataFrame) -> str:
    fill, lanes = colors("light"), set(calls["lane"])
    marks = (
        f'<span style="display:inline-block;width:.8em;height:.8em;background:{fill[role]};margin:0 .3em 0 .9em"></span>{name}'
        for role, name in ROLE_LABELS.items()
        if role in lanes or role == "other"
    )
    return "".join(islice(marks, len(ROLE_LABELS)))


def _clip(text: str, most: int = 28) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"
