"""Every model call that goes through litellm, the code that makes it.

litellm's `completion` and `acompletion` are wrapped wherever they are bound: tau2 and agents import them by name. litellm calls itself
(async through sync, the public function through an inner one, its own retries); of nested calls only those that are a new attempt
count, and a new attempt is one made while litellm handles the failure of the one before.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor, distribution_version
from tau2_logging.instrument.model_calls.measured_stream import MeasuredStream
from tau2_logging.instrument.model_calls.model_call import CURRENT_CALL, ModelCall
from tau2_logging.instrument.model_calls.price import price_of
from tau2_logging.instrument.model_calls.rate_limiter import RateLimiter, wait_for_limit, wait_for_limit_async
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.requests.streaming import Streaming
from tau2_logging.logger.context import current

RECORDED = "recorded"
"""What a recording answers costs nothing, also if it does not say how many tokens it was."""
_CALL_TYPES = {"hosted_vllm": "openai_compatible", "vllm": "vllm", "openai": "openai", "anthropic": "claude"}


class LitellmInstrumentor(Instrumentor):
    """One event for each attempt of litellm.completion and litellm.acompletion inside a simulation."""

    def __init__(self, streaming: Streaming | None = None, rate_limiter: RateLimiter | None = None) -> None:
        super().__init__()
        self._streaming = streaming or Streaming()
        self._rate_limiter = rate_limiter

    def supported(self) -> bool:
        """Return whether litellm is installed."""
        return distribution_version("litellm") is not None

    def wrap(self, patches: Patches) -> None:
        """Wrap completion and acompletion wherever they have been imported by name."""
        wrap_completions(patches, self._completion, self._acompletion)

    def _completion(self, original: Function) -> Function:
        def completion(*args: Any, **kwargs: Any) -> Any:
            call = self._begin(args, kwargs)
            if call is None:
                return original(*args, **kwargs)
            with _being_made(call):
                wait_for_limit(self._rate_limiter, call)
                response = original(*args, **kwargs)
            return self._ended(call, response)

        return completion

    def _acompletion(self, original: Function) -> Function:
        async def acompletion(*args: Any, **kwargs: Any) -> Any:
            call = self._begin(args, kwargs)
            if call is None:
                return await original(*args, **kwargs)
            with _being_made(call):
                await wait_for_limit_async(self._rate_limiter, call)
                response = await original(*args, **kwargs)
            return self._ended(call, response)

        return acompletion

    def _begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModelCall | None:
        simulation = current()
        if not self.installed or simulation is None or simulation.closed:
            return None
        return simulation.logger.attempt(_begin_call, simulation, args, kwargs, sys.exc_info()[1])

    def _ended(self, call: ModelCall, response: Any) -> Any:
        if inspect.isawaitable(response):  # litellm.completion(acompletion=True) hands back a coroutine
            return self._ended_later(call, response)
        if hasattr(response, "__next__") or hasattr(response, "__anext__"):
            return MeasuredStream(response, call, _assemble)
        call.finish(response)
        if call.protocol is None and call.endpoint is not None:
            self._streaming.note_unreadable(call.model, call.endpoint)
        return response

    async def _ended_later(self, call: ModelCall, response: Any) -> Any:
        try:
            return self._ended(call, await response)
        except BaseException as error:
            call.fail(error)
            raise


@contextmanager
def _being_made(call: ModelCall) -> Iterator[None]:
    """Make `call` the current one inside the block, and fail it with what the block raises."""
    token = CURRENT_CALL.set(call)
    try:
        yield
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        CURRENT_CALL.reset(token)


def wrap_completions(patches: Patches, completion: Callable[[Function], Function], acompletion: Callable[[Function], Function]) -> None:
    """Wrap litellm's `completion` and `acompletion`: of each both functions, the public one and the inner one that it may call."""
    import litellm

    makers = (("completion", completion), ("acompletion", acompletion))
    patches.functions((original, make) for name, make in makers for original in {getattr(litellm, name), getattr(litellm.main, name)})


def _begin_call(simulation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], handled: BaseException | None) -> ModelCall | None:
    outer = CURRENT_CALL.get()
    attempt = None
    if outer is not None and not outer.done:
        if handled is None or handled is outer.handled:
            return None
        outer.fail(handled)
        attempt = outer.attempt + 1
    model = str(kwargs.get("model") or (args[0] if args else ""))
    messages = kwargs.get("messages") or (args[1] if len(args) > 1 else None)
    call_type = call_type_of(model, kwargs.get("custom_llm_provider"), kwargs.get("api_base") or kwargs.get("base_url"))
    call = ModelCall(simulation, model, call_type, messages, attempt)
    call.handled = handled
    call.tools = kwargs.get("tools")
    call.price = lambda reply: 0.0 if call_type == RECORDED else price_of(call.model, call.provider, reply)
    return call


def _assemble(chunks: list[Any]) -> Any:
    import litellm

    return litellm.stream_chunk_builder(chunks)


@lru_cache(maxsize=256)
def call_type_of(model: str, provider: str | None, api_base: str | None) -> str:
    """Return who is to serve a call by litellm's account: openai, claude, or litellm's own name of the provider. `hosted_vllm` is
    whatever speaks OpenAI's protocol; `vllm` is vLLM inside this process.
    """
    if provider is None:
        import litellm

        try:
            provider = litellm.get_llm_provider(model=model, api_base=api_base)[1]
        except Exception:
            return "unknown"
    return _CALL_TYPES.get(provider, provider)
