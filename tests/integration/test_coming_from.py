"""What people bring from other tools: the Python examples of their documents, and every row of docs/coming_from.md."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tau2_logging.analysis import LogAnalyzer, load_log
from tau2_logging.cli import analyze_timing, enhanced, rental, rescore, run_local, view
from tau2_logging.events import StateChangeEvent, ToolExecutionEvent, read_events
from tau2_logging.experiments import __main__ as experiments
from tau2_logging.parity import __main__ as parity
from tau2_logging.runner.run_enhanced import run_enhanced_simulation
from tests.support.document_snippets import ABSENT, IMPORTS, SNIPPETS, Snippet

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/coming_from.md").read_text(encoding="utf-8")
ON_PURPOSE = "## Not here, on purpose"
DOMAIN = "mock_enhanced"
PARSERS: dict[str, Callable[[list[str]], Any]] = {
    "run_local.py": lambda words: run_local.build_parser().parse_args(words),
    "analyze_timing_from_tau2_log.py": lambda words: analyze_timing.build_parser().parse_args(words),
    "tau2-enhanced": lambda words: run_local.build_parser().parse_args(enhanced.translated(words)),
    "-m tau2_logging view": lambda words: view.build_parser().parse_args(words),
    "-m tau2_logging experiments": lambda words: experiments.build_parser().parse_args(words),
    "-m tau2_logging rental": lambda words: rental.build_parser().parse_args(words),
    "-m tau2_logging rescore": lambda words: rescore.build_parser().parse_args(words),
    "-m tau2_logging parity": lambda words: parity.build_parser().parse_args(words),
}


class Row(NamedTuple):
    """A row of a table: what it is called elsewhere, and the codes that stand for it here."""

    there: str
    here: list[str]


def rows() -> Iterator[Row]:
    for line in PAGE.partition(ON_PURPOSE)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[1] not in ("here", "---"):
            yield Row(cells[0], re.findall(r"`([^`]+)`", cells[1]))


ROWS = list(rows())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder: a run and its analysis, and the same run as tau2-enhanced would have recorded it."""
    place = tmp_path_factory.mktemp("coming_from")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        results, events = run_enhanced_simulation(DOMAIN, agent="enhanced_agent", heartbeat=0.001)[1]
        with pytest.raises(SystemExit) as left:
            analyze_timing.main(["--log_dir", "logs", "--deep", "--format", "html", "json", "png"])
        assert left.value.code in (0, None)
        write_as_tau2_enhanced(results, events, place / "airline.json")
        yield place


def write_as_tau2_enhanced(results: Path, events: Path, path: Path) -> None:
    path.write_bytes(results.read_bytes())
    made = [event for event in read_events(events) if isinstance(event, ToolExecutionEvent)]
    told = [
        {"event_type": "ToolExecutionEvent", "tool_name": one.tool, "tool_args": dict(one.arguments), "execution_time": one.duration_ms,
         "timestamp": datetime.fromisoformat(one.time).timestamp()} for one in made
    ]  # fmt: skip
    logs = {"timestamp": datetime.now().isoformat(), "execution_events": told, "state_snapshots": []}
    path.with_name("airline_enhanced_logs.json").write_text(json.dumps(logs))


@pytest.fixture(scope="module")
def names(folder: Path) -> dict[str, Any]:
    """What the codes of the page are about."""
    from tau2_logging import EnhancedLLMAgent

    (events,) = folder.glob("logs/runs/*/events_*.jsonl")
    found = list(read_events(events))
    return {
        "LogAnalyzer": LogAnalyzer, "agent": EnhancedLLMAgent(), "analyzer": LogAnalyzer(events.parent),
        "event": next(event for event in found if isinstance(event, ToolExecutionEvent)),
        "change": next(event for event in found if isinstance(event, StateChangeEvent)),
        "log": load_log(folder / f"logs/tau2_{DOMAIN}.log"),
    }  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[re.sub(r"\W+", "_", row.there)[:40] for row in ROWS])
def test_a_row_of_the_page_is_true(row: Row, folder: Path, names: dict[str, Any]) -> None:
    """Code runs, a command can be given, an option exists, a file is there."""
    assert row.here, f"nothing is said of {row.there}"
    for code in row.here:
        if code.startswith("--"):
            assert code in options()
        elif code.startswith(("python ", "tau2-enhanced ")):
            parse(code)
        elif "/" in code:
            assert list(folder.glob(re.sub(r"<\w+>", "*", code))), code
        else:
            exec(code, dict(names))


def parse(command: str) -> None:
    words = shlex.split(command.removeprefix("python "))
    program = f"-m {words.pop(1)} {words.pop(1)}" if words[0] == "-m" else words[0]
    PARSERS[program](words[1:])


def options() -> set[str]:
    parsers = [run_local.build_parser(), analyze_timing.build_parser()]
    shown = {flag for parser in parsers for action in parser._actions for flag in action.option_strings}
    return shown.union(*(parser.synonyms for parser in parsers))


def test_two_files_of_tau2_enhanced_are_read_as_one_run(folder: Path) -> None:
    """As the page says of it: every call is there once, with its time; how complex its arguments are needs no events."""
    found = LogAnalyzer("airline_enhanced_logs.json").recorded.calls
    recorded = LogAnalyzer(next(folder.glob("logs/runs/*"))).recorded.calls
    assert found["complexity"].tolist() == recorded["complexity"].tolist() != []
    assert found["duration_ms"].notna().all()


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[snippet.name.replace(" ", "_") for snippet in SNIPPETS])
def test_an_example_of_a_document_runs(snippet: Snippet, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the name of the package exchanged, and nothing else."""
    try:
        exec(compile(snippet.code, snippet.name, "exec", dont_inherit=True), {"__name__": "__main__"})
    finally:
        forget_enhanced_domains()


def forget_enhanced_domains() -> None:
    """Scripts register them for good; other tests count what is there."""
    registry = importlib.import_module("tau2.registry").registry
    for table in ("_domains", "_tasks", "_task_splits"):
        for name in [name for name in getattr(registry, table, {}) if name.endswith("_enhanced")]:
            getattr(registry, table).pop(name)


@pytest.mark.parametrize(("module", "name"), IMPORTS)
def test_a_name_of_the_documents_can_be_imported(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("module", "name"), ABSENT)
def test_a_name_that_is_not_here_has_its_row(module: str, name: str) -> None:
    """With the reason."""
    assert not hasattr(importlib.import_module(module), name)
    assert name in PAGE.partition(ON_PURPOSE)[2]


def test_an_option_of_tau2s_own_command_is_taken_or_has_its_row() -> None:
    """Of the release that is installed."""
    source = Path(importlib.import_module("tau2.cli").__file__ or "").read_text(encoding="utf-8")
    flags = set(re.findall(r'"(--[a-z-]+)"', source.partition('"play"')[0]))
    taken = options() | {flag for action in enhanced.build_parser()._actions for flag in action.option_strings}
    assert {flag for flag in flags - taken if f"`{flag}`" not in PAGE} == set()
    assert len(flags) > 20


def test_the_page_says_how_many_names_are_here() -> None:
    assert f"{len(IMPORTS)} of the {len(IMPORTS) + len(ABSENT)} names" in PAGE


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Names are looked up when they are asked for; those of events need the standard library alone."""
    code = "import sys, tau2_logging; tau2_logging.ToolExecutionEvent; print({'tau2', 'litellm', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
