"""An agent that may ask other models, or hand a turn over to one.

It is tau2's LLMAgent, prompt and all, with one more tool toward its model: `call_expert`. Such calls are answered here, inside the turn,
until the model returns something for the customer or the environment; only that is handed to tau2. What was asked and answered stays in
the agent's own context, so that later prompts hold it, every call with its result.

A reply that mixes `call_expert` with the domain's tools: in advise mode the experts are asked first, and the other calls go to the
environment in the same turn, as the model wanted; its next prompt holds all results. In delegate mode the expert's answer
replaces the turn, and the other calls get a result that says they were not made.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tau2.agent.llm_agent import LLMAgent, LLMAgentState
from tau2.data_model.message import (
    APICompatibleMessage,
    AssistantMessage,
    MultiToolMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from tau2.utils.llm_utils import generate, to_litellm_messages

from tau2_logging.agents.cost_of_turn import TurnCost
from tau2_logging.events.secrets.masking import mask_text, shorten
from tau2_logging.logger.context import carried, expert_scope
from tau2_logging.models.experts import ADVISE, DELEGATE, Expert
from tau2_logging.models.experts.briefing import advisor_messages, delegate_system
from tau2_logging.models.experts.tool import CALL_EXPERT, CallExpertTool, Question, unreadable_arguments

ROUNDS = 5
"""How often the experts may be asked in one turn."""
MOST_AT_ONCE = 8
"""Questions of one reply that are answered at the same time; more wait."""
_SHARED_ARGS = ("seed", "num_retries")
NO_MORE = "Error: no more consultations are possible in this turn. Answer the customer or call a tool of your own."


class ExpertAgentState(LLMAgentState):  # type: ignore[misc]
    """`messages` is the agent's own context; `conversation` is what the customer and the environment saw of it."""

    conversation: list[APICompatibleMessage]


@dataclass(frozen=True)
class ExpertAnswer:
    """What came of a call of `call_expert`: the expert's reply, or in words why there is none."""

    call: Any
    expert: str | None = None
    reply: Any = None
    problem: str | None = None

    def result(self, text: str | None = None) -> Any:
        """As the result of the tool call, for the agent's model."""
        return tool_result(self.call, self.problem or text or self.reply.content, self.problem is not None)


def tool_result(call: Any, text: str, error: bool) -> Any:
    """Return the result of a call, in the agent's own context."""
    return ToolMessage(id=call.id, role="tool", content=text, requestor="assistant", error=error)


