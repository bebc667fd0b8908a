"""`recorded/RUN` as a custom litellm provider: the path of any other model, with no request and no cost.

It keeps nothing: the answer to give comes with each call, as the argument `recorded_answer` that the run's outermost layer adds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import litellm
from litellm import CustomLLM
from litellm.types.utils import ChatCompletionMessageToolCall, Function, GenericStreamingChunk, ModelResponse, Usage

from tau2_logging.models.custom_provider import enter_provider, stream_chunk
from tau2_logging.models.recorded.recording import PROVIDER

ANSWER_ARGUMENT = "recorded_answer"


class RecordedModels(CustomLLM):  # type: ignore[misc]
    """The provider."""

    def completion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return the recorded answer after its wait (ms). Raises BadRequestError outside of a run of recorded models."""
        answer = _given(**kwargs)
        time.sleep(answer["wait_ms"] / 1000)
        return _response(answer["reply"], kwargs["model"])

    async def acompletion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return the same without blocking the event loop."""
        answer = _given(**kwargs)
        await asyncio.sleep(answer["wait_ms"] / 1000)
        return _response(answer["reply"], kwargs["model"])

    def streaming(self, *args: Any, **kwargs: Any) -> Iterator[GenericStreamingChunk]:
        """Yield the recorded answer in chunks: the whole wait comes before the first."""
        answer = _given(**kwargs)
        time.sleep(answer["wait_ms"] / 1000)
        yield from _chunks(answer["reply"])

    async def astreaming(self, *args: Any, **kwargs: Any) -> AsyncIterator[GenericStreamingChunk]:
        """Yield the same chunks without blocking the event loop."""
        answer = _given(**kwargs)
        await asyncio.sleep(answer["wait_ms"] / 1000)
        for chunk in _chunks(answer["reply"]):
            yield chunk


def register(models: Iterable[str]) -> None:
    """Make the recorded models known to litellm, at no price. A provider of that name that is there already is replaced."""
    enter_provider(PROVIDER, RecordedModels(), models)


def _given(*, model: str, optional_params: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
    answer = optional_params.get(ANSWER_ARGUMENT)
    if not isinstance(answer, Mapping):
        said = f"{PROVIDER}/{model} answers only inside a simulation of a run that was started with it"
        raise litellm.BadRequestError(said, model=model, llm_provider=PROVIDER)
    return answer


def _response(reply: Mapping[str, Any], model: str) -> ModelResponse:
    calls = [
        ChatCompletionMessageToolCall(
            id=call.get("id"), type="function", function=Function(name=call.get("name"), arguments=call.get("arguments"))
        )
        for call in reply.get("tool_calls") or ()
    ]
    more = {"reasoning_content": reply["reasoning_content"]} if reply.get("reasoning_content") else {}
    message = litellm.Message(role="assistant", content=reply.get("content"), tool_calls=calls or None, **more)
    choice = litellm.Choices(index=0, message=message, finish_reason=_finish(reply))
    return ModelResponse(model=f"{PROVIDER}/{model}", choices=[choice], usage=_usage(reply))


def _finish(reply: Mapping[str, Any]) -> str:
    return str(reply.get("finish_reason") or ("tool_calls" if reply.get("tool_calls") else "stop"))


def _usage(reply: Mapping[str, Any]) -> Usage:
    """Return the tokens of the recorded call; all 0, which reads as not known, if the recording does not say."""
    usage = reply.get("usage") or {}
    prompt, output = (int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
    return Usage(prompt_tokens=prompt, completion_tokens=output, total_tokens=prompt + output)


def _chunks(reply: Mapping[str, Any]) -> Iterator[GenericStreamingChunk]:
    if reply.get("content"):
        yield stream_chunk(text=reply["content"])
    for index, call in enumerate(reply.get("tool_calls") or ()):
        function = {"name": call.get("name"), "arguments": call.get("arguments")}
        yield stream_chunk(tool_use={"id": call.get("id"), "type": "function", "index": index, "function": function})
    usage = _usage(reply)
    counts = {name: getattr(usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    yield stream_chunk(is_finished=True, finish_reason=_finish(reply), usage=counts)
