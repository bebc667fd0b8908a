"""Flags and commands that people typed before they had read anything: each is understood, or answered in one line with what to use."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from tau2_logging import __main__ as door
from tau2_logging.cli import analyze_timing, run_local
from tau2_logging.command_parser import CommandParser
from tau2_logging.experiments import __main__ as experiments
from tau2_logging.runner.settings.guessed_flags import OTHER_WORDS, answers
from tau2_logging.runner.settings.options import OPTIONS

RUN: dict[str, tuple[str, Any] | str] = {
    "--model gpt-4.1": ("model", "gpt-4.1"),
    "--llm gpt-4.1": ("model", "gpt-4.1"),
    "--agent-model gpt-4.1": ("agent_llm", "gpt-4.1"),
    "--user-model gpt-4.1": ("user_llm", "gpt-4.1"),
    "--domain mock": ("domains", ["mock"]),
    "-d mock": ("domains", ["mock"]),
    "--num-task 3": ("num_tasks", 3),
    "--n-tasks 3": ("num_tasks", 3),
    "--limit 3": ("num_tasks", 3),
    "--limit=3": ("num_tasks", 3),
    "-n 3": ("num_tasks", 3),
    "-n3": ("num_tasks", 3),
    "--concurrency 8": ("max_concurrency", 8),
    "--parallel 8": ("max_concurrency", 8),
    "--trials 4": ("num_trials", 4),
    "--epochs 4": ("num_trials", 4),
    "--output out": ("log_dir", "out"),
    "--output-dir out": ("log_dir", "out"),
    "--results-dir out": ("log_dir", "out"),
    "--save-to first": ("run_name", "first"),
    "--name first": ("run_name", "first"),
    "--retries 2": ("max_retries", 2),
    "--budget 5": ("max_cost", 5.0),
    "--base-url http://127.0.0.1:8000/v1": ("endpoints", ["http://127.0.0.1:8000/v1"]),
    "--quiet": ("quiet", True),
    "-q": ("quiet", True),
    "--dry-run": ("dry_run", True),
    "--open": ("open", True),
    "--list-agents": ("list_domains", True),
    "--agent-llm-arg {}": ("agent_llm_args", "{}"),
    "--environment airline": ("domains", ["airline"]),
    "--variants control,anger": ("user_variants", "control,anger"),
    "--log-level debug": ("log_level", "DEBUG"),
    "--tasks 5": "--task-ids",
    "--max-workers 4": "--max-concurrency",
    "--log-file a.log": "--log-dir",
    "--verbose": "--log-level DEBUG",
    "-v": "--log-level DEBUG",
    "--config run.yaml": "--resume",
    "--temperature 0": '--agent-llm-args \'{"temperature"',
    "--timeout 60": "--task-timeout",
    "--api-key sk-secret": "OPENAI_API_KEY",
    "--json": "--format json",
    "--html": "--open",
    "--no-color": "NO_COLOR=1",
    "--list-models": "--check",
    "--task-set-name retail": "--task-split",
    "--llm-args {}": "--agent-llm-args",
    "--max-price 2": "--max-cost",
    "--agents a,b": "experiments plan --agents",
    "--timestamp 2026": "--run-name",
    "--modle gpt-4.1": "did you mean --model?",
    "--agent-llmm gpt-4.1": "did you mean --agent-llm?",
    "--executer threads": "did you mean --executor?",
    "--executor thread": "did you mean threads?",
    "retail": "--domains",
}
"""What was typed -> the option that it gives and its value, or words of the answer."""

ANALYZE: dict[str, tuple[str, Any] | str] = {
    "a.log": ("log_file", ["a.log"]),
    "a.log b.log --deep": ("log_file", ["a.log", "b.log"]),
    "--deep a.log": ("log_file", ["a.log"]),
    "a.log --deep b.log --top 3 -": ("log_file", ["a.log", "b.log", "-"]),
    "a.log --deep b.log --formt csv": "did you mean --format?",
    "--log a.log": ("log_file", ["a.log"]),
    "--output out": ("output_dir", "out"),
    "--output_d out": ("output_dir", "out"),
    "-o out": ("output_dir", "out"),
    "--open": ("open", True),
    "--quiet": ("quiet", True),
    "--task 7": ("show", ["7"]),
    "--html": "--format html",
    "--json": "--format json",
    "--failures": "--deep",
    "--verbose": "--tables",
    "--domain retail": "tau2_<domain>.log",
    "--formt csv": "did you mean --format?",
}

COMMANDS = {
    "launch_experiment.py": "experiments launch PLAN",
    "worker_experiment": "experiments run PLAN",
    "monitor_experiment": "experiments monitor PLAN",
    "collect_results": "experiments collect PLAN",
    "analyze_results": "experiments analyze PLAN",
    "analyze_conversations": "experiments analyze PLAN",
    "validate_tau2.py": "parity",
    "eval": "run",
    "evaluate": "run",
    "ui": "view",
    "anaylze": "analyze",
    "report": "analyze",
    "serve": "simulate-server",
    "endpoints": "rental",
    "monitor": "view",
    "experiment": "experiments",
    "something": "run, analyze, compare, view",
    "--domains": "run --domains",
}


def parsed(parser: argparse.ArgumentParser, text: str) -> dict[str, Any]:
    return vars(parser.parse_args(text.split(" ")))


def refused(parser: argparse.ArgumentParser, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(text.split(" "))
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.count("\n") == 2, said.err
    assert len(said.err.splitlines()[0]) <= 80
    return said.err


@pytest.mark.parametrize("text", RUN)
def test_a_guessed_word_of_a_run(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(run_local.build_parser(), text, RUN[text], capsys)


@pytest.mark.parametrize("text", ANALYZE)
def test_a_guessed_word_of_the_analysis(text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parser = analyze_timing.build_parser()
    if isinstance(ANALYZE[text], tuple):
        name, value = ANALYZE[text]
        assert vars(analyze_timing.parsed(text.split(" ")))[name] == value
    else:
        check(parser, text, ANALYZE[text], capsys)


def check(parser: argparse.ArgumentParser, text: str, wanted: tuple[str, Any] | str, capsys: pytest.CaptureFixture[str]) -> None:
    """It fills this option, or one line of usage and one sentence say what to use; a value is not repeated."""
    if isinstance(wanted, tuple):
        assert parsed(parser, text)[wanted[0]] == wanted[1]
        return
    said = refused(parser, text, capsys)
    assert wanted in said
    assert "sk-secret" not in said


@pytest.mark.parametrize("word", COMMANDS)
def test_a_guessed_command(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is answered with the command that does it."""
    with pytest.raises(SystemExit) as ended:
        door.main([word])
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 2)
    assert COMMANDS[word] in said.err


