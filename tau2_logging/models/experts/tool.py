"""The tool through which the agent's model reaches its experts. It exists toward that model only; no environment has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tau2_logging.events.secrets.masking import shorten
from tau2_logging.models.experts.expert_model import DELEGATE, Expert

CALL_EXPERT = "call_expert"
UNREADABLE = "unreadable"
_KEYS = re.compile(r"""["'](?:expert|question)["']""")

_PURPOSE = {
    False: "Ask an expert for advice. It sees the policy, the tools and the conversation with the customer, but not what you asked before: "
    "ask a complete question. The answer comes back to you; the customer does not see it.",
    True: "Hand this turn over to an expert: it answers the customer or calls tools in your place, once. It sees the policy, the tools and "
    "the conversation. Say in the question what it should do.",
}


@dataclass(frozen=True)
class Question:
    """A call that can be answered: which expert, asked what."""

    expert: Expert
    text: str


@dataclass(frozen=True)
class CallExpertTool:
    """Offered to the agent's model beside the domain's tools; `name` and `openai_schema` are all that tau2 reads of a tool."""

    experts: tuple[Expert, ...]
    mode: str
    name: str = CALL_EXPERT

    @property
    def openai_schema(self) -> dict[str, Any]:
        """In OpenAI's form: the aliases are an enum."""
        offers = "\n".join(f"- {expert.offer}" for expert in self.experts)
        properties = {
            "expert": {"type": "string", "enum": [expert.alias for expert in self.experts], "description": "Which expert."},
            "question": {"type": "string", "description": "What you want from it, in full."},
        }
        parameters = {"type": "object", "properties": properties, "required": ["expert", "question"]}
        description = f"{_PURPOSE[self.mode == DELEGATE]}\nExperts:\n{offers}"
        return {"type": "function", "function": {"name": self.name, "description": description, "parameters": parameters}}

    def read(self, arguments: Mapping[str, Any]) -> Question | str:
        """Return the question in a call's arguments, or what is wrong with them, in words for the agent's model."""
        if UNREADABLE in arguments:
            return f"Error: the arguments are not a JSON object: {arguments[UNREADABLE]}; call again with expert and question"
        names = ", ".join(expert.alias for expert in self.experts)
        alias, text = arguments.get("expert"), arguments.get("question")
        found = next((expert for expert in self.experts if expert.alias == alias), None)
        if found is None:
            missing = alias is None
            return f"Error: {'expert is missing' if missing else f'there is no expert {alias!r}'}; the experts are: {names}"
        if not isinstance(text, str) or not text.strip():
            return f"Error: question is {'missing' if text is None else repr(text)}; say what you want from expert {alias}"
        return Question(found, text)


def unreadable_arguments(error: ValueError) -> dict[str, Any] | None:
    """Stand-in arguments for a call of this tool whose own were no JSON object, from what tau2 raised of it; None for anything else.

    tau2's message cannot hold such a call, and raises for it without a name; a call is taken to be of this tool when its text names this
    tool's parameters.
    """
    text = getattr(error, "doc", None)
    if text is None and hasattr(error, "errors"):
        text = next((str(found.get("input")) for found in error.errors()), None)
    return {UNREADABLE: shorten(text)} if isinstance(text, str) and _KEYS.search(text) else None
