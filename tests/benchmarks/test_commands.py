"""What `python -m benchmarks` starts."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import COMMANDS, ROOT


class Understood(Exception):
    """The command line was read."""


@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_benchmark_understands_the_arguments_it_is_given(
    name: str, quick: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And knows where its figures go; it is stopped before it measures anything."""
    words, short = COMMANDS[name]
    figures = tmp_path / "figures.json"
    read = argparse.ArgumentParser.parse_args

    def read_only(parser: argparse.ArgumentParser, *given: Any) -> None:
        raise Understood(read(parser, *given))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", read_only)
    given = [*words[words[0] == "-m" :], *(short if quick else []), "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", given)
    for module in (f"{given[0]}.__main__", given[0]):  # runpy warns of a module that another test has imported
        if not hasattr(sys.modules.get(module), "__path__"):
            monkeypatch.delitem(sys.modules, module, raising=False)
    start = runpy.run_module if words[0] == "-m" else runpy.run_path
    with pytest.raises(Understood) as understood:
        start(given[0] if words[0] == "-m" else str(ROOT / given[0]), run_name="__main__")
    assert understood.value.args[0].json == figures
