"""`scripted/agent`, `scripted/user`, `scripted/judge` and `scripted/expert` as a custom litellm provider: the path of any other model, with
no key and no network.

The task is named by the model argument `scripted_task` ("domain/task id"), which the runner adds; without it, it is the task of the
current simulation.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import litellm
from litellm import CustomLLM
from litellm.types.utils import ChatCompletionMessageToolCall, Function, GenericStreamingChunk, ModelResponse, Usage

from tau2_logging.events.domain_label import plain_domain
from tau2_logging.events.roles import CHAT_ROLES
from tau2_logging.logger.context import current, current_expert
from tau2_logging.models.custom_provider import enter_provider, stream_chunk
from tau2_logging.models.scripted.agent import agent_turn
from tau2_logging.models.scripted.expert import expert_turn
from tau2_logging.models.scripted.faults import first_call, spoil
from tau2_logging.models.scripted.judge import drawn_judge_fault, judge_turn
from tau2_logging.models.scripted.llm_args import ScriptedSettings
from tau2_logging.models.scripted.reader import READER, reader_turn
from tau2_logging.models.scripted.scripted_reply import ScriptedReply
from tau2_logging.models.scripted.task_script import CLOSING, TaskScripts
from tau2_logging.models.scripted.token_count import count, prompt_tokens
from tau2_logging.models.scripted.user import user_turn
from tau2_logging.models.scripted.user_faults import drawn_user_fault
from tau2_logging.models.scripted.weakness import drops_task, weakened

PROVIDER = "scripted"
TASK_ARGUMENT = "scripted_task"
MOST_TOKENS = 1_000_000
"""Longest prompt, as of real models that take much. Calls that loop may double what they return each time (airline's cancel_reservation
does): nobody would say no to them before the memory is full."""
_REMEMBERED_CALLS = 10_000


@dataclass(frozen=True)
class _TimedReply:
    """A reply ready to be sent: what it says, how long it takes, what it counts."""

    reply: ScriptedReply
    ttft_ms: float
    decode_ms: float
    usage: Usage
    call_ids: tuple[str, ...]


class ScriptedModels(CustomLLM):  # type: ignore[misc]
    """The provider. `scripts` holds the scripts of the tasks that are run."""

    def __init__(self, scripts: TaskScripts) -> None:
        super().__init__()
        self.scripts = scripts
        self._made: OrderedDict[tuple[object, ...], int] = OrderedDict()
        self._lock = threading.Lock()

    def completion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return the script's next reply after `ttft_ms` and the time of its tokens. Raises litellm's own exceptions for planned faults."""
        answer = self._answer(**kwargs)
        time.sleep((answer.ttft_ms + answer.decode_ms) / 1000)
        return _response(answer, kwargs["model"])

    async def acompletion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return the same without blocking the event loop."""
        answer = self._answer(**kwargs)
        await asyncio.sleep((answer.ttft_ms + answer.decode_ms) / 1000)
        return _response(answer, kwargs["model"])

    def streaming(self, *args: Any, **kwargs: Any) -> Iterator[GenericStreamingChunk]:
        """Yield the reply in chunks, the first after `ttft_ms`, the others in the time of their tokens."""
        answer = self._answer(**kwargs)
        for wait_ms, chunk in _chunks(answer):
            time.sleep(wait_ms / 1000)
            yield chunk

    async def astreaming(self, *args: Any, **kwargs: Any) -> AsyncIterator[GenericStreamingChunk]:
        """Yield the same chunks without blocking the event loop."""
        answer = self._answer(**kwargs)
        for wait_ms, chunk in _chunks(answer):
            await asyncio.sleep(wait_ms / 1000)
            yield chunk

    def _answer(self, *, model: str, messages: Sequence[Mapping[str, Any]], optional_params: Mapping[str, Any], **_: Any) -> _TimedReply:
        settings = ScriptedSettings.of(optional_params)
        domain, task = _task_of(optional_params)
        turn = _turn_of(messages)
        number = self._times_made(settings, f"{domain}/{task}", model, turn)
        draw = random.Random(f"{settings.seed}|{_dice_of(domain, task)}|{model}|{turn}|{number}")
        fault = settings.draw_fault(draw)
        _raise_fault(fault, model)
        prompt = prompt_tokens(messages, optional_params.get("tools"))
        if prompt > MOST_TOKENS:
            said = f"{PROVIDER}/{model} takes at most {MOST_TOKENS:,} tokens, this prompt has {prompt:,}"
            raise litellm.ContextWindowExceededError(said, llm_provider=PROVIDER, model=model)
        reply = self._reply(model, domain, task, messages, optional_params, settings, draw)
        if model == "agent":
            reply = weakened(reply, settings, self.scripts.writes(domain), messages, prompt, draw)
        reply = spoil(reply, fault)
        output = count(_written(reply))
        ttft_ms, decode_ms = settings.latency_ms(output, draw)
        usage = Usage(prompt_tokens=prompt, completion_tokens=output, total_tokens=prompt + output)
        return _TimedReply(reply, ttft_ms, decode_ms, usage, tuple(f"call_{draw.getrandbits(96):024x}" for _ in reply.calls))

    def _reply(
        self,
        model: str,
        domain: str | None,
        task: str | None,
        messages: Sequence[Mapping[str, Any]],
        params: Mapping[str, Any],
        settings: ScriptedSettings,
        draw: random.Random,
    ) -> ScriptedReply:
        if model == "user":
            fault = drawn_user_fault(settings, _dice_of(domain, task))
            return user_turn(messages, draw, bool(settings.user_faults), fault)
        if model == "judge":
            which = _conversation(domain, task)
            return judge_turn(messages, drawn_judge_fault(settings, which), settings, which)
        if model == READER:
            return reader_turn(messages, settings)
        if model not in ("agent", "expert"):
            raise litellm.NotFoundError(f"no model scripted/{model}; there are {', '.join(CHAT_ROLES)}", model=model, llm_provider=PROVIDER)
        script = self.scripts.find(domain, task)
        if script is None:
            raise litellm.BadRequestError(
                f"scripted/{model} knows no task {task!r} of domain {domain!r}; it plays only tasks that a run has loaded",
                model=model,
                llm_provider=PROVIDER,
            )
        if model == "expert":
            return expert_turn(script, messages, params.get("tools"))
        if model == "agent" and drops_task(settings, _dice_of(domain, task), messages):
            return ScriptedReply(text=CLOSING)
        again = first_call(messages) if settings.loops(random.Random(f"{settings.seed}|{_dice_of(domain, task)}|loop")) else None
        return again or agent_turn(script, messages, params.get("tools"), self.scripts.writes(domain), domain)

    def _times_made(self, settings: ScriptedSettings, task: str, model: str, turn: str) -> int:
        if not settings.faults and not settings.bad_writes:
            return 0
        key = (settings.seed, task, model, turn)
        with self._lock:
            number = self._made.pop(key, 0)
            self._made[key] = number + 1
            if len(self._made) > _REMEMBERED_CALLS:
                self._made.popitem(last=False)
        return number


def register(scripts: TaskScripts) -> None:
    """Make the scripted models known to litellm, at no price. A provider of that name that is there already is replaced."""
    enter_provider(PROVIDER, ScriptedModels(scripts), (f"{PROVIDER}/{role}" for role in (*CHAT_ROLES, READER)))


def _task_of(params: Mapping[str, Any]) -> tuple[str | None, str | None]:
    named = params.get(TASK_ARGUMENT)
    if named:
        domain, _, task = str(named).partition("/")
        return domain, task
    simulation = current()
    return (simulation.domain, simulation.task) if simulation is not None else (None, None)


def _dice_of(domain: str | None, task: str | None) -> str:
    """Return what the dice are thrown for: the task, whatever the arm is called that it runs in."""
    return f"{plain_domain(domain or '')}/{task}"


def _conversation(domain: str | None, task: str | None) -> str:
    """Return what a judge's dice are thrown for: its calls have one seed for all trials, so the trial is named."""
    simulation = current()
    return f"{_dice_of(domain, task)}|{simulation.trial if simulation is not None else None}"


