"""The reference of events says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.events import FIELDS, KINDS, Kind
from tau2_logging.events.docs import outdated, reference

ROOT = Path(__file__).resolve().parents[3]


def test_the_files_in_the_repository_are_up_to_date() -> None:
    """docs/events.md and docs/events_jsonl.md; if not: python -m tau2_logging.events.docs."""
    assert list(outdated(ROOT)) == []


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_has_a_section_with_all_its_fields(name: str) -> None:
    """Named, typed and explained, in the order of writing."""
    section = reference().split(f"\n## {name}\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z_0-9]+)` \| [^|]+ \| [^|]+ \|$", section, re.MULTILINE) == list(KINDS[name].fields)


def test_every_field_is_explained() -> None:
    """None is left out of the reference."""
    assert {name for name in FIELDS if f"| `{name}` |" not in reference()} == set()


def test_a_field_without_a_row_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the kind that has it and the file to mend, not by a KeyError."""
    monkeypatch.setitem(KINDS, "cache_flush", Kind("cache_flush", 20, "the cache is emptied", ("cache_size",)))
    with pytest.raises(UserError, match="names the field cache_size"):
        reference()