class ExpertAgent(LLMAgent):  # type: ignore[misc]
    """See the module. `bound_agent` makes a class of it that has its experts."""

    experts: tuple[Expert, ...] = ()
    mode: str = ADVISE
    rounds: int = ROUNDS

    def get_init_state(self, message_history: Any = None) -> ExpertAgentState:
        """Return tau2's initial state; a history that is resumed holds no consultations."""
        state = super().get_init_state(message_history)
        messages = list(state.messages)
        return ExpertAgentState(system_messages=state.system_messages, messages=messages, conversation=list(messages))

    def generate_next_message(self, message: Any, state: Any) -> tuple[Any, Any]:
        """Return the agent's turn; its message bears the cost and usage of every call that was made for it, the experts' included."""
        heard = message.tool_messages if isinstance(message, MultiToolMessage) else [message]
        state.messages.extend(heard)
        state.conversation.extend(heard)
        cost = TurnCost()
        said = cost.put_on(self._turn(state, cost))
        state.conversation.append(said)
        return said, state

    def _turn(self, state: ExpertAgentState, cost: TurnCost) -> Any:
        tool = CallExpertTool(self.experts, self.mode)
        for number in range(self.rounds + 1):
            reply = self._reply(state, cost, [*self.tools, tool])
            if not _consultations(reply):
                return reply
            outgoing = self._resolve(reply, state, cost, tool, spent=number == self.rounds)
            if outgoing is not None:
                return outgoing
        return self._reply(state, cost, self.tools)  # not offered any more: a call of it now is one of an unknown tool

    def _reply(self, state: ExpertAgentState, cost: TurnCost, tools: Sequence[Any]) -> Any:
        try:
            reply = generate(model=self.llm, tools=tools, messages=[*state.system_messages, *state.messages], **self.llm_args)
        except ValueError as error:
            arguments = unreadable_arguments(error)
            if arguments is None:
                raise
            reply = AssistantMessage(role="assistant", tool_calls=[ToolCall(id=_new_id(), name=CALL_EXPERT, arguments=arguments)])
        else:
            cost.add(reply)
        state.messages.append(reply)
        return reply

    def _resolve(self, reply: Any, state: ExpertAgentState, cost: TurnCost, tool: CallExpertTool, spent: bool) -> Any:
        """Answer the consultations of a reply; what is to go to the environment or the customer, None to ask the model again."""
        calls = _consultations(reply)
        if spent:
            answers = [ExpertAnswer(call, problem=NO_MORE) for call in calls]
        elif self.mode == DELEGATE:
            answers = self._delegate(calls, state, tool)
        else:
            answers = self._advise(calls, state, tool)
        for answer in answers:
            if answer.reply is not None:
                cost.add(answer.reply)
        others = [call for call in reply.tool_calls if call.name != CALL_EXPERT]
        if self.mode == DELEGATE:
            chosen = next((answer for answer in answers if answer.problem is None), None)
            if chosen is not None:
                return _hand_over(state, chosen, answers, others)
        state.messages.extend(answer.result() for answer in answers)
        return reply.model_copy(update={"tool_calls": others}) if others else None

    def _advise(self, calls: Sequence[Any], state: ExpertAgentState, tool: CallExpertTool) -> list[ExpertAnswer]:
        """Return every expert's advice, asked at the same time."""
        if len(calls) == 1:
            return [self._answer(calls[0], state, tool)]
        with ThreadPoolExecutor(min(len(calls), MOST_AT_ONCE), thread_name_prefix="expert") as pool:
            return [future.result() for future in [pool.submit(carried(self._answer), call, state, tool) for call in calls]]

    def _delegate(self, calls: Sequence[Any], state: ExpertAgentState, tool: CallExpertTool) -> list[ExpertAnswer]:
        """Return the turn of the first expert that gives one; the others are not asked."""
        answers: list[ExpertAnswer] = []
        for call in calls:
            taken = next((answer.expert for answer in answers if answer.problem is None), None)
            refusal = f"Error: expert {taken} takes this turn; only one can."
            answers.append(ExpertAnswer(call, problem=refusal) if taken is not None else self._answer(call, state, tool))
        return answers

    def _answer(self, call: Any, state: ExpertAgentState, tool: CallExpertTool) -> ExpertAnswer:
        question = tool.read(call.arguments)
        if isinstance(question, str):
            return ExpertAnswer(call, problem=question)
        alias = question.expert.alias
        try:
            reply = self._ask(question, state)
        except Exception as error:  # whatever its client raises: the agent is told and goes on
            return ExpertAnswer(call, alias, problem=_failure(alias, f"{type(error).__name__}: {error}"))
        return ExpertAnswer(call, alias, reply, self._problem(alias, reply))

    def _problem(self, alias: str, reply: Any) -> str | None:
        """Return why an expert's reply is no answer: it says nothing, or takes a turn and reaches for a tool that is the agent's alone."""
        if self.mode == DELEGATE and _consultations(reply):
            return _failure(alias, f"it called {CALL_EXPERT}, which it does not have")
        says = reply.has_text_content() or (self.mode == DELEGATE and reply.tool_calls)
        return None if says else _failure(alias, "its reply was empty")

    def _ask(self, question: Question, state: ExpertAgentState) -> Any:
        expert = question.expert
        messages, tools = self._brief(question, state)
        args = {**{name: self.llm_args[name] for name in _SHARED_ARGS if name in self.llm_args}, **expert.call_args}
        with expert_scope(expert.asked):
            reply = generate(model=expert.model, tools=tools, messages=messages, **args)
        usage = reply.usage or {}
        cost = expert.asked.cost_usd(usage.get("prompt_tokens"), usage.get("completion_tokens"))
        return reply if cost is None else reply.model_copy(update={"cost": cost})

    def _brief(self, question: Question, state: ExpertAgentState) -> tuple[list[Any], Any]:
        prompt = question.expert.prompt
        if self.mode == DELEGATE:
            system = delegate_system(prompt, self.domain_policy, question.text)
            return [SystemMessage(role="system", content=system), *state.conversation], self.tools
        offered = [tool.openai_schema for tool in self.tools]
        system, asked = advisor_messages(prompt, self.domain_policy, offered, to_litellm_messages(state.conversation), question.text)
        return [SystemMessage(role="system", content=system), UserMessage(role="user", content=asked)], None


def bound_agent(experts: tuple[Expert, ...], mode: str, rounds: int = ROUNDS) -> type[ExpertAgent]:
    """Return the class with its experts: tau2 makes an agent for each simulation and knows nothing of them."""
    return type("ExpertAgent", (ExpertAgent,), {"__doc__": ExpertAgent.__doc__, "experts": experts, "mode": mode, "rounds": rounds})


def _consultations(reply: Any) -> list[Any]:
    return [call for call in reply.tool_calls or () if call.name == CALL_EXPERT]


def _hand_over(state: ExpertAgentState, chosen: ExpertAnswer, answers: Sequence[ExpertAnswer], others: Sequence[Any]) -> Any:
    """Make the expert's reply the turn; every call of the agent's own reply has its result before it."""
    state.messages.extend(answer.result("The expert takes this turn; what it did follows.") for answer in answers)
    state.messages.extend(tool_result(call, f"Error: not done, expert {chosen.expert} takes this turn.", True) for call in others)
    state.messages.append(chosen.reply)
    return chosen.reply


def _failure(alias: str, reason: str) -> str:
    return f"Error: expert {alias} gave no answer ({shorten(mask_text(' '.join(reason.split())))}). Go on without it or ask another."


def _new_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
