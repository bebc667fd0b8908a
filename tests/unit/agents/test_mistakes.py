"""What is wrong with a tool call, and how the model is told."""

from __future__ import annotations

from typing import Any

import pytest

from tau2_logging.agents.mistakes import explain_error, find_mistake

SCHEMAS = {"cancel_order": {"properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}}


@pytest.mark.parametrize(
    ("name", "arguments", "problem", "words"),
    [
        ("cancel_order", {"order_id": "#W1"}, None, ()),
        ("cancel_orders", {}, "unknown_tool", ("cancel_order?",)),
        ("cancel_order", {}, "invalid_arguments", ("lacks order_id", '"required": ["order_id"]')),
        ("cancel_order", {"order_id": 1, "why": "x"}, "invalid_arguments", ("no argument why", "order_id has the wrong type")),
    ],
)
def test_a_mistake_is_told_with_the_schema(name: str, arguments: dict[str, Any], problem: str | None, words: tuple[str, ...]) -> None:
    """What is wrong is named, and what the tool takes stands beside it; a right call has no mistake."""
    mistake = find_mistake(name, arguments, SCHEMAS)
    assert (mistake.problem if mistake else None) == problem
    assert all(word in (mistake.told if mistake else "") for word in words)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Error: X.cancel_order() missing 1 required positional argument: 'order_id'", "order_id"),
        ("Error: Order #W9 not found", "do not guess"),
        ("Error: Non-pending order cannot be cancelled", "Do not repeat it"),
    ],
)
def test_an_error_is_explained_by_its_kind(error: str, words: str) -> None:
    """A call that does not fit, a value that does not exist, a refusal: each gets its own advice."""
    assert words in explain_error("cancel_order", error, SCHEMAS)


@pytest.mark.parametrize("name", [None, "no_tool"])
def test_an_error_of_an_unknown_tool_is_explained_with_the_tools_there_are(name: str | None) -> None:
    """There is no schema to show."""
    assert "The tools are: cancel_order." in explain_error(name, "Error: Tool 'no_tool' not found", SCHEMAS)
