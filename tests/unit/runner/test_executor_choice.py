"""What `--executor auto` means: threads until they would make calls look longer, and wherever only they can be right."""

from __future__ import annotations

from typing import Any

import pytest

from tau2_logging.cli.run_local import build_parser
from tau2_logging.runner.executors import choose_executor
from tau2_logging.runner.executors.choose import MOST_IN_THREADS
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.from_options import new_config

MANY = 64


def choice(units: int = 500, cores: int = 8, **settings: Any) -> tuple[str, int | None]:
    found = choose_executor(RunConfig(**{"executor": "auto", "max_concurrency": MANY, **settings}), units, cores)
    return found.executor, found.workers


def test_a_command_line_means_auto_and_a_script_means_threads() -> None:
    """A script may have registered agents of its own in this process, and nobody else knows of them."""
    assert new_config(vars(build_parser().parse_args([]))).executor == "auto"
    assert RunConfig().executor == "threads"


@pytest.mark.parametrize(
    ("cores", "at_once", "wanted"),
    [
        (8, 3, ("threads", None)), (8, MOST_IN_THREADS, ("threads", None)), (8, MOST_IN_THREADS + 1, ("processes", 3)),
        (8, 64, ("processes", 4)), (8, 1000, ("processes", 8)), (2, 64, ("processes", 2)), (1, 64, ("threads", None)),
    ],
)  # fmt: skip
def test_many_at_a_time_go_to_as_few_processes_as_are_enough(cores: int, at_once: int, wanted: tuple[str, int | None]) -> None:
    """As many are at work as there are simulations: a run of few is not worth a start."""
    assert choice(cores=cores, max_concurrency=at_once) == wanted
    assert choice(cores=cores, max_concurrency=1000, units=at_once) == wanted


@pytest.mark.parametrize(
    "settings",
    [
        {"modules": ("mine",)}, {"harness": "maseval", "maseval_agents": "mine:setup"}, {"rate_limits": ("60/",)}, {"profile": False},
        {"executor": "threads"},
    ],
)  # fmt: skip
def test_what_belongs_to_this_process_stays_in_its_threads(settings: dict[str, Any]) -> None:
    """And the run says what that does to its figures."""
    assert choice(**settings) == ("threads", None)
    note = choose_executor(RunConfig(**{"executor": "auto", "max_concurrency": MANY, **settings}), 500, 8).note
    assert note is not None
    assert note.startswith("64 simulations at a time in threads, because ")


def test_what_was_asked_for_is_done() -> None:
    assert choice(workers=2, max_concurrency=3) == ("processes", 2)
    assert choice(executor="processes", max_concurrency=1) == ("processes", None)
    assert choice(executor="ray", workers=3) == ("ray", 3)


def test_worker_processes_need_posix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tau2_logging.runner.executors.choose.os", type("Windows", (), {"name": "nt"}))
    assert choice() == ("threads", None)
