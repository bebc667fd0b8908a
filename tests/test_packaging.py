"""What `pip install` gets: the wheel's files, and the extras beside the requirements files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tau2_logging
from tau2_logging.__main__ import COMMANDS
from tau2_logging.extras import EXTRAS, missing_package
from tau2_logging.leaving import exit_code

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
"""Read as text: Python 3.10 has no tomllib."""
COMPLETE = ("dependencies", "analysis", "run", "tau2", "experiments")
"""What requirements.txt, the list for a run, is made of."""


def declared(name: str) -> set[str]:
    """Requirements under a name in pyproject.toml, without those on an extra of our own."""
    (block,) = re.findall(rf"^{name} = \[(.*?[\"\n])\]$", PYPROJECT, re.MULTILINE | re.DOTALL)
    return {line for line in re.findall(r'"([^"]+)"', block) if not line.startswith("tau2-logging")}


def listed(file: str) -> set[str]:
    """Requirements in a file, without comments and references."""
    lines = ((ROOT / file).read_text(encoding="utf-8")).splitlines()
    return {line.split("#")[0].strip() for line in lines if not line.startswith(("#", "-"))} - {""}


def test_requirements_and_extras_say_the_same() -> None:
    """requirements.txt is the sum of the extras that a run needs; each optional file is an extra."""
    assert set().union(*map(declared, COMPLETE)) == listed("requirements.txt")
    for extra in ("otel", "ray", "maseval", "skypilot"):
        assert declared(extra) == listed(f"requirements-{extra}.txt"), extra


def test_the_wheel_is_told_of_every_file_that_is_no_module() -> None:
    """A file of data that no pattern of package-data takes would be missing where the package is installed."""
    patterns = re.findall(r'^"(tau2_logging[\w.]*)" = \[(.*?)\]$', PYPROJECT, re.MULTILINE)
    taken = {
        file
        for package, globs in patterns
        for glob in re.findall(r'"([^"]+)"', globs)
        for file in (ROOT / package.replace(".", "/")).glob(glob)
    }
    files = {path for path in (ROOT / "tau2_logging").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert files == taken


def test_the_wheel_holds_every_file_and_starts_every_command(tmp_path: Path) -> None:
    """Built by setuptools as pip does it, from a copy, and looked at: nothing is installed. Its entry points are there, and from its own
    files alone, in another folder, the list of commands and the help of one appear."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "tau2_logging", source / "tau2_logging", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = f"import setuptools.build_meta as backend; print(backend.build_wheel({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", build], cwd=source, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("tau2_logging/")}
        (entries,) = [wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt")]
        wheel.extractall(tmp_path / "installed")
    assert packed == {str(path.relative_to(source)) for path in (source / "tau2_logging").rglob("*") if path.is_file()}
    commands = dict(line.split(" = ") for line in entries.splitlines() if " = " in line)
    assert commands.pop("tau2-logging") == "tau2_logging.__main__:main"
    assert {f"{target.partition(':')[0]}" for target in commands.values()} <= {command.module for command in COMMANDS.values()}
    for words, said in (([], "tau2-logging run --domains"), (["analyze", "--help"], "  tau2-logging analyze logs/")):
        script = tmp_path / "bin/tau2-logging"
        script.parent.mkdir(exist_ok=True)
        script.write_text("import sys; sys.path.insert(0, sys.argv.pop(1)); from tau2_logging.__main__ import main; main()")
        answer = subprocess.run(
            [sys.executable, "-I", str(script), str(tmp_path / "installed"), *words], cwd=tmp_path, capture_output=True, text=True,
            check=True, env={"PATH": str(script.parent)},
        )  # fmt: skip
        assert said in answer.stdout


def test_a_missing_package_is_a_sentence_that_names_the_extra(capsys: pytest.CaptureFixture[str]) -> None:
    """Not a traceback; an import that fails for another reason stays one."""

    def work(module: str) -> int:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)

    assert exit_code("run_local.py", lambda: work("litellm.types")) == 2
    assert "run_local.py: error: this needs the package litellm" in capsys.readouterr().err
    with pytest.raises(ModuleNotFoundError):
        exit_code("run_local.py", lambda: work("nobodys"))


def test_a_name_of_the_package_that_needs_more_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an import of it fails, in one sentence."""

    def lacking(name: str) -> None:
        raise ModuleNotFoundError("No module named 'yaml'", name="yaml")

    monkeypatch.setattr("importlib.import_module", lacking)
    with pytest.raises(ImportError, match=r"^run_enhanced_simulation: this needs the package yaml"):
        tau2_logging.run_enhanced_simulation  # noqa: B018


def test_every_package_of_an_extra_is_known_by_its_module() -> None:
    """EXTRAS names only modules whose distribution is in that extra, and all of them but those with a message of their own."""
    distributions = {"yaml": "pyyaml", "pydantic": "litellm"}
    for module, extra in EXTRAS.items():
        assert any(line.startswith(distributions.get(module, module)) for line in declared(extra)), module


def test_a_log_is_read_without_what_runs_need() -> None:
    """The reader and the tables import none of the extras' packages."""
    code = (
        "import sys; from tau2_logging.analysis import load_log; "
        "log = load_log('tests/golden/current/tau2_mock.log'); log.latency(by='model'); "
        f"print(*set({sorted([*EXTRAS, 'tau2'])!r}).intersection(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert missing_package(ImportError("x")) is None
