"""Logs in a notebook."""

from __future__ import annotations

import atexit
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.reports.html.notebook import timeline_html
from tests.support.report_samples import HOSTILE, hostile, pooled, write


class Seen(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_log_shows_its_tables_and_its_timeline(tmp_path: Path) -> None:
    """The run, the latencies and one bar for each call and each simulation, as HTML that loads nothing."""
    log = load_log(write(tmp_path / "tau2_retail.log", [pooled(12, 4)]))
    page = log._repr_html_()
    seen = Seen(page)
    assert {"Run", "Latency by type"} <= set(seen.texts)
    waiting = 1  # what the simulation that never ended was last seen waiting for
    assert seen.tags.count("rect") == len(log.calls) + 12 + waiting
    assert not re.search(r"(?:src|href)=|https?://|@import|url\(", page)
    for row in log.latency().itertuples():
        assert str(row.n) in seen.texts


def test_a_timeline_of_named_tasks_has_a_row_for_each(tmp_path: Path) -> None:
    """And its bars lie where and as long as the calls did, on one scale."""
    log = load_log(write(tmp_path / "tau2_retail.log", [pooled(12, 4)]))
    task = str(log.simulations["task"].iloc[3])
    page = timeline_html(log, [task])
    svg = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    bars = svg.findall("rect")
    calls = log.calls[log.calls["task"] == task].sort_values("start_ms", kind="stable")
    assert len({bar.get("y") for bar in bars}) == 1
    assert len(bars) == len(calls) + 1
    whole, *rest = ((float(str(bar.get("x"))), float(str(bar.get("width")))) for bar in bars)
    simulation = log.simulations[log.simulations["task"] == task].iloc[0]
    scale = whole[1] / simulation["duration_ms"]
    for (x, width), call in zip(sorted(rest), calls.itertuples(), strict=True):
        assert x - whole[0] == pytest.approx((call.start_ms - simulation["start_ms"]) * scale, abs=0.2)
        if call.type != "evaluation":  # whose bar spans its judges' calls
            assert width == pytest.approx(max(call.duration_ms * scale, 0.5), abs=0.2)


def test_what_a_log_says_is_never_markup(tmp_path: Path) -> None:
    """Ids, models and tools that look like tags stay text."""
    log = load_log(write(tmp_path / "tau2_retail.log", [hostile()]))
    seen = Seen(log._repr_html_())
    assert HOSTILE
    assert not {"script", "img", "b", "iframe"} & set(seen.tags)


@pytest.fixture
def shell() -> Iterator[Any]:
    """IPython's own shell, without history on disk."""
    interactive = pytest.importorskip("IPython.core.interactiveshell", reason="pip install ipython")
    config = pytest.importorskip("traitlets.config").Config()
    config.HistoryManager.enabled = False
    hooks = sys.excepthook, sys.displayhook
    made = interactive.InteractiveShell(config=config)
    atexit.unregister(made.atexit_operations)
    yield made
    made.atexit_operations()
    sys.excepthook, sys.displayhook = hooks


def test_the_extension_gives_a_timeline_cell(shell: Any, tmp_path: Path, capsys: Any) -> None:
    """%load_ext registers it, it shows HTML, mistakes are one line, %unload_ext takes it off."""
    path = write(tmp_path / "tau2_retail.log", [pooled(4, 2)])
    shell.run_line_magic("load_ext", "tau2_logging")
    view = shell.run_line_magic("tau2_timeline", f"'{path}' --tasks 0")
    assert view._repr_html_().count("<rect") > 3
    assert len(view.log.simulations) == 4
    assert shell.display_formatter.format(view)[0]["text/html"] == view._repr_html_()
    capsys.readouterr()
    for line in ("", f"{tmp_path}/none.log", f"'{path}' --tasks nosuch"):
        assert shell.run_line_magic("tau2_timeline", line) is None
        said = capsys.readouterr().out
        assert said.startswith("error: ")
        assert said.count("\n") == 1
    shell.run_line_magic("unload_ext", "tau2_logging")
    assert "tau2_timeline" not in shell.magics_manager.magics["line"]
