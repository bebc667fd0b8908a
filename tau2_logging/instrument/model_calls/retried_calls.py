"""Every model call goes through the code that retries: litellm's functions, wherever they are bound, and the requests of the two SDKs.

What litellm and the SDKs under it would retry in secret is turned off.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.litellm import wrap_completions
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.wire import protocol_of
from tau2_logging.logger.context import current

_HIDDEN_RETRIES_OFF = {"num_retries": 0, "max_retries": 0}
_SDKS = ("openai", "anthropic")

_INSIDE: ContextVar[bool] = ContextVar("tau2_logging_inside_retries", default=False)
"""A call is being made under this layer: what it calls in turn is not retried by itself."""


@dataclass(frozen=True)
class Request:
    """A call before it is made. `arguments`: those that litellm was given (`by_litellm`), or the body that an SDK sends. `url`: if it
    goes, if it says so itself."""

    model: str
    arguments: Mapping[str, Any]
    url: str | None
    by_litellm: bool


class Retrier(Protocol):
    """Makes a call as often as it thinks right."""

    def retried(self, make: Callable[[], Any], request: Request) -> Any:
        """Return what one attempt gave or raised; `make` makes one."""

    async def retried_async(self, make: Callable[[], Awaitable[Any]], request: Request) -> Any:
        """Return the same for a call that is awaited."""


class RetriedCalls(Instrumentor):
    """Hands calls to a retrier. `request_timeout_s` is given to those that have none of their own."""

    def __init__(self, retrier: Retrier, request_timeout_s: float | None = None) -> None:
        super().__init__()
        self._retrier = retrier
        self._timeout_s = request_timeout_s

    def wrap(self, patches: Patches) -> None:
        """Wrap litellm's functions and the request method of each SDK that has been imported."""
        importlib.import_module("tau2.utils.llm_utils")
        wrap_completions(patches, self._completion, self._acompletion)
        for package in _SDKS:
            module = sys.modules.get(f"{package}._base_client")
            if module is not None:
                patches.method(module.SyncAPIClient, "request", self._request)
                patches.method(module.AsyncAPIClient, "request", self._request_async)

    def _completion(self, original: Function) -> Function:
        def completion(*args: Any, **kwargs: Any) -> Any:
            if _INSIDE.get() or kwargs.get("acompletion"):
                return original(*args, **kwargs)

            def make() -> Any:
                with _inside():
                    return original(*args, **self._arguments(kwargs))

            return self._retrier.retried(make, _of_litellm(args, kwargs))

        return completion

    def _acompletion(self, original: Function) -> Function:
        async def acompletion(*args: Any, **kwargs: Any) -> Any:
            if _INSIDE.get():
                return await original(*args, **kwargs)

            async def make() -> Any:
                with _inside():
                    return await original(*args, **self._arguments(kwargs))

            return await self._retrier.retried_async(make, _of_litellm(args, kwargs))

        return acompletion

    def _arguments(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        timeout = {"timeout": self._timeout_s} if self._timeout_s is not None and kwargs.get("timeout") is None else {}
        return {**kwargs, **timeout, **_HIDDEN_RETRIES_OFF}

    def _request(self, original: Function) -> Function:
        def request(client: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
            if not _is_retried(options):
                return original(client, cast_to, options, **kwargs)

            def make() -> Any:
                with _inside():
                    return original(client, cast_to, self._options(options), **kwargs)

            return self._retrier.retried(make, _of_sdk(client, options))

        return request

    def _request_async(self, original: Function) -> Function:
        async def request(client: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
            if not _is_retried(options):
                return await original(client, cast_to, options, **kwargs)

            async def make() -> Any:
                with _inside():
                    return await original(client, cast_to, self._options(options), **kwargs)

            return await self._retrier.retried_async(make, _of_sdk(client, options))

        return request

    def _options(self, options: Any) -> Any:
        timeout = self._timeout_s is not None and not isinstance(options.timeout, (int, float))
        return options.model_copy(update={"max_retries": 0, **({"timeout": self._timeout_s} if timeout else {})})


@contextmanager
def _inside() -> Iterator[None]:
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)


def _is_retried(options: Any) -> bool:
    """Return whether an SDK's request is retried here: a model call of a simulation that nobody above retries."""
    return not _INSIDE.get() and current() is not None and protocol_of("POST", str(options.url)) is not None


def _of_litellm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    url = kwargs.get("api_base") or kwargs.get("base_url")
    return Request(str(kwargs.get("model") or (args[0] if args else "")), kwargs, str(url) if url else None, by_litellm=True)


def _of_sdk(client: Any, options: Any) -> Request:
    parts = (options.json_data, getattr(options, "extra_json", None))
    body = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
    return Request(str(body.get("model", "")), body, str(client.base_url), by_litellm=False)
