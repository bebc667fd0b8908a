"""Every command of README.md and docs/ is run, or at least parsed, or RULES says why not.

Runs are shortened to two tasks (`--num-tasks 2`), and an analysis that names no format writes to the terminal only: that every format is
made is tested elsewhere.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tau2_logging import __main__ as door
from tau2_logging.cli import analyze_timing, audit, branch, compare, enhanced, label, rejudge, rental, rescore, results, run_local, view
from tau2_logging.experiments import __main__ as experiments
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer
from tau2_logging.models.simulated_server.vllm_flags import read_options
from tau2_logging.parity import __main__ as parity
from tests.support.docs_commands import PAGE_FILES, PARSE, ROOT, RUN, SHELL, Command, commands
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.otlp_receiver import Receiver

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN

COMMANDS = commands()
PAGES = sorted({command.page for command in COMMANDS})
MAIN: dict[str, Callable[[list[str]], Any]] = {
    "run_local.py": run_local.main,
    "analyze_timing_from_tau2_log.py": analyze_timing.main,
    "-m tau2_logging experiments": experiments.main,
    "-m tau2_logging rental": rental.main,
    "-m tau2_logging results": results.main,
    "-m tau2_logging rescore": rescore.main,
    "-m tau2_logging": door.main,
}
PARSE_ONLY: dict[str, Callable[[list[str]], Any]] = {
    "run_local.py": lambda words: run_local.build_parser().parse_args(words),
    "analyze_timing_from_tau2_log.py": lambda words: analyze_timing.build_parser().parse_args(words),
    "-m tau2_logging experiments": lambda words: experiments.build_parser().parse_args(words),
    "-m tau2_logging parity": lambda words: parity.build_parser().parse_args(words),
    "-m tau2_logging rental": lambda words: rental.build_parser().parse_args(words),
    "-m tau2_logging simulate-server": read_options,
    "-m tau2_logging audit": lambda words: audit.build_parser().parse_args(words),
    "-m tau2_logging branch": lambda words: branch.build_parser().parse_args(words),
    "-m tau2_logging compare": lambda words: compare.build_parser().parse_args(words),
    "-m tau2_logging rejudge": lambda words: rejudge.build_parser().parse_args(words),
    "-m tau2_logging label": lambda words: label.build_parser().parse_args(words),
    "-m tau2_logging view": lambda words: view.build_parser().parse_args(words),
    "-m tau2_logging run": lambda words: run_local.build_parser().parse_args(words),
    "tau2-logging run": lambda words: run_local.build_parser().parse_args(words),
    "tau2-logging analyze": analyze_timing.parsed,
    "tau2-logging view": lambda words: view.build_parser().parse_args(words),
    "tau2-enhanced": lambda words: run_local.build_parser().parse_args(enhanced.translated(words)),
}
GOOD = {"manipulation": {0, 3}, "analyze": {0, 1, 3}, "status": {0, 1}, "--slo": {0, 3}, "openai/sim": {0, 1}, '{"fails": 0.5}': {0, 1}}
"""Exit codes by a word of the command; any other command has to end with 0. Two tasks are too few to show that a variant was delivered,
the simulated server solves none, and a judge that fails leaves simulations without a reward."""


def test_every_command_has_a_rule() -> None:
    """A new command is run, or its reason not to be is in the table."""
    assert [f"{command.page}: {command.text}" for command in COMMANDS if not command.treatment] == []
    assert len([command for command in COMMANDS if command.treatment == RUN]) >= 30


def test_the_index_names_every_page_and_every_link_leads_somewhere() -> None:
    """Of README.md, CONTRIBUTING.md and docs/."""
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    assert [
        page.name for page in PAGE_FILES if page.parent.name == "docs" and page.name != "README.md" and f"({page.name})" not in index
    ] == []
    links = [
        (page, target) for page in PAGE_FILES for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    ]
    assert [f"{page.name}: {target}" for page, target in links if "://" not in target and not (page.parent / target).exists()] == []


def words_of(text: str) -> tuple[str, list[str]]:
    """(what is started, its arguments) of a command line."""
    words = shlex.split(text.removesuffix("&"))
    program = words.pop(0)
    if Path(program).name.startswith("python"):
        program = f"-m {words.pop(1)}" if words[0] == "-m" else words[0]
        words.pop(0)
    if program in ("-m tau2_logging", "tau2-logging") and words:
        program = f"{program} {words.pop(0)}"
    return program, words


PARSED = [command for command in COMMANDS if command.treatment == PARSE]


@pytest.mark.parametrize("command", PARSED, ids=[f"{command.page} {number}" for number, command in enumerate(PARSED)])
def test_a_command_that_cannot_be_run_here_can_be_given(command: Command) -> None:
    """Its options exist."""
    program, words = words_of(command.text)
    PARSE_ONLY[program](words)


class Workplace:
    """A folder that looks like the checkout after a few runs, and servers at other ports than those of the pages."""

    def __init__(self, folder: Path, substitutes: dict[str, str]) -> None:
        self.folder, self._substitutes = folder, substitutes
        self._variables: list[str] = []
        self._done: set[str] = set()

    def carry_out(self, command: Command) -> str | None:
        """Run a command that has not been run before; return what is wrong, if anything is."""
        if command.treatment == SHELL:
            return self._shell(command.text)
        if command.text in self._done:
            return None
        self._done.add(command.text)
        program, words = words_of(self._substituted(command.text))
        return self._main(program, self._prepared(program, words))

    def _substituted(self, text: str) -> str:
        for old, new in self._substitutes.items():
            text = text.replace(old, new)
        text = text.replace("$F", "".join(self._variables)[2:] or "logs/tau2_mock.log")
        runs = sorted(self.folder.glob("logs/runs/*/results_retail.json"))
        return text.replace("logs/runs/<run>", str(runs[0].parent) if runs else "")

    def _prepared(self, program: str, words: list[str]) -> list[str]:
        if program == "run_local.py" and "--resume" not in words:
            return [*words, *([] if "--task-ids" in words else ["--num-tasks", "2"]), "--no-progress"]
        if program == "-m tau2_logging experiments" and words[0] in ("plan", "power") and "--domains" in words:
            return [*words, "--num-tasks", "2", "--num-trials", "1"]
        if program == "analyze_timing_from_tau2_log.py":
            words += [] if "--format" in words else ["--format", "console"]
            return [found for word in words for found in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
        return words

    def _main(self, program: str, words: list[str]) -> str | None:
        try:
            code = MAIN[program](words)
        except SystemExit as ended:
            code = ended.code
        good = next((codes for word, codes in GOOD.items() if word in words), {0})
        return None if (code or 0) in good else f"exit code {code}: {program} {shlex.join(words)}"

    def _shell(self, text: str) -> str | None:
        if text.startswith("F="):
            self._variables = [text]
            return None
        script = "\n".join([*self._variables, text])
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, capture_output=True, text=True, check=False)
        return f"{text}: {done.stderr}" if done.stderr or done.returncode > 1 else None


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """With the files that pages take for granted, each made from a run or a golden file."""
    folder = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as servers:
        patch.chdir(folder)
        server = servers.enter_context(SimulatedServer(ServerSettings()))
        endpoint = servers.enter_context(Receiver())
        place = Workplace(
            folder,
            {"http://127.0.0.1:8000": server.url, "http://127.0.0.1:8010": server.url, "http://127.0.0.1:4318": endpoint.url,
             "--prometheus 9464": "--prometheus 0"},
        )  # fmt: skip
        unsolved = "python run_local.py --domains retail --task-ids 7 12 --agent-llm-args '{\"gives_up\": 1}'"
        for text in (unsolved, "python run_local.py --domains airline --events"):
            assert place.carry_out(Command("", text, RUN, "")) is None
        take_for_granted(folder)
        yield place


def take_for_granted(folder: Path) -> None:
    """Results, logs and files of one's own under the names that pages give them."""
    (found,) = folder.glob("logs/runs/*/results_retail.json")
    for name in ("results.json", "a.json", "b.json", "part1.json", "part2.json", "data/simulations/one.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, folder / name)
    for name in ("new", "old", "main"):
        (folder / name).mkdir()
        shutil.copy(folder / "logs/tau2_retail.log", folder / name)
    shutil.copy(ROOT / "tests/golden/maseval/report.jsonl", folder / "results.jsonl")
    page = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"((?:    .*\n)*    impatience:\n(?:    .*\n)+)", page)
    (folder / "own.yaml").write_text("".join(line[4:] for line in block.splitlines(keepends=True)), encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_as_they_are_written(page: str, workplace: Workplace, capfd: pytest.CaptureFixture[str]) -> None:
    """One after the other, in one folder."""
    wrong = []
    for command in COMMANDS:
        if command.page == page and command.treatment in (RUN, SHELL):
            problem = workplace.carry_out(command)
            if problem is not None:
                wrong.append(f"{problem}\n{capfd.readouterr().err[-1500:]}")
    assert wrong == []
