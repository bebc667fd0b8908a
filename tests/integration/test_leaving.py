"""All commands end in one way: bad input, Ctrl-C, a reader that has gone, output that cannot be written."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tau2_logging import __main__ as door
from tau2_logging.cli import (
    analyze_timing,
    audit,
    branch,
    compare,
    enhanced,
    label,
    rejudge,
    rental,
    rescore,
    results,
    results_steps,
    run_local,
    view,
)  # fmt: skip
from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.experiments import __main__ as experiments
from tau2_logging.models.simulated_server import __main__ as simulated
from tau2_logging.parity import __main__ as parity
from tests.support.command import ROOT, environment
from tests.support.forked import run_forked
from tests.support.patience import LONG_S


class Command(NamedTuple):
    """How a command is started, words that are right for it, words with a mistake, and the function that does its work."""

    program: list[str]
    main: Callable[..., Any]
    words: list[str]
    wrong: list[str]
    work: str


def module(name: str) -> list[str]:
    """A command of `python -m`."""
    return [sys.executable, "-m", name]


FULL = "cannot write the output: No space left on device; make room and start again\n"
RUN = "tau2_logging.cli.run_steps.carry_out_options"
COMMANDS = {
    "run_local.py": Command([sys.executable, "run_local.py"], run_local.main, [], ["--resume", "no/run"], RUN),
    "analyze_timing_from_tau2_log.py": Command(
        [sys.executable, "analyze_timing_from_tau2_log.py"], analyze_timing.main, [], ["--log_file", "no.log"],
        "tau2_logging.cli.analyze_steps.run",
    ),
    "enhanced": Command(
        module("tau2_logging.cli.enhanced"), enhanced.main, ["run", "--domain", "mock"],
        ["run", "--domain", "mock", "--task-set-name", "x"], RUN,
    ),
    "results": Command(
        module("tau2_logging.cli.results"), results.main, ["merge", "a", "-o", "b"], ["merge", "no.json", "-o", "b.json"], "merge",
    ),
    **{
        f"results {name}": Command([], results.main, [name, "a", *words, "-o", "b"], [], name)
        for name, words in {
            "filter": [], "to-log": [], "to-atif": [], "to-trace": ["--for", "vllm"], "to-record": ["--organization", "x"],
        }.items()
    },
    "audit": Command(
        module("tau2_logging.cli.audit"), audit.main, ["--domains", "mock"], ["--domains", "mock", "--workers", "0"],
        "tau2_logging.cli.audit_steps.audit",
    ),
    "branch": Command(
        module("tau2_logging.cli.branch"), branch.main, ["a", "1", "--scan"], ["no/run", "1", "--scan"],
        "tau2_logging.cli.branch_steps.branch",
    ),
    "compare": Command(
        module("tau2_logging.cli.compare"), compare.main, ["a", "b"], ["no.log", "none.log"], "tau2_logging.cli.compare_steps.compare",
    ),
    "label": Command(
        module("tau2_logging.cli.label"), label.main, ["a", "1", "--fault", "agent"], ["no/run", "1", "--fault", "agent"],
        "tau2_logging.cli.label_steps.labeled",
    ),
    "rejudge": Command(
        module("tau2_logging.cli.rejudge"), rejudge.main, ["a"], ["no/run"], "tau2_logging.cli.rejudge_steps.rejudge"
    ),
    "view": Command(module("tau2_logging.cli.view"), view.main, [], ["no/folder"], "tau2_logging.view.runs_site.serve"),
    "rental": Command(
        module("tau2_logging.cli.rental"), rental.main, ["validate", "a"], ["validate", "no.yaml"],
        "tau2_logging.models.rental.task_files.validated",
    ),
    "rescore": Command(
        module("tau2_logging.cli.rescore"), rescore.main, ["a"], ["no.jsonl"], "tau2_logging.runner.rescore_maseval.rescore"
    ),
    "experiments": Command(
        module("tau2_logging.experiments"), experiments.main, ["status", "a"], ["status", "no/plan"],
        "tau2_logging.experiments.__main__.command_of",
    ),
    "parity": Command(
        module("tau2_logging.parity"), parity.main, [], ["--left", "maseval"], "tau2_logging.parity.__main__.play_both"
    ),
    "simulate-server": Command(
        module("tau2_logging.models.simulated_server"), simulated.main, ["sim"], ["--port", "0"],
        "tau2_logging.models.simulated_server.__main__.read_options",
    ),
}  # fmt: skip


STARTED = [name for name in COMMANDS if " " not in name]
"""Those that a program is started for; the others are further words of one of them."""


def test_no_command_is_left_out() -> None:
    """A new one of the door, or of `results`, needs a row here."""
    named = {"run_local.py": "run", "analyze_timing_from_tau2_log.py": "analyze"}
    assert {named.get(name, name) for name in STARTED} == set(door.COMMANDS)
    assert {command.work for command in COMMANDS.values() if command.main is results.main} == set(results_steps.COMMANDS)


def ends(command: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """The exit code of a command whose work raises this."""

    def work(*_: Any) -> int:
        raise error

    if command.work in results_steps.COMMANDS:
        monkeypatch.setitem(results_steps.COMMANDS, command.work, work)
    else:
        monkeypatch.setattr(command.work, (lambda _: work) if command.work.endswith("command_of") else work)
    try:
        return int(command.main(command.words))
    except SystemExit as left:
        return int(left.code or 0)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("no task '9'; give another"), 2, "error: no task '9'; give another\n"),
        (Tau2LoggingError("the server has gone"), 1, "error: the server has gone\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (BrokenPipeError(), 0, ""),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            FULL,
        ),
    ],
    ids=["bad input", "other failure", "Ctrl-C", "closed pipe", "full disk"],
)
@pytest.mark.parametrize("name", COMMANDS)
def test_they_end_in_one_way(
    name: str, error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has the same exit code for the same thing, and at most one line, which begins with the command's name."""
    command = COMMANDS[name]
    assert ends(command, monkeypatch, error) == code
    err = capsys.readouterr().err
    assert err.endswith(said)
    assert err.count("\n") == said.count("\n")
    assert not said or err.startswith(f"{_prog(name)}: ")


