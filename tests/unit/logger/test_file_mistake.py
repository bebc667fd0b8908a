"""Files that a person wrote and that are not YAML: what is wrong and where is said, what is there is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.experts.expert_files import read_mapping
from tau2_logging.models.rental.checks import read_document
from tau2_logging.users.variant_files import read_variants
from tests.support.tokens import opaque

KEY = opaque(1)


def of_experts(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_mapping(path)
    return str(caught.value)


def of_variants(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_variants(path)
    return str(caught.value)


def of_a_rental(path: Path) -> str:
    return str(read_document(path.read_text()))


@pytest.mark.parametrize("told", [of_experts, of_variants, of_a_rental])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a: 1\nkey: {KEY}: x", f"line 2, column {len('key: ') + len(KEY) + 1}: mapping values are not allowed here"),
        (f"key: '{KEY}", "found unexpected end of stream"),
        (f"key: *{KEY}", "line 1, column 6: found undefined alias ***"),
        (f"key: !{KEY} x", "could not determine a constructor for the tag ***"),
        (f"key: [{KEY}, ", "expected the node content, but found '<stream end>'"),
        (f"key: {KEY}\nday: 2026-13-45", "a date or a number in it is none"),
        (f"key: {KEY}\na: {'[' * 500}", "nested too deep"),
    ],
    ids=["colon", "quote", "alias", "tag", "bracket", "date", "depth"],
)
def test_the_text_is_not_quoted(told: Callable[[Path], str], text: str, said: str, tmp_path: Path) -> None:
    """In one line."""
    path = tmp_path / "own.yaml"
    path.write_text(text)
    line = told(path)
    assert "not YAML: " in line
    assert said in line
    assert KEY not in line
    assert "\n" not in line
