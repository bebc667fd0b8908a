"""Records that are shared until somebody asks for them.

tau2 parses a database of up to 7 MB for every environment, three times a simulation, and then looks at a handful of its records. Here the
parsed records are kept once per process. A `SharedRecords` is a dict that holds them all, and replaces one by a copy of its own when it is
first handed out: what a tool changes is always the copy.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, ItemsView, Iterator, Mapping, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

_IMMUTABLE = (str, int, float, bool, bytes, type(None), Enum, datetime, date, time, timedelta, Decimal, frozenset)
_WORTH_SHARING = 8
_MISSING = object()


class SharedRecords(dict[str, Any]):
    """A dict of records that are copied when they are first handed out. `own` are the keys that no longer hold the shared record,
    `touched` those that were handed out or set since somebody emptied it: what a tool has changed is among them.

    The storage always holds valid records, so that readers at C level (pydantic's dump, `==`) see the truth without copying.
    """

    __slots__ = ("own", "shared", "touched")

    def __init__(self, shared: Mapping[str, Any]) -> None:
        super().__init__(shared)
        self.shared = shared
        self.own: set[str] = set()
        self.touched: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        record = super().__getitem__(key)
        if key not in self.own:
            record = clone(record)
            super().__setitem__(key, record)
            self.own.add(key)
        self.touched.add(key)
        return record

    def __setitem__(self, key: str, record: Any) -> None:
        super().__setitem__(key, record)
        self.own.add(key)
        self.touched.add(key)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.own.add(key)
        self.touched.add(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a record as the environment's own copy, `default` if there is none."""
        return self[key] if key in self else default  # noqa: SIM401 (dict.get would hand out the shared record)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """Return a view that copies each record as it is read: a tool may change any of them."""
        return ValuesView(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """Return a view of (key, record) that copies each record as it is read."""
        return ItemsView(self)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a record and return it, copied. Raises KeyError if it is missing and there is no default."""
        if key not in self and default:
            return default[0]
        record = self[key]
        del self[key]
        return record

    def popitem(self) -> tuple[str, Any]:
        """Remove the last record and return (key, record), copied. Raises KeyError if there is none."""
        key = next(reversed(self), None)
        if key is None:
            raise KeyError("popitem(): dictionary is empty")
        return key, self.pop(key)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a record, copied, after adding `default` under a key that is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **named: Any) -> None:
        """Set records, each counted as the environment's own from then on."""
        for key, record in dict(*others, **named).items():
            self[key] = record

    def __ior__(self, other: Any) -> SharedRecords:  # type: ignore[override]
        self.update(other)
        return self

    def clear(self) -> None:
        """Remove every record, each noted as touched: a plain dict.clear would not be seen by the state watch."""
        for key in list(self):
            del self[key]

    def copy(self) -> dict[str, Any]:
        """Return a plain dict of copies, which copies every record that is still shared."""
        return dict(self.items())

    def __copy__(self) -> dict[str, Any]:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: copy.deepcopy(super(SharedRecords, self).__getitem__(key), memo) for key in self}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)

    def peek(self, key: str) -> Any:
        """Return the record as it is, not copied: for reading only."""
        return super().__getitem__(key)

    def __or__(self, other: Any) -> dict[str, Any]:  # type: ignore[override]
        return self.copy() | dict(other)

    def __ror__(self, other: Any) -> dict[str, Any]:  # type: ignore[override]
        return dict(other) | self.copy()

    def __reversed__(self) -> Iterator[str]:
        return super().__reversed__()


def clone(value: Any) -> Any:
    """Return a copy that shares nothing mutable with `value`. Large dicts of models inside it become SharedRecords."""
    if isinstance(value, _IMMUTABLE):
        return value
    if isinstance(value, BaseModel):
        return _clone_model(value)
    kind = type(value)
    if kind is list:
        return [clone(item) for item in value]
    if kind is dict:
        return SharedRecords(value) if is_shareable(value) else {key: clone(item) for key, item in value.items()}
    return copy.deepcopy(value)


def clone_sharing(model: BaseModel, shared: Collection[str]) -> BaseModel:
    """Return a copy of a model; of its fields `shared` are known to be dicts of models to share, which takes long to find out."""
    fields = model.__dict__.items()
    return with_fields(model, {name: SharedRecords(item) if name in shared else clone(item) for name, item in fields})


def _clone_model(model: BaseModel) -> BaseModel:
    return with_fields(model, {name: clone(item) for name, item in model.__dict__.items()})


def with_fields(model: BaseModel, fields: dict[str, Any]) -> BaseModel:
    """Return a copy of a model with these fields, unchecked."""
    twin = type(model).__new__(type(model))
    object.__setattr__(twin, "__dict__", fields)
    object.__setattr__(twin, "__pydantic_fields_set__", set(model.__pydantic_fields_set__))
    object.__setattr__(twin, "__pydantic_extra__", clone(model.__pydantic_extra__))
    object.__setattr__(twin, "__pydantic_private__", clone(model.__pydantic_private__))
    return twin


def unchanged(twin: Any, value: Any) -> bool:
    """Return whether a clone surely still holds what it was made of: the same immutable objects in the same places.

    False may be wrong (an equal value was put instead of another), True never is. Costs a few microseconds, and nothing for records
    inside that were not handed out.
    """
    kind = type(twin)
    if kind is SharedRecords:
        return twin.shared is value and all(key in twin and key in value and unchanged(twin.peek(key), value[key]) for key in twin.own)
    if kind is not type(value):
        return False
    if kind is list:
        return len(twin) == len(value) and all(map(_unchanged_item, twin, value))
    if kind is dict:
        return _unchanged_items(twin, value)
    if isinstance(twin, BaseModel):
        return _unchanged_items(twin.__dict__, value.__dict__) and unchanged(twin.__pydantic_extra__, value.__pydantic_extra__)
    return twin is value and isinstance(twin, _IMMUTABLE)


def _unchanged_items(twin: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    if len(twin) != len(value):
        return False
    for name, item in twin.items():
        other = value.get(name, _MISSING)
        if not (item is other and isinstance(item, _IMMUTABLE)) and (other is _MISSING or not unchanged(item, other)):
            return False
    return True


def _unchanged_item(item: Any, other: Any) -> bool:
    return (item is other and isinstance(item, _IMMUTABLE)) or unchanged(item, other)


def is_shareable(value: Any) -> bool:
    """Return whether a value is a dict of models, by text, that is large enough to be shared."""
    return (
        type(value) is dict
        and len(value) >= _WORTH_SHARING
        and all(type(key) is str for key in value)
        and all(isinstance(item, BaseModel) for item in value.values())
    )
