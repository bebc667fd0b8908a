"""Compiled functions that write the fields of an event, one for each shape: its type and the names of its fields.

Events are written while a simulation runs, and a loop over the table costs four times what straight-line code does. So the first
event of a shape is turned into source and compiled (about 1 ms), as attrs and dataclasses do for
`__init__`:

    def write(values):
        v0, v1, v2, v3, = values
        if type(v0) is int and type(v1) is float and 0.0 < v1 < 1e15 and type(v3) is bool and 0 <= (v0) < LIMIT:
            return f"{TYPE} step={v0} function={tokens[v2]} duration_ms={v1:.3f} error={words[v3]}"
        return None

Only values whose text is certain are written here. For any other value the function returns None, or raises KeyError (no text) or
TypeError (a value that cannot be looked up), and `logfmt` does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tau2_logging.events.fields import CONTEXT_FIELDS, field_type
from tau2_logging.events.kinds import KINDS
from tau2_logging.events.logfmt import clean, encode_text, encode_type, encoder

WriteFields = Callable[[Iterable[object]], "str | None"]

OWN_FIELDS = {kind.name: tuple(name for name in kind.fields if name not in CONTEXT_FIELDS) for kind in KINDS.values()}
"""The fields of each kind in the order of writing, without the context, which comes last."""

_IDS = frozenset(("span", "parent", "hash", "continues"))
_TESTS = {
    "int": "type({0}) is int",
    "ms": "type({0}) is float and 0.0 < {0} < 1e15",
    "usd": "type({0}) is float and 0.0 < {0} < 1e9",
    "float": "type({0}) is float and {0} - {0} == 0.0",
    "bool": "type({0}) is bool",
    "id": "type({0}) is str and {0}.isalnum() and {0}.isascii()",
}
_TOKEN = {
    "int": "{{{0}}}",
    "ms": "{{{0}:.3f}}",
    "usd": "{{{0}:.9f}}",
    "float": "{{{0}!r}}",
    "bool": "{{words[{0}]}}",
    "str": "{{tokens[{0}]}}",
    "id": "{{{0}}}",
}


class _Tokens(dict[object, str]):
    """Tokens of the texts met so far; one that has not been met is encoded. KeyError for what is no text."""

    def __missing__(self, text: object) -> str:
        if type(text) is not str:
            raise KeyError(text)
        token = encode_text(clean(text))
        if len(text) < _LONGEST_KEPT:
            _keep(text, token)
        return token


_TOKENS = _Tokens()
_TOKENS_KEPT = 4096
_LONGEST_KEPT = 256
_SHAPES_KEPT = 512


class LineWriters:
    """The compiled functions of the shapes seen so far. Shapes with a field of `refused` are left to the slow path."""

    def __init__(self, refused: Iterable[str] = ()) -> None:
        self._refused = frozenset(refused)
        self._known: dict[tuple[str, ...], WriteFields] = {}

    def write(self, type_: str, fields: Mapping[str, object]) -> str | None:
        """Return the text after ` type=`, in a little over 1 us for 12 fields; None if the slow path has to write it."""
        write = self._known.get((type_, *fields)) or self._learn(type_, fields)
        try:
            text = write(fields.values())
        except (KeyError, TypeError):
            text = None
        if text is None:
            present = {name: value for name, value in fields.items() if value is not None}
            return self.write(type_, present) if len(present) < len(fields) else None
        return text

    def _learn(self, type_: str, fields: Mapping[str, object]) -> WriteFields:
        if len(self._known) >= _SHAPES_KEPT:
            return _leave
        names = tuple(fields)
        known = all(type(name) is str and field_type(name) is not None and name not in self._refused for name in names)
        complete = all(value is not None for value in fields.values())
        write = compile_writer(type_, names) if known and complete else _leave
        shape = (type_, *names)
        self._known[shape] = write
        return write


def _leave(values: Iterable[object]) -> None:
    """Refuse a shape that is not compiled: it has unknown fields, or absent ones (without which it is another shape)."""


def compile_writer(type_: str, names: Sequence[str]) -> WriteFields:
    """Return a function from values, in the order of `names`, to the text after ` type=`. The names, all of the table, become source."""
    kinds = {name: "id" if name in _IDS else field_type(name) or "" for name in names}
    variables = {name: f"v{number}" for number, name in enumerate(names)}
    tests = [_TESTS[kinds[name]].format(variable) for name, variable in variables.items() if kinds[name] in _TESTS]
    whole = " | ".join(variable for name, variable in variables.items() if kinds[name] == "int")
    if whole:  # of numbers that are not negative, none is above their bitwise or
        tests.append(f"0 <= ({whole}) < LIMIT")
    text = "".join(f" {name}={_TOKEN[kinds[name]].format(variables[name])}" for name in in_order(type_, names))
    source = [
        "def write(values):",
        f"    {', '.join(variables.values())}, = values" if names else "    pass",
        f"    if {' and '.join(tests) or 'True'}:",
        f'        return f"{{TYPE}}{text}"',
        "    return None",
    ]
    namespace: dict[str, object] = {"LIMIT": 10**18, "TYPE": encode_type(type_), "tokens": _TOKENS, "words": {True: "true", False: "false"}}
    exec("\n".join(source), namespace)
    return namespace["write"]  # type: ignore[return-value]


def in_order(type_: str, names: Iterable[str]) -> list[str]:
    """Return names in the order of writing: the kind's own as in its row, others as they are given, the context."""
    given = list(names)
    own = OWN_FIELDS.get(type_, ())
    return [
        *(name for name in own if name in given),
        *(name for name in given if name not in own and name not in CONTEXT_FIELDS),
        *(name for name in CONTEXT_FIELDS if name in given),
    ]


def write_field(name: str, value: object) -> str:
    """Return ` name=token` for any value, empty if it is absent (None, NaN)."""
    token = encoder(field_type(name))(value)
    if token is None:
        return ""
    if type(value) is str and field_type(name) == "str" and len(value) < _LONGEST_KEPT and name not in _IDS:
        _keep(value, token)
    return f" {name}={token}"


def _keep(text: str, token: str) -> None:
    """Remember the token of a text: model, function and domain names come again and again."""
    if len(_TOKENS) >= _TOKENS_KEPT:
        _TOKENS.clear()
    _TOKENS[text] = token
