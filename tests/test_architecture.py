"""The layout of DESIGN.md, section 3: who may import whom, and where other people's packages come in."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from functools import lru_cache
from graphlib import TopologicalSorter

import pytest

from tests.map import PACKAGE, ROOT, imports, modules, statements, texts
from tests.support.foreign_changes import changes

LEAVES = {
    "browser", "command_parser", "deferred", "errors", "extras", "invocation", "leaving", "posix_only", "run_owner", "units", "version",
}  # fmt: skip
"""Modules without imports of their own, open to all."""
_BASE = {"logger", "events"}
_RUN_SIDE = {"sinks", "instrument", "models", "users", "environments", "agents", "soundness", "statistics"} | _BASE
ALLOWED: dict[str, set[str]] = {
    "": {"agents", "analysis", "domain_registration", "events", "logging", "runner"},
    "__main__": set(),
    "browser": set(),
    "command_parser": {"version"},
    "deferred": set(),
    "errors": set(),
    "extras": {"invocation"},
    "invocation": set(),
    "leaving": {"errors", "extras"},
    "posix_only": {"errors"},
    "run_owner": set(),
    "units": set(),
    "version": set(),
    "events": set(),
    "soundness": set(),
    "statistics": set(),
    "logger": {"events"},
    "logging": {"sinks"} | _BASE,
    "domain_registration": {"runner"},
    **dict.fromkeys(("instrument", "models", "users", "environments"), _BASE),
    "sinks": {"statistics"} | _BASE,
    "agents": {"models"} | _BASE,
    "runner": _RUN_SIDE,
    "analysis": {"events", "soundness", "statistics"},
    "experiments": {"runner", "analysis", "statistics", "events"},
    "audit": {"runner", "analysis", "soundness", "statistics", "events"},
    "replays": {"runner", "analysis", "statistics", "events"},
    "view": {"analysis", "statistics", "events"},
    "parity": {"environments", "models", "events"},
    "cli": {
        "audit", "experiments", "parity", "replays", "view", "runner", "analysis", "instrument", "models", "events", "sinks", "logger",
        "soundness",
        "__main__",
    },
}  # fmt: skip
"""What each folder may import besides itself and LEAVES. `cli` takes the names of log files from `sinks`, what masks text from `logger`,
and gives `parity` the layers of `instrument`, which it may not import. The package itself ("") names what its folders have, and imports a
folder when one of its names is asked for. `logging` and `domain_registration` are names of tau2-enhanced for what sinks and runner have: a
script that was written for it changes the package's name and nothing else."""

STAGES = {
    "runner": ("settings", ("harness", "model_calls"), "work", "executors", ""),
}
"""Folder -> its own folders in the order in which a run goes through them ("" is the folder itself); those beside each other import neither
each other nor a later one."""

SHARED = {
    "numpy": ("analysis statistics experiments", "columns of numbers are numpy arrays from the reader to the reports"),
    "polars": ("analysis", "the reader's columns, the tables made of them, Parquet and CSV files"),
    "pandas": ("analysis statistics experiments", "the tables of a RunLog are DataFrames, and so are those of its statistics"),
    "scipy": ("statistics analysis", "quantiles of the intervals; resampling and its tests"),
    "statsmodels": ("statistics", "adjusted p values, McNemar's test, power: a module each"),
    "pydantic": ("environments", "tau2's databases are pydantic models"),
    "rich": ("sinks runner analysis", "the progress display, the run that owns its console, the tables of the analysis"),
    "litellm": ("instrument models runner", "what is measured, what the scripted models are a provider of, what a run configures"),
    "yaml": ("models users", "files of experts, files of variants"),
    "tau2": ("agents users", "an agent or a user is a class of tau2's, which is looked at or wrapped by name everywhere else"),
    "maseval": ("parity runner", "its environments and evaluator are what is compared, its benchmark is what a run subclasses"),
    "aiohttp": ("models view", "the server that plays a model, and the page of all runs"),
    "httpx": ("instrument runner", "where waiting for a connection is seen, and where the pool is given its size"),
}
"""Packages that more than one module may import: the folders that may, and why. Every other package is imported in exactly one module."""

