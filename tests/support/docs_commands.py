"""The commands of README.md and docs/, and what a test does with each of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGE_FILES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
RUN, SHELL, PARSE = "run", "shell", "parse"
PROGRAMS = re.compile(
    r"(?:python3?|make|pip|grep|comm|curl|kill|export|for \w+ in .*; do|sky|ray|lnav|tau2-enhanced|\.venv/bin/python|bash|ruff"
    r"|[A-Z_0-9]+=\S+)(?: (?!\|)|$)"
)
"""How a line begins that is a command; other lines are output, configuration or another language."""

RULES = (
    (r"^F=", SHELL, ""),
    (r"-m tau2_logging (branch|rejudge)", PARSE, "needs recorded simulations: tests/integration/test_branch.py, test_rejudge.py"),
    (r"^(grep|comm) ", SHELL, "with the log of the run before it"),
    (r"logs/runs/<run>", RUN, "with the run that was made before"),
    (r"--harness maseval", PARSE, "takes half a minute: tests/integration/test_run.py and test_parity.py"),
    (r"sky (status|serve status) --endpoint", "no", "needs a rented server"),
    (r"voice_run", PARSE, "needs a recorded voice run: tests/unit/analysis_recordings/test_voice.py"),
    (r"banking_knowledge", PARSE, "needs tau2 v1: tests/integration/test_tau2_v1.py"),
    (r"--what-if", RUN, ""),
    (r"gpt-4\.1|claude-sonnet", PARSE, "needs a key"),
    (r"--reader", PARSE, "asks a model: tests/integration/test_reader.py"),
    (r"--until settled", PARSE, "needs a plan that was not begun without it: tests/integration/test_experiments.py"),
    (r"tau2_logging experiments", RUN, ""),
    (r"--serve-command", PARSE, "starts servers: tests/integration/test_server_processes.py"),
    (r"--serve |--endpoint ", PARSE, "needs a GPU, or servers that run already"),
    (r"--executor|--load", PARSE, "starts workers: tests/integration/test_executors.py"),
    (r"-m tau2_logging simulate-server", PARSE, "runs until it is ended: the tests start it themselves"),
    (r"-m tau2_logging compare", PARSE, "needs two runs: tests/integration/test_compare_command.py"),
    (r"-m tau2_logging label", PARSE, "needs a run with a failure: tests/integration/test_label.py"),
    (r"-m tau2_logging audit", PARSE, "takes a minute: tests/integration/test_audit.py"),
    (r"-m tau2_logging view", PARSE, "runs until it is ended: tests/integration/test_view.py"),
    (r"-m tau2_logging parity", PARSE, "takes a minute: tests/integration/test_parity.py"),
    (r"benchmarks", "no", "takes minutes: make bench, make real-servers"),
    (r"the same 200 MB", "no", "takes minutes: make bench"),
    (r"^\.venv/bin/python run_local\.py", RUN, ""),
    (r"^python3? -m venv|pip install|^make |^bash |^ruff |^\.venv/bin/python -m pytest", "no", "installs, or is what runs these tests"),
    (r"^TAU2_RESULTS=", "no", "needs results files of one's own"),
    (r"^(sky|ray|lnav|for|export|kill|curl|OTEL_\w+=)", "no", "a program of somebody else, or the shell's own"),
    (r"^python ", RUN, ""),
)
"""(pattern, what a test does with the command, why or how): the first that fits. `no`: it is not run here, for the reason beside it."""


class Command(NamedTuple):
    """A command of a page, what is done with it, and why."""

    page: str
    text: str
    treatment: str
    why: str


def commands() -> list[Command]:
    """Return every command of every page, in the order of reading."""
    found = []
    for page in PAGE_FILES:
        for text in _code(page.read_text(encoding="utf-8")):
            if PROGRAMS.match(text):
                found.append(_ruled(page.name, text))
    return found


def _ruled(page: str, text: str) -> Command:
    for pattern, treatment, why in RULES:
        if re.search(pattern, text):
            return Command(page, text, treatment, why)
    return Command(page, text, "", "")


def _code(text: str) -> list[str]:
    """Lines of code that are indented (not those in ``` blocks, which are Python), continued ones joined, without comments."""
    lines, begun, fenced = [], "", False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if fenced or not line.startswith("    "):
            begun = ""
            continue
        begun += line.strip()
        if begun.endswith("\\"):
            begun = begun[:-1]
        else:
            lines.append(re.sub(r"\s+#\s.*$", "", begun))
            begun = ""
    return lines