def _prog(name: str) -> str:
    return name if name.endswith(".py") else f"python -m tau2_logging {name.partition(' ')[0]}"


@pytest.mark.parametrize("name", STARTED)
def test_a_mistake_is_one_line_and_exit_code_2(name: str, tmp_path: Path) -> None:
    """Started as a person does, with a mistake: one line after argparse's own fashion, nothing on stdout, no traceback."""
    command = COMMANDS[name]
    program = [str(ROOT / word) if word.endswith(".py") else word for word in command.program]
    done = run_forked([*program, *command.wrong], timeout=LONG_S, cwd=tmp_path, env=environment(PYTHONPATH=str(ROOT)))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"{_prog(name)}: error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["--agent-llm-argz", '{"api_key": "hunter2"}'], ["--agent-llm-argz=hunter2"]])
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "simulate-server"])  # which passes over them, as a stand-in
def test_the_value_of_an_unknown_option_is_not_repeated(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The option may be misspelt, and its value a key."""
    command = COMMANDS[name]
    with pytest.raises(SystemExit) as ended:
        command.main([*command.words, *words])
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert "error: no option --agent-llm-argz" in err
    assert "hunter2" not in err
    assert err.count("\n") == 2


def test_the_value_of_an_ambiguous_option_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """What it could be is."""
    with pytest.raises(SystemExit):
        run_local.main(["--user-l=hunter2"])
    err = capsys.readouterr().err
    assert "hunter2" not in err
    assert "ambiguous option: --user-l could match --user-llm" in err


def test_output_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A command that is for its output says that it could not be written, and Python's own complaint at the end is not heard."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        words = [*module("tau2_logging.experiments"), "variants", "list"]
        done = run_forked(words, timeout=LONG_S, cwd=ROOT, stdout=full, env=environment())
    assert done.returncode == 1
    assert (
        done.stderr
        == "python -m tau2_logging experiments: error: cannot write the output: No space left on device; make room and start again\n"
    )
