"""`tau2-logging COMMAND`, and `python -m tau2_logging COMMAND`: one door to all commands.

A command is a row of COMMANDS. Its module is imported when it is asked for, so that the list of commands appears at once.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from tau2_logging.command_parser import closest
from tau2_logging.invocation import door, program
from tau2_logging.leaving import carry_out, leave, tell
from tau2_logging.version import __version__


@dataclass(frozen=True)
class Command:
    """`module` has `main(words)`, which ends the process or returns the exit code; `what` it does, in a few words."""

    module: str
    what: str


COMMANDS: Mapping[str, Command] = {
    "run": Command("tau2_logging.cli.run_local", "run tau2-bench and write its log"),
    "analyze": Command("tau2_logging.cli.analyze_timing", "where the time and the money went: tables, files, report.html"),
    "compare": Command("tau2_logging.cli.compare", "is one run better than another, by how much, and how sure"),
    "view": Command("tau2_logging.cli.view", "all runs of a folder in a browser, live"),
    "experiments": Command("tau2_logging.experiments.__main__", "compare users, agents or models: plan, run, analyze"),
    "results": Command("tau2_logging.cli.results", "merge or filter recorded results, make a log or ATIF of them"),
    "audit": Command("tau2_logging.cli.audit", "is the benchmark sound: its tasks, references and rewards"),
    "branch": Command("tau2_logging.cli.branch", "play on from a turn of a conversation; the decisive turn"),
    "label": Command("tau2_logging.cli.label", "say whose fault a failed simulation is, beside its run"),
    "rejudge": Command("tau2_logging.cli.rejudge", "score recorded conversations again, by other judges"),
    "rescore": Command("tau2_logging.cli.rescore", "score MASEval's reports with tau2's own evaluator"),
    "parity": Command("tau2_logging.parity.__main__", "compare two implementations of tau2, call by call"),
    "rental": Command("tau2_logging.cli.rental", "task files for model servers on rented GPUs"),
    "simulate-server": Command("tau2_logging.models.simulated_server.__main__", "a model server without a model, with faults on demand"),
    "enhanced": Command("tau2_logging.cli.enhanced", "run, with the words of tau2's own command line"),
}

ANSWERS: Mapping[str, str] = {
    "diff": "compare A B",
    "ab": "compare A B",
    "eval": "run",
    "evaluate": "run",
    "start": "run",
    "resume": "run --resume logs/runs/<run>",
    "check": "run --check",
    "examine": "audit --domains DOMAIN",
    "domains": "run --list-domains",
    "tasks": "run --list-tasks DOMAIN",
    "list": "run --list-domains, or view for the runs that there are",
    "report": "analyze",
    "show": "analyze LOG --show TASK",
    "stats": "analyze",
    "summary": "analyze",
    "metrics": "analyze",
    "profile": "analyze",
    "plot": "analyze --format png",
    "export": "analyze --format csv, or --otlp ENDPOINT",
    "monitor": "view, or experiments monitor PLAN",
    "status": "view, or experiments status PLAN",
    "logs": "view",
    "dashboard": "view",
    "ui": "view",
    "watch": "view, or analyze --follow",
    "tail": "analyze --follow",
    "judge": "rejudge RUN --judge-llm MODEL",
    "reevaluate": "rejudge RUN",
    "replay": "branch RUN TASK --at TURN",
    "fork": "branch RUN TASK --at TURN",
    "scan": "branch RUN TASK --scan",
    "launch": "experiments launch PLAN",
    "launch_experiment": "experiments plan, then experiments launch PLAN",
    "monitor_experiment": "experiments monitor PLAN",
    "collect": "experiments collect PLAN",
    "collect_results": "experiments collect PLAN",
    "analyze_results": "experiments analyze PLAN",
    "analyze_conversations": "experiments analyze PLAN, whose report.html shows conversations side by side",
    "worker_experiment": "experiments run PLAN --executor processes",
    "power": "experiments power",
    "variants": "experiments variants",
    "merge": "results merge",
    "validate_tau2": "parity",
    "validate": "rental validate FILE, or parity",
    "serve": "simulate-server for a server without a model, or run --serve MODEL for vLLM",
    "server": "simulate-server",
    "endpoints": "rental",
    "benchmark": "run; what profiling costs: python -m benchmarks in a checkout",
}
"""What people try, and what does it here."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Hand the words after the command's name to that command."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words or words[0] in ("-h", "--help", "--help-all"):
        print(listing())
        leave(0)
    if words[0] in ("--version", "-V", "version"):
        print(f"tau2-logging {__version__} (Python {sys.version.split()[0]})")
        leave(0)
    if words[0] not in COMMANDS:
        tell(f"usage: {door()} COMMAND [options]; see --help\n{door()}: error: {about(words[0])}")
        leave(2)
    name, *rest = words
    carry_out(program(name), lambda: int(importlib.import_module(COMMANDS[name].module).main(rest) or 0))


def listing() -> str:
    """Return all commands, a line each."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{command.what}" for name, command in COMMANDS.items()]
    return "\n".join([
        f"usage: {door()} COMMAND [options]", "", "Profiling and structured logging for tau2-bench.", "", *lines, "",
        f"Options of a command:  {door()} COMMAND --help",
        f"To begin:  {door()} run --domains retail -n 5 --open",
    ])  # fmt: skip


def about(word: str) -> str:
    """Return what to say of a command that does not exist."""
    if word.startswith("-"):
        return f"{word.partition('=')[0]} has no command before it, as in: {door()} run {word.partition('=')[0]} ..."
    name = word.lower().removesuffix(".py").replace("-", "_")
    if name in ANSWERS:
        return f"no command {word!r}; that is: {door()} {ANSWERS[name]}"
    meant = closest(word, [*COMMANDS, *ANSWERS])
    meant = ANSWERS.get(meant, meant) if meant is not None else None
    return f"no command {word!r}; " + (f"did you mean {meant}?" if meant else f"there are {', '.join(COMMANDS)}")


if __name__ == "__main__":
    main()
