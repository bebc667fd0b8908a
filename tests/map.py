"""The map of the package in figures: `python -m tests.map`.

Modules, lines, crowded folders, import cycles (type-only imports included), imports of our own inside functions, names used twice.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "tau2_logging"
MOST_ENTRIES = 15


@lru_cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name, parsed."""
    paths = sorted((ROOT / PACKAGE).rglob("*.py"))
    return {_dotted(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST) -> set[str]:
    """Our own modules that a module, or a part of one, imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in modules() else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & modules().keys()


def graph() -> dict[str, set[str]]:
    """Module -> our own modules that it imports, anywhere in it."""
    return {name: imported(tree) - {name} for name, tree in modules().items()}


def cycles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other."""
    reach = {name: _reachable(arrows, name) for name in arrows}
    groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in arrows if name in reach[name]}
    return sorted(sorted(group) for group in groups)


def _reachable(arrows: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += arrows.get(name, set())
    return found


def local_imports() -> list[str]:
    """`module: imported module` for each import of our own inside a function."""
    found = []
    for name, tree in modules().items():
        statements = {
            node for function in _functions(tree) for node in ast.walk(function) if isinstance(node, (ast.ImportFrom, ast.Import))
        }
        found += [f"{name}: {target}" for node in statements for target in imported(node)]
    return sorted(found)


def _functions(tree: ast.AST) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def crowded_folders() -> dict[str, int]:
    """Folders with more than MOST_ENTRIES modules and folders, without `__init__` and `__main__`."""
    entries = Counter(name.rpartition(".")[0] for name in modules() if not name.endswith(".__main__"))
    return {name: number for name, number in sorted(entries.items()) if number > MOST_ENTRIES and name != PACKAGE}


def repeated_files() -> dict[str, list[str]]:
    """File names that occur twice or more, without `__init__` and `__main__`."""
    folders = defaultdict(list)
    for path in (ROOT / PACKAGE).rglob("*.py"):
        folders[path.name].append(str(path.parent.relative_to(ROOT / PACKAGE)))
    return {name: sorted(of) for name, of in folders.items() if len(of) > 1 and not name.startswith("__")}


def repeated_classes() -> dict[str, list[str]]:
    """Public classes of one name."""
    homes = defaultdict(list)
    for name, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    return {name: of for name, of in homes.items() if len(of) > 1}


def main() -> None:
    """Print the figures."""
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / PACKAGE).rglob("*.py"))
    print(f"modules {len(modules())}, lines {lines:,}, arrows {sum(map(len, graph().values())):,}")
    print(f"import cycles, type-only imports included: {[len(group) for group in cycles(graph())] or 'none'}")
    print(f"folders with more than {MOST_ENTRIES} entries: {crowded_folders() or 'none'}")
    print(f"imports of our own inside functions: {len(local_imports())}")
    print(f"file names used twice: {repeated_files() or 'none'}")
    print(f"class names used twice: {repeated_classes() or 'none'}")


if __name__ == "__main__":
    main()
