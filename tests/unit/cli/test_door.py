"""One door to all commands: `python -m tau2_logging`, or `tau2-logging` where the package is installed."""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tau2_logging import __main__ as door
from tau2_logging import browser, invocation
from tau2_logging.version import __version__

ROOT = Path(__file__).resolve().parents[3]
MODULES = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "tau2_logging").rglob("*.py")]
NO_COMMANDS = {
    "tau2_logging.__main__": "the door itself",
    "tau2_logging.cli.__main__": "the door under the name of its folder",
    "tau2_logging.analysis.__main__": "a sentence for those who try it",
    "tau2_logging.events.docs": "writes two pages of docs/ for those who change the tables",
    "tau2_logging.cli.parity_worker": "a process that parity starts",
    "tau2_logging.models.servers.supervisor": "a process beside model servers",
    "tau2_logging.runner.executors.fork_main": "a process that a run starts",
    "tau2_logging.runner.executors.worker_main": "a process that a run starts",
}
"""Modules that can be started and are no command for people, and why."""


def test_every_module_that_can_be_started_is_a_command() -> None:
    """A new one is a row of the table, or is listed here with the reason."""
    startable = {".".join(path.parts) for path in MODULES if '__name__ == "__main__"' in (ROOT / path).with_suffix(".py").read_text()}
    assert startable == {command.module for command in door.COMMANDS.values()} | NO_COMMANDS.keys()


def test_the_list_of_commands_appears_at_once() -> None:
    """Alone and with --help: every command with a line that fits a terminal of 80 columns, in less than half a second of CPU; nothing that
    takes long is imported."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outputs = [
        subprocess.run([sys.executable, "-m", "tau2_logging", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for words in ([], ["--help"])
    ]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert outputs[0] == outputs[1]
    lines = outputs[0].splitlines()
    assert [name for name in door.COMMANDS if not any(line.startswith(f"  {name} ") for line in lines)] == []
    assert max(map(len, lines)) <= 80
    assert (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 2 < 0.5
    loaded = "import tau2_logging.__main__, sys; print(*{'numpy', 'pandas', 'rich', 'tau2', 'litellm', 'asyncio'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "\n"


@pytest.mark.parametrize(
    "words", [["--version"], ["version"], ["run", "--version"], ["analyze", "--version"], ["experiments", "--version"]]
)
def test_the_version_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        door.main(words)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"tau2-logging {__version__} (Python 3.")


@pytest.mark.parametrize("name", door.COMMANDS)
def test_a_command_has_its_help_under_its_own_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`help NAME` and `NAME --help` are one; its examples begin as it was started, and no line of usage is long."""
    texts = []
    for words in ([name, "--help"], ["help", name]):
        with pytest.raises(SystemExit) as ended:
            door.main(words)
        assert not ended.value.code
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].startswith(f"usage: {invocation.program(name)} ")
    assert "python run_local.py" not in texts[0].replace(invocation.command("run"), "")


def test_the_folders_that_people_try_to_start_say_what_the_command_is() -> None:
    """`-m tau2_logging.cli` is the door; `-m tau2_logging.analysis` names it."""
    start = [sys.executable, "-m"]
    cli = subprocess.run([*start, "tau2_logging.cli"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert cli.stdout.startswith("usage: python -m tau2_logging COMMAND")
    analysis = subprocess.run([*start, "tau2_logging.analysis", "a.log"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (analysis.returncode, analysis.stdout) == (2, "")
    assert " -m tau2_logging analyze LOG\n" in analysis.stderr


def test_a_command_whose_package_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Also if its module cannot even be imported."""

    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'yaml'", name="yaml")

    monkeypatch.setattr(door.importlib, "import_module", missing)
    with pytest.raises(SystemExit) as ended:
        door.main(["simulate-server", "sim"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m tau2_logging simulate-server: error: this ")
    assert "the package yaml" in said
    assert said.count("\n") == 1


def test_view_may_open_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a browser with windows, and in none where there is no screen: a text browser would take over the terminal."""
    served: list[tuple[Path, int | None, object]] = []
    monkeypatch.setattr("tau2_logging.view.runs_site.serve", lambda *words: served.append(words) or 0)
    for words in (["logs", "--open"], ["logs"]):
        with pytest.raises(SystemExit):
            door.main(["view", *words])
    assert [show for *_, show in served] == [browser.open_page, None]
    opened: list[str] = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.setattr(browser.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not browser.open_page("http://127.0.0.1:1/")
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser.open_page("http://127.0.0.1:2/")
    assert opened == ["http://127.0.0.1:2/"]


def test_the_old_ways_of_starting_remain() -> None:
    """Console commands and modules of single commands."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    scripts = dict(line.replace('"', "").split(" = ") for line in text.partition("[project.scripts]\n")[2].split("\n\n")[0].splitlines())
    assert scripts.pop(invocation.DOOR) == "tau2_logging.__main__:main"
    assert scripts.keys() == invocation._OWN_NAMES.keys()
    for name, target in scripts.items():
        module, _, function = target.partition(":")
        assert door.COMMANDS[invocation._OWN_NAMES[name]].module == module
        assert callable(getattr(importlib.import_module(module), function))
