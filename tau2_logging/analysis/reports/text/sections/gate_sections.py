"""The gates of `--slo`: what was measured, and the limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports.text.sections.section import Section
from tau2_logging.units import is_unknown, share
from tau2_logging.units import milliseconds as ms
from tau2_logging.units import money as usd

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions


def gates(options: ReportOptions) -> Iterator[Section]:
    """Yield the gates, first what is broken."""
    rows = []
    for gate in sorted(options.slo, key=lambda gate: bool(gate["met"])):
        rows.append([str(gate["status"]), str(gate["gate"]), *gate_values(gate), str(gate["detail"])])
    columns = ["", "gate", "value", "without failures", "limit", "detail"]
    note = "A failed call counts as infinitely long. Goodput as vLLM defines it: the share that meets every objective."
    yield Section("Gates", columns, rows, frozenset(columns[2:5]), note, key=True)


def gate_values(gate: Mapping[str, object]) -> list[str]:
    """Return value, value without failures, and limit of a gate, in its unit."""
    show = {"ms": ms, "USD": usd}.get(str(gate["unit"]), share)
    unit = " ms" if gate["unit"] == "ms" else ""
    return [show(gate[name]) + ("" if is_unknown(gate[name]) else unit) for name in ("value", "plain", "limit")]
