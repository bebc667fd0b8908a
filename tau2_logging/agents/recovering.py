"""What our agents do at each turn; `managed_agents` mixes it into tau2's own LLMAgent.

What the agent says to its own model beyond the conversation (a reply sent back with the reason, a word beside a tool's error, a summary)
lives in the prompt alone: tau2's trajectory and the agent's history hold what the environment saw. The cost and usage of a message are the
sum over the calls that were made for it, so that tau2's `agent_cost` is right.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from typing import Any

from tau2_logging.agents.agent_args import ContextSettings, RetrySettings
from tau2_logging.agents.agent_statistics import AgentStatistics
from tau2_logging.agents.context_reduction import Reduced, Reduction
from tau2_logging.agents.mistakes import EMPTY_REPLY, MALFORMED_JSON, TOOL_ERROR, Mistake, explain_error, find_mistake
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.events.structured import ContextReductionEvent, CorrectionEvent
from tau2_logging.logger.content.sensitive import masked_text
from tau2_logging.logger.context import current
from tau2_logging.models.prompt_tokens import prompt_limit, prompt_tokens

ASKED_AGAIN, PASSED_ON, TOLD = "asked_again", "passed_on", "told"


class Recovering:
    """Recovers from mistakes (`retry_settings`) and keeps prompts short (`context_settings`); None is without.

    LLMAgent, into which it is mixed, brings tools, llm, llm_args, the prompt and the state. `statistics` are the counts so far,
    `turns_made` those of each turn.
    """

    retry_settings: RetrySettings | None
    context_settings: ContextSettings | None
    tools: list[Any]
    llm: str
    llm_args: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.forget_statistics()
        self._messages = importlib.import_module("tau2.data_model.message")
        self._llm_utils = importlib.import_module("tau2.utils.llm_utils")
        self._module = importlib.import_module("tau2.agent.llm_agent")
        self._tool_schemas = [tool.openai_schema for tool in self.tools]
        self._parameters = {schema["function"]["name"]: schema["function"]["parameters"] for schema in self._tool_schemas}

    def forget_statistics(self) -> None:
        """Start counting from 0."""
        self.statistics = AgentStatistics()
        self.turns_made: list[AgentStatistics] = []

    def generate_next_message(self, message: Any, state: Any) -> tuple[Any, Any]:
        """Answer a user or tool message; tau2 calls this."""
        before = replace(self.statistics)
        try:
            return self._answer(message, state)
        finally:
            self.turns_made.append(self.statistics.since(before))

    def _answer(self, message: Any, state: Any) -> tuple[Any, Any]:
        state.messages.extend(getattr(message, "tool_messages", None) or ([message] if message is not None else []))
        prompt = [*state.system_messages, *state.messages]
        if self.retry_settings is not None and self.retry_settings.tell_errors:
            prompt = self._tell_errors(prompt)
        reply = self._right_reply(prompt)
        self.statistics.turns += 1
        state.messages.append(reply)
        return reply, state

    # recovering

    def _right_reply(self, prompt: list[Any]) -> Any:
        """Return the model's reply, asked for again while something is wrong with it and attempts are left."""
        attempts = self.retry_settings.attempts if self.retry_settings is not None else 0
        spent: list[Any] = []
        for attempt in range(1, attempts + 2):
            reply, mistakes = self._ask(prompt, last=attempt > attempts)
            spent += [reply] if reply is not None else []
            if not mistakes:
                self.statistics.recovered += attempt > 1
                break
            again = attempt <= attempts
            for mistake in mistakes.values():
                self._correct(mistake, attempt, ASKED_AGAIN if again else PASSED_ON)
            if not again:
                self.statistics.passed_on += len(mistakes)
                break
            self.statistics.withheld += len(mistakes)
            prompt = [*prompt, *self._sent_back(reply, mistakes)]
        return _with_sums(reply, spent)

    def _ask(self, prompt: list[Any], last: bool) -> tuple[Any, dict[int, Mistake]]:
        """Return (reply, what is wrong by the number of the call). A reply that cannot be read is None, or raises if it is the last."""
        prompt = self._short_enough(prompt)
        self.statistics.model_calls += 1
        try:
            reply = self._module.generate(model=self.llm, tools=self.tools, messages=prompt, **self.llm_args)
        except json.JSONDecodeError:
            if self.retry_settings is None or last:
                raise
            told = "Your last reply held a tool call whose arguments were no JSON. Make the call again with a JSON object as its arguments."
            return None, {0: Mistake(MALFORMED_JSON, None, told)}
        return reply, self._mistakes(reply) if self.retry_settings is not None else {}

    def _mistakes(self, reply: Any) -> dict[int, Mistake]:
        if not reply.has_text_content() and not reply.is_tool_call():
            return {0: Mistake(EMPTY_REPLY, None, "Your last reply was empty. Send a message to the user or make a tool call.")}
        if self.retry_settings is None or not self.retry_settings.schema_check:
            return {}
        found = {number: find_mistake(call.name, call.arguments, self._parameters) for number, call in enumerate(reply.tool_calls or ())}
        return {number: mistake for number, mistake in found.items() if mistake is not None}

    def _sent_back(self, reply: Any, mistakes: dict[int, Mistake]) -> list[Any]:
        """Return what the model sees of a reply that was withheld: its own calls with a result for each, or the reason alone."""
        if reply is None or not reply.tool_calls:
            return [self._say(next(iter(mistakes.values())).told)]
        not_made = "The call was not made, because another call of the same reply was wrong."
        results = [
            self._messages.ToolMessage(
                id=call.id,
                role="tool",
                content=f"Error: {mistakes[number].told}" if number in mistakes else not_made,
                requestor="assistant",
                error=True,
            )
            for number, call in enumerate(reply.tool_calls)
        ]
        return [reply, *results]

    def _tell_errors(self, prompt: list[Any]) -> list[Any]:
        """Return the prompt with a word beside each error among the results that have just come."""
        place = len(prompt)
        while place > 0 and prompt[place - 1].role == "tool":
            place -= 1
        calls = {call.id: call.name for call in getattr(prompt[place - 1], "tool_calls", None) or ()} if place else {}
        told = list(prompt)
        for number in range(place, len(prompt)):
            if prompt[number].error:
                name = calls.get(prompt[number].id)
                text = explain_error(name, str(prompt[number].content or ""), self._parameters)
                told[number] = prompt[number].model_copy(update={"content": f"{prompt[number].content}\n\n{text}"})
                self.statistics.told += 1
                self._correct(Mistake(TOOL_ERROR, name, text), 1, TOLD)
        return told

    def _correct(self, mistake: Mistake, attempt: int, outcome: str) -> None:
        simulation = current()
        masking = simulation.logger.masking if simulation is not None else "secrets"
        told = shorten(masked_text(mistake.told, masking), 500)
        fields = {"problem": mistake.problem, "attempt": attempt, "outcome": outcome}
        _emit("correction", {"function": mistake.tool, **fields})
        _structured(CorrectionEvent, tool=mistake.tool, detail=told, **fields)

    # keeping the prompt short

    def _short_enough(self, prompt: list[Any]) -> list[Any]:
        if self.context_settings is None:
            return prompt
        limit = self.context_settings.limit or prompt_limit(self.llm)
        before = self._count(prompt)
        if before <= limit * self.context_settings.warning:
            return prompt
        reduced = Reduction(prompt, self._count, self._say, self.context_settings, limit).run()
        if reduced.tokens >= before:
            return prompt
        self._record(reduced, before, len(prompt), limit)
        return reduced.messages

    def _say(self, text: str) -> Any:
        return self._messages.SystemMessage(role="system", content=text)

    def _count(self, messages: Any) -> int:
        """Return the tokens of these messages and the tools' schemas as they would be sent."""
        return prompt_tokens(self.llm, self._llm_utils.to_litellm_messages(list(messages)), self._tool_schemas)

    def _record(self, reduced: Reduced, before: int, messages_before: int, limit: int) -> None:
        statistics = self.statistics
        statistics.reductions += 1
        statistics.tokens_saved += before - reduced.tokens
        statistics.identifiers_seen += reduced.identifiers_seen
        statistics.identifiers_kept += reduced.identifiers_kept
        sizes = {"messages_before": messages_before, "messages_after": len(reduced.messages)}
        fields: dict[str, Any] = {
            "strategy": "+".join(reduced.strategies),
            "tokens_before": before,
            "tokens_after": reduced.tokens,
            **sizes,
        }
        _emit("context_reduction", {**fields, "limit_tokens": limit})
        _structured(ContextReductionEvent, **fields, limit=limit, removed=tuple(reduced.removed))


def _with_sums(reply: Any, spent: list[Any]) -> Any:
    """Return the reply with cost and usage of every call that was made for it."""
    if len(spent) < 2:
        return reply
    costs = [one.cost for one in spent]
    usages = [one.usage for one in spent if one.usage is not None]
    names = {name for usage in usages for name in usage}
    usage = {name: sum(usage.get(name) or 0 for usage in usages) for name in sorted(names)} if usages else None
    return reply.model_copy(update={"cost": None if None in costs else sum(costs), "usage": usage})


def _emit(type_: str, fields: dict[str, object]) -> None:
    simulation = current()
    if simulation is not None:
        logger = simulation.logger
        logger.attempt(simulation.emit, type_, {"step": simulation.step, **fields}, logger.new_span(), simulation.step_span)


def _structured(kind: Any, **fields: Any) -> None:
    simulation = current()
    if simulation is not None:
        simulation.logger.attempt(lambda: simulation.structured(kind, **fields))
