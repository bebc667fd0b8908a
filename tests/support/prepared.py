"""Models that say what a test has prepared, through litellm's own path, and keep what they were asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import litellm
from litellm import CustomLLM

PROVIDER = "prepared"


class PreparedModels(CustomLLM):  # type: ignore[misc]
    """`prepared/<name>` gives the replies of that name in order. `asked` holds (name, messages, names of the tools offered),
    `settings` (name, other arguments of the call).
    """

    def __init__(self, replies: Mapping[str, Sequence[Any]]) -> None:
        super().__init__()
        self.replies = {name: list(queue) for name, queue in replies.items()}
        self.settings: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[tuple[str, list[dict[str, Any]], list[str]]] = []

    def completion(self, *args: Any, **kwargs: Any) -> Any:
        model = kwargs["model"]
        tools = kwargs["optional_params"].get("tools") or ()
        self.asked.append((model, json.loads(json.dumps(kwargs["messages"])), [tool["function"]["name"] for tool in tools]))
        self.settings.append((model, dict(kwargs["optional_params"])))
        message = self.replies[model].pop(0)
        choice = litellm.Choices(index=0, message=message, finish_reason="tool_calls" if message.tool_calls else "stop")
        usage = litellm.Usage(prompt_tokens=100, completion_tokens=10, total_tokens=110)
        return litellm.ModelResponse(model=f"{PROVIDER}/{model}", choices=[choice], usage=usage)

    def prompts(self, name: str) -> list[list[dict[str, Any]]]:
        """What a model was sent, call by call."""
        return [messages for model, messages, _ in self.asked if model == name]

    def offered(self, name: str) -> list[list[str]]:
        """The tools a model was offered, call by call."""
        return [tools for model, _, tools in self.asked if model == name]


def says(text: str) -> Any:
    """A reply of text."""
    return litellm.Message(role="assistant", content=text)


def calls(*made: tuple[str, Any], text: str | None = None) -> Any:
    """A reply of tool calls, each (tool, arguments); arguments that are text are sent as they are."""
    tool_calls = [
        {
            "id": f"id_{tool}_{index}",
            "type": "function",
            "function": {"name": tool, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)},
        }
        for index, (tool, arguments) in enumerate(made)
    ]
    return litellm.Message(role="assistant", content=text, tool_calls=tool_calls)


@contextmanager
def prepared(**replies: Sequence[Any]) -> Iterator[PreparedModels]:
    """Have litellm know these models inside the block."""
    models = PreparedModels(replies)
    before = litellm.custom_provider_map
    litellm.custom_provider_map = [*before, {"provider": PROVIDER, "custom_handler": models}]
    try:
        yield models
    finally:
        litellm.custom_provider_map = before
