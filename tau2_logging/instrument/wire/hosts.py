"""Whose server a host is: what a call is named after, and whether its streams are known to bring what its whole answers bring."""

from __future__ import annotations

from collections.abc import Mapping

SIMULATED = "tau2-logging-simulated"
"""What the simulated model server says in its `Server` header."""

_HOSTS = (
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "claude"),
    ("openai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("openrouter.ai", "openrouter"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.mistral.ai", "mistral"),
    ("api.together.xyz", "together_ai"),
    ("api.fireworks.ai", "fireworks_ai"),
    ("api.x.ai", "xai"),
    ("api.cerebras.ai", "cerebras"),
    ("integrate.api.nvidia.com", "nvidia_nim"),
    ("generativelanguage.googleapis.com", "gemini"),
    ("aiplatform.googleapis.com", "vertex_ai"),
)

_SAME_EITHER_WAY = {
    "api.openai.com": "the provider's own SDK builds whole answers from its streams; no text is searched for calls on the way",
    "api.anthropic.com": "the same",
    SIMULATED: "ours: both forms are written from one plan, unless a test asks for two",
}
"""Hosts and `Server` headers whose stream, put together, is their whole answer, each with the reason. Servers that find tool calls in the
model's text (vLLM, llama.cpp, Ollama, every proxy in front of one) have one parser for streams and another for whole answers: not here.
"""


def call_type_of_host(host: str) -> str | None:
    """Return the provider of a host that is known, by litellm's name (`claude` for Anthropic); None for a private one."""
    return next((name for known, name in _HOSTS if host == known or host.endswith((f".{known}", f"-{known}"))), None)


def same_either_way(host: str) -> bool:
    """Return whether a host's streams are known to bring what its whole answers bring."""
    return host in _SAME_EITHER_WAY


def name_in(headers: Mapping[str, str]) -> str:
    """Return what a server calls itself in the headers of an answer, to be looked up with `same_either_way`."""
    return headers.get("server", "").partition("/")[0]
