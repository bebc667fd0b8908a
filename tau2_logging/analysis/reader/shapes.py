"""The shape of a line: the names of its fields in their order, and the values that do not change from line to line.

Lines of one type that one writer wrote have few shapes. A block's lines are sorted by type and number of fields. The first line of each
group, compared with a few others, says what is fixed: ` step=`, then something, then ` call_type=local_function start_ms=`, then
something, ... Each line is checked against all that is fixed, and what differs is tried as another shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_types import column_kind, own_column
from tau2_logging.analysis.reader.legacy import ALIASES
from tau2_logging.analysis.reader.swar import Text

Array = NDArray[Any]

_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_.]*)=(?:[^\s"=\\]+|"[^"\\]*")')
_MOST_SHAPES = 24
_SAMPLES = 7


@dataclass(frozen=True)
class Shape:
    """`columns`: where the values of the line's fields go, in the order of the line. `legacy`: the line has no run."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    legacy: bool


@dataclass(frozen=True)
class Group:
    """Lines of one shape. `members`: their indexes among the lines given. `values`: offsets (start, end) of each changing column's value
    in each line; `fixed`: the token of each column that does not change.
    """

    shape: Shape
    members: Array
    values: dict[str, tuple[Array, Array]]
    fixed: dict[str, str]


def shape_of(pairs: list[str], type_: str) -> Shape | None:
    """Return the shape that the `name=value` tokens of a line have; None if one of them is none, or a name occurs twice."""
    matches = [_PAIR.fullmatch(pair) for pair in pairs]
    names = tuple(match[1] for match in matches if match is not None)
    if len(names) < len(pairs) or len(set(names)) < len(names):
        return None
    return _shape(names, type_)


@lru_cache(maxsize=1024)
def _shape(names: tuple[str, ...], type_: str) -> Shape | None:
    legacy = "run" not in names
    columns = tuple(own_column(_today(name, names, type_) if legacy else name) for name in names)
    return Shape(names, columns, legacy) if len(set(columns)) == len(columns) else None


def _today(name: str, names: tuple[str, ...], type_: str) -> str:
    if name == "tool" and type_ == "tool_call" and "function" not in names:
        return "function"
    return ALIASES.get(name, name)


def groups(text: Text, type_: str, ends: Array, varying: set[tuple[str, str]]) -> Iterator[Group | Array]:
    """Yield the lines of one type and one number of fields, group by group; at last the indexes of those that have no usable shape.

    `ends[0]` are the offsets behind each line's type, `ends[j]` behind its j-th field. `varying`: (type, column) of what was taken for
    fixed and then was not; remembered from block to block, so that a rare value splits the lines of its type once only.
    """
    fixed: dict[str, str] = {}
    left = np.arange(ends.shape[1])
    odd: list[int] = []
    for _ in range(_MOST_SHAPES):
        if not len(left):
            break
        pairs = _tokens(text, ends, int(left[0]))
        shape = shape_of([pair.decode("utf-8", "replace") for pair in pairs], type_)
        if shape is None:
            odd.append(int(left[0]))
            left = left[1:]
            continue
        part = ends if len(left) == ends.shape[1] else ends[:, left]
        _learn(varying, type_, shape, pairs, fixed)
        same = [
            kept and (type_, column) not in varying
            for kept, column in zip(_unchanged(text, part, shape, pairs), shape.columns, strict=True)
        ]
        layout = _Layout(shape, pairs, same)
        fixed = layout.fixed
        fits = layout.fits(text, part)
        yield layout.group(left[fits], part if fits.all() else part[:, fits])
        left = left[~fits]
    yield np.concatenate([np.array(odd, dtype=np.intp), left])


def _learn(varying: set[tuple[str, str]], type_: str, shape: Shape, pairs: list[bytes], fixed: dict[str, str]) -> None:
    """Note the columns that were fixed in the group before and have another value in this line."""
    for column, pair in zip(shape.columns, pairs, strict=True):
        if column in fixed and fixed[column].encode() != pair.partition(b"=")[2]:
            varying.add((type_, column))


def _tokens(text: Text, ends: Array, line: int) -> list[bytes]:
    offsets = ends[:, line].tolist()
    whole = text.get(offsets[0], offsets[-1])
    return [whole[begin + 1 - offsets[0] : end - offsets[0]] for begin, end in pairwise(offsets)]


def _unchanged(text: Text, ends: Array, shape: Shape, pairs: list[bytes]) -> list[bool]:
    """Return which fields are the same in a few lines spread over the group; all lines are checked later."""
    same = [column_kind(column) not in ("id", "payload") and _is_plain(pair) for column, pair in zip(shape.columns, pairs, strict=True)]
    for line in np.linspace(0, ends.shape[1] - 1, _SAMPLES, dtype=np.intp)[1:].tolist():
        same = [kept and pair == other for kept, pair, other in zip(same, pairs, _tokens(text, ends, line), strict=True)]
    return same


def _is_plain(pair: bytes) -> bool:
    return pair.isascii() and b'"' not in pair


class _Layout:
    """What is fixed in a group's lines: literals, each behind a changing value (or the type), in the order of the line."""

    def __init__(self, shape: Shape, pairs: list[bytes], same: list[bool]) -> None:
        self._shape = shape
        self.fixed = {
            column: pair.partition(b"=")[2].decode() for column, pair, kept in zip(shape.columns, pairs, same, strict=True) if kept
        }
        self._literals: list[tuple[int, bytes, int | None]] = []
        anchor, literal = 0, b""
        for index, (name, pair, kept) in enumerate(zip(shape.names, pairs, same, strict=True)):
            if kept:
                literal += b" " + pair
                continue
            self._literals.append((anchor, literal + f" {name}=".encode(), index))
            anchor, literal = index + 1, b""
        if literal:
            self._literals.append((anchor, literal, None))

    def fits(self, text: Text, ends: Array) -> Array:
        """Return which lines have every literal in its place."""
        result = np.ones(ends.shape[1], dtype=bool)
        for anchor, literal, index in self._literals:
            result &= text.stands(ends[anchor], literal)
            if index is None:
                result &= ends[-1] - ends[anchor] == len(literal)
        return result

    def group(self, members: Array, ends: Array) -> Group:
        """Return the group of the lines that fit, given their own `ends`."""
        values = {
            self._shape.columns[index]: (ends[anchor] + len(literal), ends[index + 1])
            for anchor, literal, index in self._literals
            if index is not None
        }
        return Group(self._shape, members, values, self.fixed)
