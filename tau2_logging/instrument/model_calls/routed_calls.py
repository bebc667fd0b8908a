"""litellm's calls of some models get the address of a server: at each attempt, so under the retries, and over the measurement."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.litellm import wrap_completions
from tau2_logging.instrument.patching import Function, Patches

ServerOf = Callable[[str], AbstractContextManager[str]]
"""Gives the base URL for a call of a model; the call is made inside the block, which sees what it raises."""


class RoutedCalls(Instrumentor):
    """Gives calls of the models `models` (litellm's names) an `api_base`; one that has its own keeps it."""

    def __init__(self, models: Collection[str], server_of: ServerOf) -> None:
        super().__init__()
        self._models = frozenset(models)
        self._server_of = server_of

    def wrap(self, patches: Patches) -> None:
        """Wrap litellm's completion and acompletion wherever they have been imported by name."""
        wrap_completions(patches, self._completion, self._acompletion)

    def _completion(self, original: Function) -> Function:
        def completion(*args: Any, **kwargs: Any) -> Any:
            model = self._routed(args, kwargs)
            if model is None:
                return original(*args, **kwargs)
            with self._server_of(model) as url:
                return original(*args, **{**kwargs, "api_base": url})

        return completion

    def _acompletion(self, original: Function) -> Function:
        async def acompletion(*args: Any, **kwargs: Any) -> Any:
            model = self._routed(args, kwargs)
            if model is None:
                return await original(*args, **kwargs)
            with self._server_of(model) as url:
                return await original(*args, **{**kwargs, "api_base": url})

        return acompletion

    def _routed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        model = str(kwargs.get("model") or (args[0] if args else ""))
        return model if model in self._models and not kwargs.get("api_base") and not kwargs.get("base_url") else None
