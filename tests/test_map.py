"""What `tests.map` counts: stages import in reading order, nothing goes in a circle, and a name is used once."""

from __future__ import annotations

import ast
import re

from tests.map import PACKAGE, ROOT, crowded_folders, graph, local_imports, repeated_classes, repeated_files, texts

CROWDED = {
    "tau2_logging.events": "one module a kind of knowledge about the log, each small, and all of the same family",
    "tau2_logging.cli": "a module a command, and beside it what the command does: a family of interchangeable things",
    "tau2_logging.analysis.reports": "a module a format: a family of interchangeable things",
}
"""Folders that may have more entries than others, and why."""

_PROTOCOL = "a protocol's name: `instrument/wire` reads what `simulated_server/protocols` writes"
REPEATED_FILES = {"anthropic_messages.py": _PROTOCOL, "openai_chat.py": _PROTOCOL}
"""Names of files that may be used more than once, and why. No name of a class may."""

MOST_LOCAL_IMPORTS = 40
"""Of our own, inside functions: a command that has to answer `--help` at once, and little else."""

ANALYSIS = (
    {"store"}, {"reader"}, {"tables"}, {"measures"}, {"timeline", "what_if"}, {"run_log"}, {"load"}, {"follow"}, {"deep"}, {"findings"},
    {"recordings"}, {"conversations"}, {"verdict"}, {"reports"},
)  # fmt: skip
"""Stages of `analysis`: each imports those before it, and neither its siblings nor those after it."""


def test_no_folder_is_crowded_without_a_reason() -> None:
    assert crowded_folders().keys() == CROWDED.keys()


def test_a_name_is_used_once() -> None:
    """A search for a name finds one file, one class."""
    assert repeated_files().keys() == REPEATED_FILES.keys()
    assert repeated_classes() == {}


def test_few_imports_are_inside_functions() -> None:
    assert len(local_imports()) <= MOST_LOCAL_IMPORTS


def test_the_stages_of_the_analysis_import_in_reading_order() -> None:
    """Store, reader, tables, measures, timeline and what-if, the log, deep analysis, reports."""
    place = {name: at for at, stage in enumerate(ANALYSIS) for name in stage}
    prefix = "tau2_logging.analysis."
    wrong = [
        f"{module} -> {target}"
        for module, targets in graph().items()
        for target in targets
        if module.startswith(prefix) and target.startswith(prefix)
        if (here := module.split(".")[2]) != (there := target.split(".")[2]) and place[there] >= place[here]
    ]
    assert wrong == []


def test_no_test_imports_a_private_name() -> None:
    """Neither in an import nor as the dotted name of what is replaced."""
    private = re.compile(rf"{PACKAGE}(\.\w+)*\._(?!_)\w+")
    suspect = re.compile(rf"{private.pattern}|from {PACKAGE}[\w.]* import (\([^)]*|.*)\b_[a-z]", re.IGNORECASE)
    found = []
    for name, text in texts("tests").items():
        for node in ast.walk(ast.parse(text)) if suspect.search(text) else ():
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                names = [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
            found += [f"{name}: {one}" for one in names if private.fullmatch(one)]
    assert found == []


def test_the_table_of_contributing_names_files_that_exist() -> None:
    """Each answer to "where is ..." is a file of the package."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [row for row in page.partition("| where is |")[2].splitlines() if row.startswith("| ")]
    answers = [path for row in rows for path in re.findall(r"`([\w/]+\.py)`", row)]
    assert len(answers) >= len(rows) - 1 >= 20
    assert [path for path in answers if not (ROOT / PACKAGE / path).is_file()] == []
