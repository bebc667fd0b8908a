"""The deep analysis as files: `deep.json`, `deep.md`, one CSV a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.table_kinds import GROUPS
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.text.markdown_table import as_markdown, escape
from tau2_logging.analysis.reports.text.plain import plain, records
from tau2_logging.analysis.reports.text.sections.deep_sections import as_section

JSON_FILE, MARKDOWN_FILE, CSV_FILES = "deep.json", "deep.md", "deep_*.csv"
SCHEMA_VERSION = 1
MOST_ROWS = 40
"""Rows of one table in Markdown."""


def write_json(deep: LogAnalyzer, output_dir: Path) -> list[Path]:
    """Return every table with all rows: {schema, schema_version, runs, sources, tables: {key: {title, group, note, rows}}, sankey}."""
    path = output_file(output_dir, JSON_FILE)
    path.write_text(json.dumps(plain(content(deep)), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return [path]


def content(deep: LogAnalyzer) -> dict[str, Any]:
    """Return what deep.json says. Figures that are absent become null."""
    tables = {
        table.kind.key: {"title": table.kind.title, "group": table.kind.group, "note": table.kind.note, "rows": records(table.frame)}
        for table in deep.tables
    }
    return {
        "schema": "tau2_logging.deep",
        "schema_version": SCHEMA_VERSION,
        "runs": deep.runs,
        "sources": list(deep.recorded.sources),
        "notes": deep.notes,
        "refused_lines": len(deep.recorded.refused),
        "tables": tables,
        "attribution": tables.get("attribution", {}).get("rows", []),
        "sankey": deep.get_sankey(),
    }


def write_markdown(deep: LogAnalyzer, output_dir: Path, title: str = "") -> list[Path]:
    """Return every table, group by group, each with at most 40 rows."""
    path = output_file(output_dir, MARKDOWN_FILE)
    parts = [f"# {escape(title or 'What the agent did')}\n", *(f"> {escape(note)}\n" for note in deep.notes)]
    for group, name in GROUPS.items():
        tables = [as_markdown(as_section(table, MOST_ROWS), level=3) for table in deep.tables if table.kind.group == group]
        if tables:
            parts += [f"## {name}\n", *tables]
    path.write_text("\n".join(parts), encoding="utf-8")
    return [path]


def write_csv(deep: LogAnalyzer, output_dir: Path) -> list[Path]:
    """Return one file a table, full precision."""
    paths = []
    for table in deep.tables:
        path = output_file(output_dir, CSV_FILES.replace("*", table.kind.key))
        table.frame.to_csv(path, index=False, lineterminator="\n")
        paths.append(path)
    return paths