def test_a_plan_knows_the_words_of_other_experiments(capsys: pytest.CaptureFixture[str]) -> None:
    """Also of one whose name is missing, which argparse would complain about first."""
    plan = experiments.build_parser()
    given = parsed(plan, "plan --experiment-name x --tasks 5 --variants control,anger --environment airline --trials 2")
    assert (given["name"], given["user_variants"], given["domains"], given["num_trials"]) == ("x", "control,anger", ["airline"], 2)
    assert given["num_tasks"] == 5
    assert "no option --max-price: --budget USD" in refused(plan, "plan --max-price 2", capsys)
    assert "did you mean launch?" in refused(plan, "lunch", capsys)


@pytest.mark.parametrize("name", ["run", "launch", "status", "monitor", "collect", "manipulation", "analyze"])
def test_an_experiment_is_found_by_its_plan_its_name_or_its_folder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By one of them; what belongs to the plan is sent there."""
    parser = experiments.build_parser()
    for words, plan in (
        ("experiments/x", "experiments/x"),
        ("--experiment-name x", "experiments/x"),
        ("--results-dir results/x", "results/x"),
    ):
        assert parsed(parser, f"{name} {words}")["plan"] == plan
    assert "plan is required" in refused(parser, name, capsys)
    assert "not allowed with" in refused(parser, f"{name} experiments/x --experiment-name x", capsys)
    assert "no option --timestamp: an experiment is found by its name" in refused(parser, f"{name} --timestamp 2025", capsys)
    if name == "launch":
        said = refused(parser, "launch --experiment-name x --tasks 5 --variants control,anger --max-price 0.5", capsys)
        assert said.count("it is a setting of the plan, which is made first: ") == 2
        assert "no option --max-price: --budget" in said


def test_the_lists_of_guesses_are_of_what_there_is() -> None:
    """A synonym means an existing flag and is none itself; an answer is of a flag that does not exist; both hold of commands."""
    flags = {flag for option in OPTIONS for flag in (option.flag, *option.aliases)}
    words = [word for of in OTHER_WORDS.values() for word in of]
    assert OTHER_WORDS.keys() <= flags
    assert flags.isdisjoint(words)
    assert len(words) == len(set(words))
    assert answers().keys().isdisjoint({*flags, *words})
    assert {text.split()[0].strip(";,") for text in door.ANSWERS.values()} <= door.COMMANDS.keys()


def test_the_help_shows_the_common_options_and_says_where_the_others_are() -> None:
    """`--help-all` has each of them, and no synonym."""
    for parser in (run_local.build_parser(), analyze_timing.build_parser()):
        assert isinstance(parser, CommandParser)
        short, whole = parser.format_help(), parser.whole_help()
        flags = [action.option_strings[-1] for action in parser._actions if action.option_strings and action.help != argparse.SUPPRESS]
        assert [flag for flag in flags if flag not in whole] == []
        assert 18 <= sum(f" {flag} " in short for flag in parser.common) <= 24
        assert f"--help-all shows all {len(flags)}." in short
        assert parser.common <= set(parser._option_string_actions)
        assert "--epochs" not in whole
