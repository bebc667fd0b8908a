"""The table of roles, and that it is the only list of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tau2_logging.events import KINDS
from tau2_logging.events.roles import (
    CALL_COUNTERS,
    CONFIGURED_ROLES,
    EXCLUSIVE_MS,
    MODEL_CALL_TYPES,
    NESTING,
    ROLE_NAMES,
    ROLES,
    TOKEN_FIELDS,
)

PACKAGE = Path(__file__).resolve().parents[3] / "tau2_logging"
LISTS = (
    {*ROLE_NAMES},
    {role.event for role in ROLES},
    {*CALL_COUNTERS.values()},
    {f"{role.category}_ms" for role in ROLES},
)
"""What a module that spells out roles would list."""
OTHER_WORDS = {
    "models/experts/briefing.py": "roles of chat messages, and how a prompt calls the speakers",
    "analysis/deep/attribution/accusation.py": "who may be at fault: a task, its tools and the infrastructure, too",
    "models/scripted/llm_args.py": "settings of each scripted model, the reader among them",
    "cli/label.py": "who may be at fault, as a reader labels it",
}


def listed(tree: ast.AST) -> Iterator[set[str]]:
    """The strings of each tuple, list, set and dict of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            yield strings(node.elts)
        elif isinstance(node, ast.Dict):
            yield strings([key for key in node.keys if key is not None])
            yield strings(node.values)


def strings(nodes: list[ast.expr]) -> set[str]:
    """Those of the nodes that are strings; of pairs, the first of each."""
    firsts = [node.elts[0] if isinstance(node, ast.Tuple) and node.elts else node for node in nodes]
    return {node.value for node in firsts if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def spelled_out(text: str) -> list[set[str]]:
    """The lists of a module that hold three names of roles, of their events, counters or times, or that are the token fields."""
    found = list(listed(ast.parse(text)))
    roles = [names for names in found if any(len(names & known) > 2 for known in LISTS)]
    trees = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Tuple | ast.List | ast.Set)]
    return roles + [names for node in trees if set(TOKEN_FIELDS) <= (names := strings(node.elts))]


def test_no_other_module_spells_out_the_roles() -> None:
    """A new role is a row of `roles`, its event a row of `kinds` and its fields rows of `fields`; everything else derives from them."""
    tables = {"events/roles.py", "events/fields.py", *OTHER_WORDS}
    modules = {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    assert {name: found for name, text in modules.items() if name not in tables and (found := spelled_out(text))} == {}


@pytest.mark.parametrize(
    "text",
    [
        'SIDES = {"agent": "a", "expert": "a", "user": "b"}',
        'TYPES = ("llm_call", "user_sim", "evaluator")',
        'for name, model in (("agent", a), ("user", b), ("judge", c)): pass',
        'TOKENS = ["input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"]',
    ],
)
def test_a_list_of_roles_is_found(text: str) -> None:
    """In whatever it is written."""
    assert spelled_out(text)


def test_every_role_has_its_event_and_its_fields() -> None:
    """The three tables agree."""
    ended = KINDS["task_end"].fields
    for role in ROLES:
        assert role.event in KINDS
        assert role.exclusive_ms in ended
        assert role.counter is None or role.counter in ended


def test_the_order_of_the_fields_in_the_log_is_fixed() -> None:
    """Scripts that cut columns rely on it, whatever the order of drawing becomes."""
    assert EXCLUSIVE_MS == (
        "llm_ms", "user_ms", "tool_ms", "expert_ms", "judge_ms", "evaluation_ms", "retrieval_ms", "embedding_ms", "setup_ms", "other_ms",
    )  # fmt: skip
    models = ("llm_calls", "user_calls", "expert_calls", "judge_calls", "embedding_calls")
    assert tuple(CALL_COUNTERS.values()) == (*models, "tool_calls", "retrieval_calls")
    assert NESTING == ("expert", "llm", "user", "judge", "embedding", "retrieval", "tool", "evaluation")
    assert MODEL_CALL_TYPES == ("llm_call", "expert_call", "embedding_call", "user_sim", "evaluator")
    assert CONFIGURED_ROLES == ("agent", "user", "judge")
