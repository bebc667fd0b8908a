"""A tool call's arguments: their size and shape, and whether they are what the tool's JSON schema asks for.

Everything here is about plain JSON values; nothing knows tau2. A schema is the `parameters` of an OpenAI tool: pydantic's JSON schema with
`properties`, `required`, `$defs`, `anyOf`, `enum`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tau2_logging.events.argument_size import PLAIN_TYPES, Leaves, as_text, byte_length, complexity, depth_of, leaves_of

Problems = list[tuple[str, str]]
"""(path, kind) of each value that is wrong: `type` or `enum`."""

LARGE_BYTES = 2000
_FILE_WORDS = frozenset(("file", "filename", "path", "attachment", "image", "photo", "picture", "document", "pdf"))
_FILE_VALUE = re.compile(
    r"data:[\w.+-]+/[\w.+-]+[;,]|(?:file://|~?/|[A-Za-z]:\\|\./)?[\w./\\ -]*[\w-]\.(?:pdf|png|jpe?g|gif|csv|txt|json|xml|docx?|xlsx?|zip)"
)
_DEEPEST = 12
_SHAPES_KEPT = 256
_SAYS_TYPE_ONLY = frozenset(("type", "title", "description", "default"))
_CLASSES: Mapping[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}


@dataclass(frozen=True)
class ArgumentShape:
    """Size and shape of arguments; the fields are those of ToolExecutionEvent, where each is explained."""

    argument_count: int
    argument_bytes: int
    argument_types: dict[str, str]
    complexity: float
    large: bool
    has_file: bool


@dataclass(frozen=True)
class Check:
    """What of the arguments is not as the schema asks. Names are paths: `passengers[0].dob`."""

    required_given: tuple[str, ...] = ()
    optional_given: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_type: tuple[str, ...] = ()
    outside_enum: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Nothing is wrong."""
        return not (self.missing or self.unexpected or self.wrong_type or self.outside_enum)


_MAY_BE_FILE = re.compile(r"[.:]")


def shape_of(arguments: Mapping[str, Any], leaves: Leaves | None = None, text: str | None = None) -> ArgumentShape:
    """Return size and shape of arguments. `leaves` are those of `leaves_of`, `text` is that of `as_text`, if they are known."""
    leaves = leaves_of(arguments) if leaves is None else leaves
    size = byte_length(as_text(arguments) if text is None else text)
    return ArgumentShape(
        argument_count=len(arguments),
        argument_bytes=size,
        argument_types={str(name): json_type(value) for name, value in arguments.items()},
        complexity=complexity(len(leaves), depth_of(arguments), size),
        large=size > LARGE_BYTES,
        has_file=any(is_file(name, value) for name, value in leaves if type(value) is str),
    )


def json_type(value: Any) -> str:
    """Return JSON schema's name of a value's type; `unknown` for what JSON does not have."""
    plain = PLAIN_TYPES.get(type(value))
    if plain is not None:
        return plain
    if isinstance(value, bool):
        return "boolean"
    names = ((str, "string"), (int, "integer"), (float, "number"), (Mapping, "object"), (list | tuple, "array"))
    return next((name for kind, name in names if isinstance(value, kind)), "unknown")


def copied(value: Any) -> Any:
    """Return a JSON value in containers of its own: a tool may change what it was given."""
    if isinstance(value, Mapping):
        return {key: item if type(item) in PLAIN_TYPES else copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list | tuple) else value


def is_file(name: str, value: str) -> bool:
    """Return whether an argument is a file, by a word of its name or by its value."""
    if not value:
        return False
    if may_name_file(name):
        return True
    return _MAY_BE_FILE.search(value) is not None and (_FILE_VALUE.fullmatch(value) is not None or value.startswith("data:"))


def may_name_file(name: str) -> bool:
    """Return whether a word of a name says that its value is a file."""
    return not _FILE_WORDS.isdisjoint(words_of(name))


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name, small: `cardNumber[0].zip_code` gives card, number, 0, zip, code."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tuple(word.lower() for word in re.split(r"[^A-Za-z0-9]+", apart) if word)


