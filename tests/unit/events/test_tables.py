"""The tables of fields and kinds are complete and agree with each other."""

from __future__ import annotations

import re

import pytest

from tau2_logging.events import (
    CONTEXT_FIELDS,
    EXCLUSIVE_MS,
    FIELDS,
    KINDS,
    LEVELS,
    MODEL_CALL_TYPES,
    PROFILE,
    USER_JUDGE,
    level_name,
    level_of,
)
from tau2_logging.logger.ledger import CATEGORIES, OTHER


@pytest.mark.parametrize("type_", [*KINDS, "my_event"])
@pytest.mark.parametrize("fields", [{}, {"error": True}, {"error": False}, {"status": "ok"}, {"status": "error"}, {"status": "timeout"},
                                    {"status": "ok", "error_type": "EmptyReply"}])  # fmt: skip
def test_the_level_is_the_kind_s_raised_by_the_outcome_and_never_below_it(type_: str, fields: dict[str, object]) -> None:
    kind = KINDS[type_].level if type_ in KINDS else LEVELS["INFO"]
    expected = kind
    if fields.get("error"):
        expected = max(kind, LEVELS["WARNING"])
    if type_ == "task_end" and fields.get("status") in ("error", "timeout"):
        expected = LEVELS["ERROR"]
    if type_ == "task_end" and "error_type" in fields:
        expected = LEVELS["WARNING"]
    assert level_of(type_, fields) == expected >= kind


RESERVED = {"task", "thread", "type"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_every_field_of_a_kind_is_in_the_table_once(kind: object) -> None:
    """No kind writes a field that has no type and no description, or one twice."""
    fields = kind.fields  # type: ignore[attr-defined]
    assert set(fields) <= FIELDS.keys()
    assert len(set(fields)) == len(fields)
    assert not set(fields) & (RESERVED | set(CONTEXT_FIELDS))


def test_every_field_of_the_table_is_used_or_explained_by_its_unit() -> None:
    """Names can stand in the log, types are known, milliseconds and dollars say so in their name."""
    for field in FIELDS.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
        assert field.name not in RESERVED
        assert field.type in {"str", "int", "bool", "float", "ms", "usd"}
        assert field.doc
        assert field.name.endswith("_ms") == (field.type == "ms")
        assert field.name.endswith("_usd") == (field.type == "usd")


def test_every_field_belongs_to_a_kind() -> None:
    """A row nobody writes is a row to delete."""
    used = {name for kind in KINDS.values() for name in kind.fields} | set(CONTEXT_FIELDS)
    assert FIELDS.keys() == used


def test_the_exclusive_times_are_those_of_the_ledger() -> None:
    """task_end has a field for each category, so that nothing of its duration is missing."""
    assert set(EXCLUSIVE_MS) == {f"{category}_ms" for category in (*CATEGORIES, OTHER)}
    assert set(EXCLUSIVE_MS) <= set(KINDS["task_end"].fields)


def test_calls_of_models_have_the_same_fields() -> None:
    """Whoever makes the call, it is described alike."""
    shapes = {tuple(name for name in KINDS[type_].fields if name != "expert") for type_ in MODEL_CALL_TYPES}
    assert len(shapes) == 1


def test_levels_have_the_numbers_the_user_asked_for() -> None:
    """PROFILE is 15 and USER_JUDGE 16, between DEBUG and INFO; a number without a name is written as the number."""
    assert (PROFILE, USER_JUDGE) == (15, 16)
    assert sorted(LEVELS, key=LEVELS.__getitem__) == ["DEBUG", "PROFILE", "USER_JUDGE", "INFO", "WARNING", "ERROR"]
    assert [level_name(level) for level in (15, 16, 17)] == ["PROFILE", "USER_JUDGE", "17"]
