"""Each domain has a file of its events and a file of everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.events import PROFILE
from tau2_logging.logger import EventLogger, FakeClock, Simulation
from tau2_logging.sinks import DomainFiles, MemorySink
from tau2_logging.sinks.domain_files import all_path, events_path


@pytest.fixture
def files(tmp_path: Path) -> Iterator[DomainFiles]:
    files = DomainFiles(tmp_path, ["retail", "mock"], PROFILE)
    yield files
    files.close()


def read(directory: Path) -> dict[str, str]:
    """Every file with its text."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.iterdir())}


def test_an_event_goes_to_both_files_of_its_domain_and_text_to_one(tmp_path: Path, files: DomainFiles) -> None:
    """Event lines are the same to the byte in both; an event of the run is in every domain's files."""
    files.write_line("retail", "[PROFILE] one")
    files.write_text("retail", "INFO tau2 | said\n    more")
    files.write_line(None, "[INFO] of the run")
    files.write_text(None, "to all")
    assert read(tmp_path) == {
        "eval_mock.log": "[INFO] of the run\nto all\n",
        "eval_retail.log": "[PROFILE] one\nINFO tau2 | said\n    more\n[INFO] of the run\nto all\n",
        "tau2_mock.log": "[INFO] of the run\n",
        "tau2_retail.log": "[PROFILE] one\n[INFO] of the run\n",
    }


def test_files_of_an_earlier_run_are_added_to(tmp_path: Path) -> None:
    """Each run is marked by `run=`; nothing is overwritten."""
    for run in ("run-1", "run-2"):
        logger = EventLogger(run, [DomainFiles(tmp_path, ["mock"], PROFILE)], FakeClock())
        Simulation(logger, "mock", "7").emit("llm_call", {})
        logger.close()
    lines = read(tmp_path)["tau2_mock.log"].splitlines()
    assert ["run=run-1" in lines[0], "run=run-2" in lines[1], len(lines)] == [True, True, 2]


def test_any_text_can_be_written(tmp_path: Path, files: DomainFiles) -> None:
    """Text that UTF-8 cannot hold loses only what cannot be held."""
    files.write_text("retail", "half a pair \ud83d, 日本語")
    assert read(tmp_path)["eval_retail.log"] == "half a pair ?, 日本語\n"


def test_a_domain_whose_files_cannot_be_opened_does_not_raise_into_the_measured_code(files: DomainFiles) -> None:
    """The failure is counted and told in the files that are there."""
    logger = EventLogger("run", [files], FakeClock())
    logger.emit("note", {}, domain="no\0file")
    assert logger.failures == 1


def test_lines_the_system_refused_are_counted(files: DomainFiles) -> None:
    """For the warning at the end of a run."""
    assert files.lost() == (0, "")
    files.close()
    files.write_line("retail", "late")
    number, reason = files.lost()
    assert number == 2
    assert "Bad file descriptor" in reason


def test_a_folder_that_cannot_be_written_is_said_before_the_run(tmp_path: Path) -> None:
    """And the files that were opened before it are closed again."""
    events_path(tmp_path, "mock").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*tau2_mock\.log"):
        DomainFiles(tmp_path, ["retail", "mock"], PROFILE)


def test_the_names_are_those_of_the_readme(tmp_path: Path) -> None:
    """tau2_<domain>.log and eval_<domain>.log."""
    assert (events_path(tmp_path, "retail").name, all_path(tmp_path, "retail").name) == ("tau2_retail.log", "eval_retail.log")


def test_memory_keeps_what_the_files_would_hold() -> None:
    """Lines, events and texts in the order of writing, from a level on."""
    sink = MemorySink(PROFILE)
    logger = EventLogger("run", [sink], FakeClock())
    for type_ in ("llm_call", "llm_payload", "tool_call", "llm_call"):
        logger.emit(type_, {})
    logger.text("retail", "said")
    assert [event.type for event in sink.events] == ["llm_call", "tool_call", "llm_call"]
    assert (len(sink.lines), len(sink.of("llm_call")), len(sink.of("llm_call", "tool_call"))) == (3, 2, 3)
    assert sink.texts == [("retail", "said")]


def test_a_domain_that_was_not_named_loses_nothing(tmp_path: Path) -> None:
    """The first event of a domain nobody named opens its two files."""
    files = DomainFiles(tmp_path, ["mock"], 0)
    files.write_line("retail", "one")
    files.write_line("retail", "two")
    files.close()
    assert (tmp_path / "tau2_retail.log").read_text() == (tmp_path / "eval_retail.log").read_text() == "one\ntwo\n"
    assert (tmp_path / "tau2_mock.log").read_text() == ""
