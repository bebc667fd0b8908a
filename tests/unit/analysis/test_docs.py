"""The example in docs/ runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_every_block_of_the_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/analysis_example.md").read_text(), re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/analysis_example.md", "exec"), names)


def test_the_manual_names_every_option_of_the_command_and_every_format() -> None:
    from tau2_logging.analysis.reports import REPORTS
    from tau2_logging.cli.analyze_timing import build_parser

    manual = (ROOT / "docs/analysis.md").read_text()
    options = [option for action in build_parser()._actions for option in action.option_strings[-1:] if option != "--help"]
    names = {option.replace("_", "-") for option in options}
    assert not [name for name in names if name not in manual.replace("_", "-")]
    assert not [name for name in REPORTS if f"`{name}`" not in manual]


def test_the_formats_in_the_help_are_those_that_there_are() -> None:
    from tau2_logging.analysis.reports import REPORTS
    from tau2_logging.cli.analyze_timing import build_parser

    said = " ".join(build_parser().format_help().split())
    assert f"only these: {', '.join(REPORTS)}, or all (default: all but events.csv of csv; large logs: no trace, speedscope)" in said
