"""Which extra of this package brings a package that is missing."""

from __future__ import annotations

EXTRAS = {
    "matplotlib": "analysis",
    **dict.fromkeys(("aiohttp", "anthropic", "httpx", "litellm", "loguru", "openai", "pydantic", "yaml"), "run"),
    **dict.fromkeys(("statsmodels", "vaderSentiment"), "experiments"),
}
"""Top-level module -> name of the extra. Modules that have a message of their own (tau2, ray, maseval, ...) are not listed."""


def missing_package(error: ImportError) -> str | None:
    """Return the sentence for a package of an extra that is not installed; None for any other import that failed."""
    module = (error.name or "").split(".")[0]
    extra = EXTRAS.get(module)
    if extra is None or not isinstance(error, ModuleNotFoundError):
        return None
    return f"this needs the package {module}, which is not installed; pip install 'tau2-logging[{extra}]', or -r requirements.txt"
