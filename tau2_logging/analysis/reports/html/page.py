"""`report.html`: one file that needs no network, with everything the user opens a report for.

Nothing from a log can become markup or code: the data are in a JSON block in which `<`, `>` and `&` are escaped, the page's own
script turns text into text nodes alone, and a content security policy admits only that script, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.reports.html.content import report_data
from tau2_logging.analysis.reports.html.conversation_blocks import conversation_data
from tau2_logging.analysis.reports.report_options import ReportOptions, output_file
from tau2_logging.analysis.timeline.build import timeline_of

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

NAME = "html"
FILES = ("report.html",)

_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = (
    "dom", "tables", "model", "charts",
    "timelines/timeline", "timelines/run_timeline", "timelines/task_timeline", "timelines/voice_timeline", "sankey",
    "reader", "experiment", "pages", "main",
)  # fmt: skip


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Writes the report."""
    path = output_file(output_dir, FILES[0])
    conversations, blocks = conversation_data(log, timeline_of(log), options)
    path.write_text(page({**report_data(log, options), "conversations": conversations}, blocks), encoding="utf-8")
    return [path]


def page(data: dict[str, Any], blocks: Sequence[str] = ()) -> str:
    """Return the page that shows the data; `data["title"]` is its title. `blocks`: compressed conversations, in base64."""
    return assembled(data, "".join(f"\n{asset(name)}" for name in _SCRIPTS), blocks)


def asset(name: str) -> str:
    """Return a script of the pages."""
    return (_ASSETS / f"{name}.js").read_text(encoding="utf-8")


def assembled(data: dict[str, Any], script: str, blocks: Sequence[str] = (), more_style: str = "", asks_server: bool = False) -> str:
    """A page of one script in the look of the report. `asks_server`: it may ask the server that it came from, and nobody else."""
    style = (_ASSETS / "report.css").read_text(encoding="utf-8") + more_style
    script = f'"use strict";\n(() => {{{script}}})();\n'
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'"
    policy += "; connect-src 'self'" if asks_server else ""
    parts = {"policy": policy, "title": html.escape(str(data["title"])), "style": style, "script": script, "data": script_json(data)}
    parts["blocks"] = "\n".join(
        f'<script type="application/octet-stream" id="block{number}">{block}</script>' for number, block in enumerate(blocks)
    )
    template = (_ASSETS / "template.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def script_json(data: object) -> str:
    """Return JSON that can be put into a script element: no `<`, `>`, `&`, no line separator, whatever the texts in it. Raises on NaN."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
