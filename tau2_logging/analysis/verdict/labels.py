"""What each side is called: by the settings that differ, the telling ones first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from tau2_logging.analysis.verdict.sides import ComparedRun, merged
from tau2_logging.errors import UserError
from tau2_logging.units import plural

TELLING = (
    "arm", "agent", "agent_llm", "agent_args", "agent_llm_args", "experts", "expert_mode", "expert_args", "user", "user_llm",
    "user_llm_args", "judge_llm", "judge_llm_args", "tool_faults", "harness", "tau2_version", "tau2_data", "retrieval_config", "max_steps",
    "max_errors",
)  # fmt: skip
"""Settings that make a run what it is, in the order in which they name it."""

ORIGINS = ("branched_from", "branched_at", "rejudged_from", "replayed_from")
"""Settings that only runs made of recorded simulations have: a run without them is another one, and none of its trials."""

LONGEST = 28
NOT_SAID = "not said"


def differing_settings(sides: Sequence[ComparedRun]) -> dict[str, list[str | None]]:
    """Return the settings in which sides differ: name, and the value of each (None: its record does not say). What one record leaves out
    is no difference, unless only runs made of others have it: a results file says less than a log."""
    names = list(dict.fromkeys([*TELLING, *(name for side in sides for name in side.settings)]))
    found = {name: [side.settings.get(name) for side in sides] for name in names}
    return {name: values for name, values in found.items() if len({value for value in values if value is not None or name in ORIGINS}) > 1}


def trials_of_one(sides: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Return the sides with those put together that are alike in every setting and in their task texts, unless none would be left to
    compare: then they stay apart, which shows what chance does. Verdicts on the same conversations are never further trials."""
    groups: list[list[ComparedRun]] = []
    for side in sides:
        group = next((one for one in groups if _alike(one[0], side)), None)
        if group is None:
            groups.append([side])
        else:
            group.append(side)
    return [merged(group) if len(group) > 1 else group[0] for group in groups] if len(groups) > 1 else list(sides)


def _alike(one: ComparedRun, other: ComparedRun) -> bool:
    told = all(other.texts.get(task, text) == text for task, text in one.texts.items())
    return told and "rejudged_from" not in one.settings and not differing_settings([one, other])


def labeled(sides: Sequence[ComparedRun], names: Sequence[str] = ()) -> list[ComparedRun]:
    """Return the sides under names of their own: those given, else what differs, else what they were called. Raises UserError."""
    if names and len(names) != len(sides):
        raise UserError(f"--labels gives {plural(len(names), 'name')} for {plural(len(sides), 'run')}; give one for each: {_listed(sides)}")
    if names and len(set(names)) < len(names):
        raise UserError(f"--labels gives the same name twice: {', '.join(names)}; give each run a name of its own")
    found = list(names) or _by_settings(sides) or _by_source(sides)
    return [replace(side, label=name) for side, name in zip(sides, found, strict=True)]


def _listed(sides: Sequence[ComparedRun]) -> str:
    return ", ".join(side.source for side in sides)


def _by_settings(sides: Sequence[ComparedRun]) -> list[str]:
    """Return names made of as few differing settings as tell all sides apart; none if settings do not. What has no arm is called as its
    run is."""
    differing = {name: values for name, values in differing_settings(sides).items() if name in TELLING}
    columns: list[list[str]] = []
    for name, values in differing.items():
        unsaid = [side.label if name == "arm" else NOT_SAID for side in sides]
        columns.append([other if value is None else shown_value(value, values) for value, other in zip(values, unsaid, strict=True)])
        names = [cut(" ".join(parts)) for parts in zip(*columns, strict=True)]
        if len(set(names)) == len(names):
            return names
    return []


def shown_value(value: str, values: Sequence[str | None]) -> str:
    """Return a setting as briefly as tells it from the others: of JSON objects only what differs, of a path its end."""
    parsed = [_object(one) for one in values]
    mine = _object(value)
    if mine is None or any(one is None for one, text in zip(parsed, values, strict=True) if text is not None):
        return value.rpartition("/")[2] or value
    others = [one for one in parsed if one is not None]
    told = [f"{name}={_word(mine[name])}" for name in mine if any(one.get(name) != mine[name] for one in others)]
    return ",".join(told) or "default"


def _object(text: str | None) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)


def _by_source(sides: Sequence[ComparedRun]) -> list[str]:
    """Return the shortest ends of the paths that tell sides apart; the ids of the runs if one path holds several; else numbers."""
    runs = [side.label for side in sides]
    paths = [PurePath(side.source.split(", ")[0]) for side in sides]
    for many in range(1, max(len(path.parts) for path in paths) + 1):
        ends = [cut("/".join(path.parts[-many:]), from_end=True) for path in paths]
        if len(set(ends)) == len(ends):
            return ends
    names = [cut(name) for name in runs]
    return names if len(set(names)) == len(names) else [f"run {at}" for at in range(1, len(runs) + 1)]


def cut(text: str, most: int = LONGEST, from_end: bool = False) -> str:
    """Return the text on one line, or its beginning (or end) and an ellipsis."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if len(text) <= most:
        return text
    return f"…{text[1 - most :]}" if from_end else f"{text[: most - 1]}…"