_OWN = "an object of our own"
CHANGES = {
    "tau2_logging.instrument.patching": {"": "the one place where anything is put in somebody's place, and taken off"},
    "tau2_logging.instrument.model_calls.rate_limiter": {"call.count_tokens = ": _OWN},
    "tau2_logging.instrument.http": {"call.price = ": _OWN, "call.tools = ": _OWN},
    "tau2_logging.instrument.litellm": {"call.price = ": _OWN},
    "tau2_logging.instrument.maseval": {"setattr(simulation, ": _OWN},
    "tau2_logging.models.custom_provider": {"litellm.custom_provider_map = ": "where litellm has people enter their providers"},
    "tau2_logging.environments.records": {"object.__setattr__(twin, ": "a copy of our own of a pydantic model, made without its checks"},
    "tau2_logging.events.structured": {"event.__dict__.update(": _OWN},
    "tau2_logging.analysis.deep.analyzer": {"setattr(files, ": _OWN},
    "tau2_logging.analysis.deep.reading.inputs": {"setattr(files, ": _OWN},
    "tau2_logging.runner.run_console": {"sys.stdout, sys.stderr = streams": "what they were before the run"},
    "benchmarks.emit.writers": {"record.__dict__.update(": "a record of logging's own filters"},
    "benchmarks.real_servers.commands": {"sys.stdin = ": "a process of its own reads nothing"},
    "benchmarks.real_servers.weights": {"os.environ[": "the environment of its own process"},
}
"""Module -> how statements begin that look like a change of somebody else's things -> why they may."""

SETTINGS = {
    "tau2_logging.runner.model_calls.litellm_settings",
    "tau2_logging.cli.parity_worker",
    "benchmarks.harness.__main__",
    "benchmarks.harness.tau2_batch",
}
"""Outside of `instrument`, who gives attributes other values in a block: litellm's settings, what parity pins, what benchmarks count."""

HEAVY = {
    "tau2", "litellm", "openai", "anthropic", "httpx", "pydantic", "loguru", "rich", "numpy", "pandas", "polars", "pyarrow", "duckdb",
    "zstandard", "matplotlib", "opentelemetry", "prometheus_client", "scipy", "sky",
}  # fmt: skip


def folder(module: str) -> str:
    """`tau2_logging.logger.clock` is in `logger`."""
    return module.split(".")[1] if "." in module else ""


def ours(names: set[str]) -> set[str]:
    """Those of this package."""
    return {name for name in names if name.split(".")[0] == PACKAGE}


def test_no_import_is_relative() -> None:
    """So that a dotted name is found by a search."""
    assert [name for name, text in texts().items() if re.search(r"^\s*from \.", text, re.MULTILINE)] == []


def test_a_module_imports_only_what_its_folder_may() -> None:
    """The table of DESIGN.md; siblings never import each other."""
    allowed = {here: ALLOWED.get(here, set()) | LEAVES | {here} for here in map(folder, modules())}
    found = {module: {name for name in ours(imports(module)) if folder(name) not in allowed[folder(module)]} for module in modules()}
    assert {module: names for module, names in found.items() if names} == {}


@pytest.mark.parametrize("outer", STAGES)
def test_a_stage_imports_no_later_one(outer: str) -> None:
    """A folder is a stage, and data goes through them in one direction."""
    stages = [{stage} if isinstance(stage, str) else set(stage) for stage in STAGES[outer]]
    place = {name: number for number, names in enumerate(stages) for name in names}

    def stage_of(module: str) -> str:
        path = module.split(".")[2:]
        return path[0] if len(path) > 1 or (ROOT / PACKAGE / outer / path[0]).is_dir() else ""

    inside = {module: stage_of(module) for module in modules() if module.startswith(f"{PACKAGE}.{outer}.")}
    backwards = {
        f"{module} -> {name}"
        for module, stage in inside.items()
        for name in ours(imports(module)) & inside.keys()
        if inside[name] != stage and place[inside[name]] >= place[stage]
    }
    assert backwards == set()


