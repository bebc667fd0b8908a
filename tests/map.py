"""The map of the package in figures: `python -m tests.map`.

Modules, lines, crowded folders, import cycles (type-only imports included), imports of our own inside functions, names used twice.
"""

from __future__ import annotations

import ast
import gc
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "tau2_logging"
MOST_ENTRIES = 15


@lru_cache
def texts(folder: str = PACKAGE) -> dict[str, str]:
    """Text of every module of a folder by its dotted name."""
    return {_dotted(path): path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).rglob("*.py"))}


@lru_cache
def modules(folder: str = PACKAGE) -> dict[str, ast.Module]:
    """Every module of a folder by its dotted name, parsed: millions of objects, among which the garbage collector would find nothing."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return {name: ast.parse(text) for name, text in texts(folder).items()}
    finally:
        if collects:
            gc.enable()


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement in a module or a part of one, at any depth. Expressions, nine tenths of a tree, are passed over."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        inner = [one for name in ("body", "orelse", "finalbody", "handlers", "cases") for one in getattr(node, name, ())]
        yield from inner
        waiting += inner


def imports_in(tree: ast.AST) -> set[str]:
    """Dotted names that a module, or a part of one, imports: a module of ours, or the module of which a name is imported."""
    found: set[str] = set()
    for node in statements(tree):
        if isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in texts() else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@lru_cache
def imports(module: str) -> set[str]:
    """What a module of ours imports anywhere in it, those that only a type checker sees included."""
    return imports_in(modules()[module])


def graph() -> dict[str, set[str]]:
    """Module -> our own modules that it imports, anywhere in it."""
    return {name: imports(name) & modules().keys() - {name} for name in modules()}


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
        functions = (node for node in statements(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
        local = {node for function in functions for node in statements(function) if isinstance(node, (ast.ImportFrom, ast.Import))}
        found += [f"{name}: {target}" for node in local for target in imports_in(ast.Module([node], [])) & modules().keys()]
    return sorted(found)


def crowded_folders() -> dict[str, int]:
    """Folders with more than MOST_ENTRIES modules and folders, without `__init__` and `__main__`."""
    entries = Counter(name.rpartition(".")[0] for name in texts() if not name.endswith(".__main__"))
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
    lines = sum(len(text.splitlines()) for text in texts().values())
    print(f"modules {len(modules())}, lines {lines:,}, arrows {sum(map(len, graph().values())):,}")
    print(f"import cycles, type-only imports included: {[len(group) for group in cycles(graph())] or 'none'}")
    print(f"folders with more than {MOST_ENTRIES} entries: {crowded_folders() or 'none'}")
    print(f"imports of our own inside functions: {len(local_imports())}")
    print(f"file names used twice: {repeated_files() or 'none'}")
    print(f"class names used twice: {repeated_classes() or 'none'}")


if __name__ == "__main__":
    main()
