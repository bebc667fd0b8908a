"""Finds in a module's code what changes somebody else's module, class or object, as a wrapper has to: read, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

PACKAGE = "tau2_logging"
_SETTERS = {"setattr", "delattr", "__setattr__", "__delattr__"}
_FINDERS = {"import_module", "__import__", "getattr", "getattr_static", "vars", "type", "find_spec"}
"""Functions that give what somebody else has, if they are asked about it."""
_INSIDES = {"__wrapped__", "__code__", "__class__", "__bases__", "__globals__", "__defaults__", "__kwdefaults__"}
"""Attributes that only those set who change what a thing is."""
_PATCHERS = {"unittest", "mock", "pytest", "wrapt", "gorilla"}
_HOLDERS = {"classmethod", "staticmethod", "property", "partial", "wraps", "update_wrapper"}

_BINDING = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.comprehension)
_TELLING = (ast.Import, ast.ImportFrom, ast.Call, ast.Delete, ast.AugAssign, ast.FunctionDef, ast.AsyncFunctionDef)


def changes(tree: ast.Module) -> list[str]:
    """Every statement or call that may change what is somebody else's, in order."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, _BINDING + _TELLING)]
    reader = _Reader(nodes)
    return [ast.unparse(node) for node in nodes if reader.is_change(node)]


class _Reader:
    """Knows the names of a module that stand for other people's things, and those of functions made in it."""

    def __init__(self, nodes: Sequence[ast.AST]) -> None:
        self._functions = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        self._foreign = {name for node in nodes for name in _imported(node)}
        binding = [node for node in nodes if isinstance(node, _BINDING)]
        known = -1
        while known < len(self._foreign):  # a name may be given on to another
            known = len(self._foreign)
            self._foreign |= {name for node in binding for name in self._given_on(node)}

    def is_change(self, node: ast.AST) -> bool:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return bool({name.split(".")[0] for name in _modules(node)} & _PATCHERS)
        if isinstance(node, ast.Call):
            return self._sets(node)
        return any(self._is_theirs(target, getattr(node, "value", None)) for target in _targets(node))

    def _sets(self, call: ast.Call) -> bool:
        name = _last_name(call.func)
        if name in ("update", "setdefault", "pop", "clear"):
            return "__dict__" in ast.unparse(call.func) or (isinstance(call.func, ast.Attribute) and _last_name(call.func.value) == "vars")
        return name in _SETTERS and not (call.args and ast.unparse(call.args[0]) == "self")

    def _is_theirs(self, target: ast.expr, value: ast.expr | None) -> bool:
        if isinstance(target, ast.Subscript):
            return self.is_foreign(target.value) or "__dict__" in ast.unparse(target.value)
        if not isinstance(target, ast.Attribute) or ast.unparse(target.value) == "self":
            return False
        return self.is_foreign(target.value) or target.attr in _INSIDES or self._is_function(value)

    def is_foreign(self, node: ast.expr) -> bool:
        """Whether an expression stands for what somebody else has; what his functions give when they are called is not his any more."""
        if isinstance(node, ast.Name):
            return node.id in self._foreign
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            return ast.unparse(node) in self._foreign or self.is_foreign(node.value)
        if isinstance(node, ast.Call):
            name = _last_name(node.func)
            asked = any(self.is_foreign(argument) for argument in node.args)
            return name in ("import_module", "__import__", "type", "globals") or (name in _FINDERS and asked) or _is_modules(node.func)
        return any(self.is_foreign(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)) and isinstance(
            node, (ast.Tuple, ast.List, ast.BoolOp, ast.IfExp, ast.NamedExpr)
        )

    def _is_function(self, value: ast.expr | None) -> bool:
        if isinstance(value, (ast.Tuple, ast.List)):
            return any(map(self._is_function, value.elts))
        if isinstance(value, ast.Call):
            return _last_name(value.func) in _HOLDERS
        return isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in self._functions)

    def _given_on(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.For | ast.comprehension) -> Iterator[str]:
        value = node.iter if isinstance(node, (ast.For, ast.comprehension)) else node.value
        for target in _targets(node):
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
                pairs = list(zip(target.elts, value.elts, strict=True))
            for name, given in pairs:
                if given is not None and self.is_foreign(given):
                    yield from (ast.unparse(part) for part in ast.walk(name) if isinstance(getattr(part, "ctx", None), ast.Store))


def _targets(node: ast.AST) -> list[ast.expr]:
    """What a statement binds or deletes, tuples taken apart too."""
    if isinstance(node, (ast.Assign, ast.Delete)):
        found = list(node.targets)
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.comprehension)):
        found = [node.target]
    else:
        found = []
    return [*found, *(part for target in found if isinstance(target, (ast.Tuple, ast.List)) for part in target.elts)]


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]


def _imported(node: ast.AST) -> set[str]:
    """Names that an import binds to what is not ours."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return set()
    is_ours = all(name.split(".")[0] in (PACKAGE, "benchmarks", "tests") for name in _modules(node))
    return set() if is_ours else {alias.asname or alias.name.split(".")[0] for alias in node.names}


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_modules(node: ast.expr) -> bool:
    """`sys.modules.get`, `sys.modules.values`, ..."""
    return ast.unparse(node).startswith("sys.modules.")
