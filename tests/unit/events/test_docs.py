"""The reference of events says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tau2_logging.events import FIELDS, KINDS
from tau2_logging.events.docs import BEGIN, END, outdated, reference, short_table, with_table

ROOT = Path(__file__).resolve().parents[3]


def test_the_files_in_the_repository_are_up_to_date() -> None:
    """docs/events.md and README.md; if not: python -m tau2_logging.events.docs."""
    assert list(outdated(ROOT)) == []


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_has_a_section_with_all_its_fields(name: str) -> None:
    """Named, typed and explained, in the order of writing."""
    section = reference().split(f"\n## {name}\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z_0-9]+)` \| [^|]+ \| [^|]+ \|$", section, re.MULTILINE) == list(KINDS[name].fields)


def test_every_field_is_explained() -> None:
    """None is left out of the reference."""
    assert {name for name in FIELDS if f"| `{name}` |" not in reference()} == set()


def test_the_table_goes_between_the_markers_and_nowhere_else() -> None:
    """What stands around it is kept, doing it twice changes nothing, a README without markers stays as it is."""
    once = with_table(f"# Title\n{BEGIN}\nold\n{END}\nrest\n")
    assert once == f"# Title\n{BEGIN}\n{short_table()}{END}\nrest\n"
    assert with_table(once) == once
    assert with_table("# Title\n") == "# Title\n"