def check_arguments(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> Check:
    """Return arguments against a tool's schema; for many calls of the same tool, keep a `Signature`."""
    return Signature(schema).check(arguments)


class Signature:
    """A tool's schema, made ready: what calls mostly are, the right names with values of plain types, is seen in a few microseconds.

    Arguments are taken as Python's call would take them: the default's own value is right even if its type is not the declared one
    (`x: str = None`), a whole float is an integer (JSON schema says so too). A place the schema says nothing about takes anything.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._properties: Mapping[str, Any] = schema.get("properties") or {}
        self._required = tuple(schema.get("required") or ())
        self._plain = {name: _plain_type(part) for name, part in self._properties.items()}
        self._named: dict[tuple[Any, ...], Check] = {}

    def check(self, arguments: Mapping[str, Any]) -> Check:
        """Return what of the arguments is not as the schema asks."""
        names = tuple(arguments)
        check = self._named.get(names)
        if check is None:
            check = self.check_names(arguments)
            if len(self._named) < _SHAPES_KEPT:
                self._named[names] = check
        problems = [
            problem
            for name, value in arguments.items()
            if type(value) is not self._plain.get(name) and name in self._properties
            for problem in self._problems(name, value)
        ]
        return replace(check, **_by_kind(problems)) if problems else check

    def fits_by_type(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether the types of the arguments alone say that nothing is wrong with the values."""
        return all(type(value) is self._plain.get(name) or name not in self._properties for name, value in arguments.items())

    def check_names(self, arguments: Mapping[str, Any]) -> Check:
        """Return what the names of the arguments alone say."""
        properties, required = self._properties, self._required
        return Check(
            required_given=tuple(name for name in required if name in arguments),
            optional_given=tuple(name for name in properties if name in arguments and name not in required),
            missing=tuple(name for name in required if name not in arguments),
            unexpected=tuple(str(name) for name in arguments if name not in properties) if "properties" in self._schema else (),
        )

    def _problems(self, name: str, value: Any) -> Problems:
        part = self._properties[name]
        return [] if _is_default(value, part) else _problems(value, part, self._schema.get("$defs") or {}, str(name), 0)


def _plain_type(part: Any) -> type | None:
    """Return the class whose values are right without another look; None if there is none."""
    if not isinstance(part, Mapping) or not _SAYS_TYPE_ONLY.issuperset(part):
        return None
    kind = part.get("type")
    return _CLASSES.get(kind) if isinstance(kind, str) else None


def _by_kind(problems: Problems) -> dict[str, tuple[str, ...]]:
    return {
        "wrong_type": tuple(path for path, kind in problems if kind == "type"),
        "outside_enum": tuple(path for path, kind in problems if kind == "enum"),
    }


def _is_default(value: Any, schema: Mapping[str, Any]) -> bool:
    return "default" in schema and type(schema["default"]) is type(value) and bool(schema["default"] == value)


def _problems(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str, depth: int) -> Problems:
    if "$ref" in schema:
        schema = definitions.get(str(schema["$ref"]).rpartition("/")[2]) or {}
    if depth > _DEEPEST:
        return []
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return _best([_problems(value, choice, definitions, path, depth + 1) for choice in choices])
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed is not None and value not in allowed:
        return [(path, "enum" if json_type(value) in {json_type(item) for item in allowed} else "type")]
    if not _is_of(value, schema.get("type")):
        return [(path, "type")]
    return _problems_inside(value, schema, definitions, path, depth + 1)


def _best(tried: list[Problems]) -> Problems:
    """Return the problems of the choice that fits best: none, else a value outside an enum, else those that lie deepest."""
    return min(tried, key=lambda problems: (len(problems) > 0, *(kind == "type" for _, kind in problems[:1]), -_depth_of(problems)))


def _depth_of(problems: Problems) -> int:
    return max((path.count(".") + path.count("[") for path, _ in problems), default=0)


def _is_of(value: Any, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, list):
        return any(_is_of(value, one) for one in wanted)
    found = json_type(value)
    if wanted == "number":
        return found in ("number", "integer")
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return bool(found == wanted)


def _problems_inside(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str, depth: int) -> Problems:
    found: Problems = []
    if isinstance(value, Mapping):
        properties = schema.get("properties") or {}
        found += [(f"{path}.{name}", "type") for name in schema.get("required") or () if name not in value]
        for name, item in value.items():
            if name in properties and not _is_default(item, properties[name]):
                found += _problems(item, properties[name], definitions, f"{path}.{name}", depth)
    elif isinstance(value, list | tuple) and isinstance(schema.get("items"), Mapping):
        for place, item in enumerate(value):
            found += _problems(item, schema["items"], definitions, f"{path}[{place}]", depth)
    return found
