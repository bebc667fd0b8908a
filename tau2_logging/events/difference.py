"""Two states of a database compared, and the differences applied: plain JSON values in, `Change`s out.

A path names a place from the top down: the key of an object, the position in a list, or `id_field=value` for a record of a list whose
items all have such a field with values of their own (`lines/line_id=L1002/status`). In a step, `~` is written `~0` and `/` `~1`, as in
JSON Pointer (RFC 6901), and an empty key `~2`.
"""

from __future__ import annotations

import copy
import json
import marshal
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tau2_logging.events.structured import Change

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_ABSENT: Any = object()
_EMPTY = "~2"
_NO_REFERENCES = 2
"""Version of marshal's format in which equal values are written alike, whichever objects they share."""


def difference(before: Any, after: Any, path: str = "") -> tuple[Change, ...]:
    """Return the changes that make `after` of `before`, as deep down as they can be distinguished. Empty if both are equal."""
    return tuple(_compare(before, after, path))


def _compare(before: Any, after: Any, path: str) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _compare_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _compare_lists(before, after, path)
    elif not _alike(before, after):
        yield Change(path, CHANGED, before, after)


def _compare_objects(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Change]:
    alike = _alike_keys(before, after)
    for key in [*before, *(key for key in after if key not in before)]:
        if key not in alike:
            step = _step(key)
            yield from _compare_items(before.get(key, _ABSENT), after.get(key, _ABSENT), f"{path}/{step}" if path else step)


def _alike_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Return the keys whose values are alike. Those that are equal in Python are mostly alike, and are looked at together."""
    equal = [key for key, value in before.items() if key in after and value == after[key]]
    if _alike([before[key] for key in equal], [after[key] for key in equal]):
        return set(equal)
    return {key for key in equal if _alike(before[key], after[key])}


def _compare_items(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before is _ABSENT:
        yield Change(path, ADDED, after=after)
    elif after is _ABSENT:
        yield Change(path, REMOVED, before=before)
    else:
        yield from _compare(before, after, path)


def _alike(before: Any, after: Any) -> bool:
    """Return whether two values are equal down to the types, ten times faster than by a walk. False is not certain if keys are in
    another order."""
    if type(before) is not type(after):
        return False
    if type(before) is str or before is None:
        return bool(before == after)
    try:
        return marshal.dumps(before, _NO_REFERENCES) == marshal.dumps(after, _NO_REFERENCES)
    except ValueError:  # no plain JSON
        return repr(before) == repr(after)


def _compare_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Change]:
    name = id_field(before, after)
    if name is not None and _same_order(before, after, name):
        found = [{f"{name}={item[name]}": item for item in items} for items in (before, after)]
        yield from _compare_objects(found[0], found[1], path)
    elif name is None and (len(before) == len(after) or _begins_with(before, after) or _begins_with(after, before)):
        places = [{str(place): item for place, item in enumerate(items)} for items in (before, after)]
        yield from _compare_objects(places[0], places[1], path)
    else:
        yield Change(path, CHANGED, before, after)


def _begins_with(items: list[Any], start: list[Any]) -> bool:
    return items[: len(start)] == start


def id_field(*lists: list[Any]) -> str | None:
    """Return the name of the field that tells the records of these lists apart: `id` or one that ends in `_id`, text, in each, never
    twice."""
    items = [item for one in lists for item in one]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for name in items[0]:
        named = (name == "id" or name.endswith("_id")) and all(isinstance(item.get(name), str) for item in items)
        if named and all(len({item[name] for item in one}) == len(one) for one in lists):
            return str(name)
    return None


def _same_order(before: list[Any], after: list[Any], name: str) -> bool:
    """Return whether records only went away, came at the end, or changed in their places."""
    kept = {item[name] for item in before} & {item[name] for item in after}
    order = [item[name] for item in after]
    new = [key not in kept for key in order]
    return [key for key in order if key in kept] == [item[name] for item in before if item[name] in kept] and new == sorted(new)


def apply_changes(state: Any, changes: Iterable[Change]) -> Any:
    """Return a copy of a state with the changes made. Raises KeyError, IndexError or ValueError if a path leads nowhere."""
    state = copy.deepcopy(state)
    for change in sorted(changes, key=_last_positions_first):
        if change.path == "":
            state = change.after
            continue
        *way, last = change.path.split("/")
        place = state
        for step in way:
            place = place[_index(place, step)]
        _put(place, last, change)
    return state


def _last_positions_first(change: Change) -> tuple[int, int]:
    """Return order changes so that items removed by position are removed from the end of a list."""
    last = change.path.rpartition("/")[2]
    return (1, -int(last)) if change.kind == REMOVED and last.isdecimal() else (0, 0)


def _put(place: Any, step: str, change: Change) -> None:
    if change.kind == REMOVED:
        del place[_index(place, step)]
    elif change.kind == ADDED and isinstance(place, list):
        place.append(copy.deepcopy(change.after))
    else:
        place[_index(place, step) if isinstance(place, list) else _name(step)] = copy.deepcopy(change.after)


def _index(place: Any, step: str) -> Any:
    if not isinstance(place, list):
        return _name(step)
    name, equals, value = _name(step).partition("=")
    return next(number for number, item in enumerate(place) if item[name] == value) if equals else int(step)


def _step(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1") or _EMPTY


def _name(step: str) -> str:
    return "" if step == _EMPTY else step.replace("~1", "/").replace("~0", "~")


def record_of(change: Change) -> str:
    """Return the record a change lies in: the first two steps of its path; the first if the second is a mere value of it."""
    steps = change.path.split("/")
    value = change.before if change.kind == REMOVED else change.after
    return "/".join(steps[:1] if len(steps) == 2 and not isinstance(value, dict) else steps[:2])


def changed_records(changes: Iterable[Change]) -> int:
    """Return the number of records that differ."""
    return len({record_of(change) for change in changes})


def summary(changes: Iterable[Change], limit: int = 500) -> str:
    """Return the changes in words: `reservations/ABC123: status 'ok' -> 'cancelled'; users/ann: added`."""
    parts: dict[str, list[str]] = {}
    for change in changes:
        record = record_of(change)
        parts.setdefault(record, []).append(_words(change, change.path[len(record) + 1 :]))
    text = "; ".join(f"{_shown(record)}: {', '.join(words)}" for record, words in parts.items())
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} more characters)"


def _shown(path: str) -> str:
    return "/".join(_name(step).partition("=")[2] or _name(step) for step in path.split("/"))


def _words(change: Change, rest: str) -> str:
    name = f"{_shown(rest)} " if rest else ""
    if change.kind == CHANGED:
        return f"{name}{_short(change.before)} -> {_short(change.after)}"
    if not rest:
        return change.kind
    return f"{name}{change.kind} {_short(change.after if change.kind == ADDED else change.before)}"


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | type(None)) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