def test_every_folder_is_in_the_table() -> None:
    """A new folder has its row here and in DESIGN.md."""
    assert {folder(module) for module in modules()} - {""} <= ALLOWED.keys()


def test_imports_form_no_cycle() -> None:
    """Counting imports inside functions, which hide a cycle but do not end it, and those that only a type checker sees."""
    graph = {module: ours(imports(module)) for module in modules()}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


@lru_cache
def third_party() -> dict[str, set[str]]:
    """Package of somebody else -> our modules that import it."""
    users = defaultdict(set)
    for module in modules():
        for name in imports(module) - ours(imports(module)):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names:
                users[top].add(module)
    return users


def test_a_package_of_others_is_imported_in_one_place() -> None:
    """One module knows it, or the folders that have a reason to."""
    single = {package: sorted(users) for package, users in third_party().items() if package not in SHARED}
    assert {package: users for package, users in single.items() if len(users) > 1} == {}
    outside = {
        package: sorted(module for module in users if folder(module) not in SHARED[package][0].split())
        for package, users in third_party().items()
        if package in SHARED
    }
    assert {package: users for package, users in outside.items() if users} == {}


def test_the_event_table_needs_the_standard_library_alone() -> None:
    """So that the log can be read anywhere."""
    assert {package for package, users in third_party().items() if any(folder(module) == "events" for module in users)} == set()


def test_analysis_needs_neither_tau2_nor_litellm() -> None:
    """Neither by import nor by name: it runs on a laptop with a log file."""
    for module, tree in modules().items():
        if folder(module) == "analysis":
            assert not {name.split(".")[0] for name in imports(module)} & {"tau2", "litellm", "openai", "httpx"}
        if folder(module) == "analysis" and "import_module" in texts()[module]:
            loaded = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "import_module" in ast.dump(node.func)]
            words = " ".join(ast.dump(argument) for call in loaded for argument in call.args)
            assert "'tau2." not in words
            assert "'litellm" not in words


LOADED = """
import importlib, sys
for module in {modules}:
    importlib.import_module(module)
    found = sorted({heavy}.intersection(sys.modules))
    if found:
        sys.exit(f"{{module}} imports {{found}}")
"""


def test_a_command_loads_nothing_heavy_before_it_is_needed() -> None:
    """`--help` has to answer at once: importing a command's module brings in no package that takes long. Its `_steps` may."""
    names = [name for name in modules() if folder(name) in ("cli", "events", "errors") and not name.endswith("_steps")]
    code = LOADED.format(heavy=HEAVY, modules=names)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_module_keeps_to_the_style() -> None:
    """No `global`, no `utils`, a docstring that says what it is for (an empty `__init__` says it all)."""
    trees = modules()
    assert [name for name, tree in trees.items() if any(isinstance(node, ast.Global) for node in statements(tree))] == []
    assert [name for name in trees if name.rsplit(".", 1)[-1] in {"utils", "util", "helpers", "misc", "common"}] == []
    assert [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_only_instrument_wraps_and_all_of_it_through_one_class() -> None:
    """No other statement changes a module, a class or an object of somebody else; see CHANGES for what only looks like it."""
    found = {name: changes(tree) for name, tree in (modules() | modules("benchmarks")).items()}
    unknown = {name: [one for one in all_of_it if not one.startswith(tuple(CHANGES.get(name, {})))] for name, all_of_it in found.items()}
    assert {name: some for name, some in unknown.items() if some} == {}
    assert [(name, start) for name in CHANGES for start in CHANGES[name] if not any(one.startswith(start) for one in found[name])] == []


def test_nobody_outside_of_instrument_uses_its_means_of_wrapping() -> None:
    """Who needs a layer asks for one of `instrument`'s; settings of others are given other values by those in SETTINGS alone."""
    users = {
        means: {module for module, text in (texts() | texts("benchmarks")).items() if f"instrument.{means}" in text}
        for means in ("patching", "replacing")
    }
    outside = {means: {module for module in found if folder(module) != "instrument"} for means, found in users.items()}
    assert outside == {"patching": set(), "replacing": SETTINGS}
