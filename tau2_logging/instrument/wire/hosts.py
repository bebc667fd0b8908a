"""Whose server a host is: what a call is named after, whatever its model is called."""

from __future__ import annotations

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


def call_type_of_host(host: str) -> str | None:
    """The provider of a host that is known, by litellm's name (`claude` for Anthropic); None for a private one."""
    return next((name for known, name in _HOSTS if host == known or host.endswith((f".{known}", f"-{known}"))), None)
