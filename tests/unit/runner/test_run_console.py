"""What a run says fits a terminal, and can be copied from it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tau2_logging.runner.run_console import RunConsole

PROSE = "No real model is evaluated: the built-in scripted models play agent, user and judge. Name one with --model gpt-4.1 (see README)."
COMMAND = "next:    python analyze_timing_from_tau2_log.py a/folder/whose/name/is/rather/long/as/they/often/are/tau2_mock.log"


@pytest.mark.parametrize("terminal", [True, False])
def test_prose_breaks_between_words_on_a_terminal_and_commands_and_files_stay_whole(terminal: bool) -> None:
    out = io.StringIO()
    console = RunConsole(Console(file=out, width=80, force_terminal=terminal, color_system=None))
    console.say(PROSE)
    console.say(COMMAND)
    *prose, command = out.getvalue().splitlines()
    assert command == COMMAND
    assert " ".join(line.strip() for line in prose) == PROSE
    assert all(len(line) <= 80 for line in prose) == terminal
