"""Which model server a call goes to is decided here, at each attempt: under the retries, over the measurement."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

import litellm

from tau2_logging.instrument.failure import wire_failure
from tau2_logging.instrument.litellm import wrap_completions
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.logger.context import current
from tau2_logging.logger.error_text import error_text
from tau2_logging.logger.masking import mask_text, shorten
from tau2_logging.models.servers.endpoints import Endpoint, Endpoints, NoEndpoint
from tau2_logging.models.servers.settings import PROVIDER


class Routing:
    """Gives calls of the models `models` (litellm's names) an `api_base`, while it is installed; one that has its own keeps it."""

    def __init__(self, endpoints: Endpoints, models: Collection[str]) -> None:
        self._endpoints = endpoints
        self._models = frozenset(models)
        self._patches = Patches()

    def install(self) -> None:
        """Put the layer on top of whatever is there."""
        wrap_completions(self._patches, self._completion, self._acompletion)

    def uninstall(self) -> None:
        """Take it off."""
        self._patches.restore()

    def _completion(self, original: Function) -> Function:
        def completion(*args: Any, **kwargs: Any) -> Any:
            endpoint = self._choose(args, kwargs)
            if endpoint is None:
                return original(*args, **kwargs)
            try:
                response = original(*args, **{**kwargs, "api_base": endpoint.address.base_url})
            except Exception as error:
                self._failed(endpoint, error)
                raise
            self._endpoints.succeeded(endpoint)
            return response

        return completion

    def _acompletion(self, original: Function) -> Function:
        async def acompletion(*args: Any, **kwargs: Any) -> Any:
            endpoint = self._choose(args, kwargs)
            if endpoint is None:
                return await original(*args, **kwargs)
            try:
                response = await original(*args, **{**kwargs, "api_base": endpoint.address.base_url})
            except Exception as error:
                self._failed(endpoint, error)
                raise
            self._endpoints.succeeded(endpoint)
            return response

        return acompletion

    def _choose(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Endpoint | None:
        model = str(kwargs.get("model") or (args[0] if args else ""))
        if model not in self._models or kwargs.get("api_base") or kwargs.get("base_url"):
            return None
        try:
            return self._endpoints.choose(model.partition("/")[2], current())
        except NoEndpoint as error:
            if error.for_good:
                raise
            # in litellm's words, so that whoever retries knows that it may help
            raise litellm.ServiceUnavailableError(str(error), llm_provider=PROVIDER, model=model) from error

    def _failed(self, endpoint: Endpoint, error: Exception) -> None:
        status = getattr(error, "status_code", None)
        broke_off = wire_failure(error) is not None
        if broke_off or (isinstance(status, int) and status >= 500):
            with contextlib.suppress(Exception):  # the caller is to get the call's error and no other
                self._endpoints.failed(endpoint, shorten(mask_text(error_text(error)), 120), broke_off)