def _turn_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return which call of a conversation this is; an expert's questions all have two messages, and several may be put at once."""
    asked = current_expert()
    if asked is None:
        return str(len(messages))
    return f"{len(messages)}|{asked.alias}|{len(str(messages[-1].get('content') or ''))}"


def _raise_fault(fault: str | None, model: str) -> None:
    if fault == "rate_limit":
        raise litellm.RateLimitError("scripted fault: rate limit", llm_provider=PROVIDER, model=model)
    if fault == "server_error":
        raise litellm.InternalServerError("scripted fault: server error", llm_provider=PROVIDER, model=model)
    if fault == "timeout":
        raise litellm.Timeout("scripted fault: timeout", model=model, llm_provider=PROVIDER)


def _response(answer: _TimedReply, model: str) -> ModelResponse:
    calls = [
        ChatCompletionMessageToolCall(id=call_id, type="function", function=Function(name=call.name, arguments=call.arguments))
        for call_id, call in zip(answer.call_ids, answer.reply.calls, strict=True)
    ]
    message = litellm.Message(role="assistant", content=answer.reply.text, tool_calls=calls or None)
    choice = litellm.Choices(index=0, message=message, finish_reason="tool_calls" if calls else "stop")
    return ModelResponse(model=f"{PROVIDER}/{model}", choices=[choice], usage=answer.usage)


def _chunks(answer: _TimedReply) -> Iterator[tuple[float, GenericStreamingChunk]]:
    pieces = _pieces(answer.reply.text or "") or [""]
    each_ms = answer.decode_ms / max(len(pieces) + len(answer.reply.calls) - 1, 1)
    wait_ms = answer.ttft_ms
    for piece in pieces if answer.reply.text else []:
        yield wait_ms, stream_chunk(text=piece)
        wait_ms = each_ms
    for index, call in enumerate(answer.reply.calls):
        use = {"id": answer.call_ids[index], "type": "function", "index": index}
        yield wait_ms, stream_chunk(tool_use={**use, "function": {"name": call.name, "arguments": call.arguments}})
        wait_ms = each_ms
    usage = {name: getattr(answer.usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    yield 0.0, stream_chunk(is_finished=True, finish_reason="tool_calls" if answer.reply.calls else "stop", usage=usage)


def _pieces(text: str) -> list[str]:
    return [text[at : at + 20] for at in range(0, len(text), 20)]


def _written(reply: ScriptedReply) -> str:
    return (reply.text or "") + "".join(f"{call.name}{call.arguments}" for call in reply.calls)
