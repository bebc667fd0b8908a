"""Which extra of this package brings a package that is missing."""

from __future__ import annotations

from tau2_logging.invocation import ready_interpreter

BASE = ("numpy", "pandas", "polars", "rich", "scipy", "pyarrow", "zstandard")
"""Packages that every installation of ours brings."""

EXTRAS = {
    **dict.fromkeys(("aiohttp", "matplotlib"), "analysis"),
    **dict.fromkeys(("anthropic", "httpx", "litellm", "loguru", "openai", "pydantic", "yaml"), "run"),
    **dict.fromkeys(("statsmodels", "vaderSentiment"), "experiments"),
}
"""Top-level module -> name of the extra. Modules that have a message of their own (tau2, ray, maseval, ...) are not listed."""


def missing_package(error: ImportError) -> str | None:
    """Return the sentence for a package of an extra that is not installed; None for any other import that failed."""
    module = (error.name or "").split(".")[0]
    extra = EXTRAS.get(module)
    if not isinstance(error, ModuleNotFoundError) or (extra is None and module not in BASE):
        return None
    if ready := ready_interpreter():
        return f"this interpreter does not have the package {module}; {ready} does: start the command with it"
    wanted = f"tau2-logging[{extra}]" if extra else "tau2-logging"
    return f"this needs the package {module}, which is not installed; pip install '{wanted}', or -r requirements.txt"
