"""No credential of a conversation is shown, in whatever part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tau2_logging.analysis.conversations.conversation import Conversation, ToolCall, Turn
from tau2_logging.analysis.conversations.masked import masked, search
from tests.support.tokens import FORMS, NAMED, opaque, secrets_of, token

Placed = Callable[[Any], dict[str, Any]]
PLACES: dict[str, Placed] = {
    "what was said": lambda secret: {"turns": [Turn("agent", "hello"), Turn("user", f"it is {secret}")]},
    "what was heard": lambda secret: {"turns": [Turn("user", "hello", heard=str(secret))]},
    "a result": lambda secret: {"turns": [Turn("agent", "", [ToolCall("get", {}, f'{{"at": "{secret}"}}')])]},
    "an argument": lambda secret: {"turns": [Turn("agent", "", [ToolCall("get", {"at": [{"of": secret}]})])]},
    "the name of a tool": lambda secret: {"turns": [Turn("agent", "", [ToolCall(str(secret), {})])]},
    "the task": lambda secret: {"task": {"user_scenario": {"instructions": secret}}},
    "the policy": lambda secret: {"policy": f"Say {secret}."},
    "a reference action": lambda secret: {"reference": [{"arguments": {"at": secret}}]},
    "the fault": lambda secret: {"fault": {"sentence": secret}},
    "what is missing": lambda secret: {"missing": [str(secret)]},
}


def shown(secret: str, place: Placed) -> str:
    return str(masked(Conversation(("run", "retail", "7", "0"), "run", **({"turns": []} | place(secret)))))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_credential_is_masked_wherever_it_stands(place: Placed) -> None:
    """Of every documented form, and beside every name that makes it one."""
    for fake in (token(form, 1) for form in FORMS):
        assert [part for part in secrets_of(fake) if part in shown(fake, place)] == []
    for template in NAMED:
        assert opaque(1) not in shown(template.format(opaque(1)).replace('"', "'"), place)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_search_that_spares_the_masking_changes_nothing(place: Placed) -> None:
    """Masked is what it is if every text is masked, whether each is searched, or each distinct one once."""
    once = search()
    for secret in ("a plain word", *(token(form, 1) for form in FORMS), *(template.format(opaque(1)) for template in NAMED)):
        conversation = Conversation(("run", "retail", "7", "0"), "run", **({"turns": []} | place(secret)))
        always = masked(conversation, lambda text: True)
        assert masked(conversation, once) == masked(conversation, once) == masked(conversation) == always


def test_a_value_that_only_its_name_makes_a_credential_is_masked() -> None:
    call = ToolCall("log_in", {"account": {"password": "hunter2 is mine"}})
    conversation = masked(Conversation(("run", "retail", "7", "0"), "run", [Turn("agent", "", [call])], task={"api_key": "swordfish"}))
    assert "hunter2" not in str(conversation)
    assert "swordfish" not in str(conversation)
