"""A turn of the expert agent: what its model is sent, what is answered inside the turn, what tau2 gets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2.agent.llm_agent import LLMAgent
from tau2.data_model.message import AssistantMessage, ToolMessage, UserMessage
from tau2.domains.mock.environment import get_environment

from tau2_logging.agents import EXPERT_AGENT, registered
from tau2_logging.agents.expert_agent import NO_MORE, bound_agent
from tau2_logging.errors import UserError
from tau2_logging.models.experts import ADVISE, DELEGATE, Expert
from tau2_logging.models.experts.tool import CALL_EXPERT
from tests.support.conversations import check_pairs, tools_called
from tests.support.prepared import calls, prepared, says

PLANNER = Expert("planner", "prepared/planner", input_cost_per_token=0.01, output_cost_per_token=0.1)
CHECKER = Expert("checker", "prepared/checker", {"temperature": 0.5})
EXPERTS = (PLANNER, CHECKER)
CREATE = ("create_task", {"user_id": "user_1", "title": "Meeting"})
UPDATE = ("update_task_status", {"task_id": "task_1", "status": "completed"})


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """tau2 logs the errors that are made on purpose here."""
    from loguru import logger

    logger.disable("tau2")
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    yield
    logger.enable("tau2")


def ask(alias: str, question: str = "What now?") -> tuple[str, Any]:
    """A call of the tool."""
    return CALL_EXPERT, {"expert": alias, "question": question}


class Talk:
    """An agent in a conversation."""

    def __init__(self, mode: str = ADVISE, **settings: Any) -> None:
        environment = get_environment()
        agent = bound_agent(EXPERTS, mode, **settings)
        self.agent = agent(
            tools=environment.get_tools(), domain_policy="Be kind.", llm="prepared/agent", llm_args={"num_retries": 0, "seed": 5}
        )
        self.state = self.agent.get_init_state([AssistantMessage(role="assistant", content="Hi!", cost=0.0)])

    def hear(self, text: str = "Help me.") -> Any:
        """The agent's message after the customer's."""
        message, self.state = self.agent.generate_next_message(UserMessage(role="user", content=text), self.state)
        return message

    def results(self, *ids: str) -> Any:
        """The agent's message after the environment's results of these calls."""
        messages = [ToolMessage(id=id_, role="tool", content="done", requestor="assistant") for id_ in ids]
        for message in messages[:-1]:
            self.state.messages.append(message)
            self.state.conversation.append(message)
        reply, self.state = self.agent.generate_next_message(messages[-1], self.state)
        return reply


def test_an_answer_goes_back_to_the_model_and_only_its_message_to_tau2() -> None:
    """The tool result holds the advice; the message bears the turn's cost and usage; later prompts keep the consultation."""
    with prepared(agent=[calls(ask("planner")), calls(CREATE), says("Done.")], planner=[says("Create it.")]) as models:
        talk = Talk()
        said = talk.hear()
        after = talk.results(said.tool_calls[0].id)
    assert [call.name for call in said.tool_calls] == ["create_task"]
    assert said.usage == {"prompt_tokens": 300, "completion_tokens": 30}
    assert said.cost == pytest.approx(100 * 0.01 + 10 * 0.1)
    assert after.content == "Done."
    assert after.usage == {"prompt_tokens": 100, "completion_tokens": 10}
    last = models.prompts("agent")[-1]
    assert tools_called(last) == [CALL_EXPERT, "create_task"]
    assert last[4] == {"role": "tool", "content": "Create it.", "tool_call_id": "id_call_expert_0"}
    for prompt in models.prompts("agent"):
        check_pairs(prompt)
    assert models.offered("agent")[0][-1] == CALL_EXPERT


def test_an_advisor_gets_text_and_no_tool() -> None:
    """Policy, tools and conversation in words; nothing of the consultation itself."""
    with prepared(agent=[calls(ask("checker", "Is it right?")), says("Yes.")], checker=[says("It is.")]) as models:
        Talk().hear("Is it?")
    ((system, user),) = models.prompts("checker")
    assert (system["role"], user["role"]) == ("system", "user")
    assert "Be kind." in system["content"]
    assert "update_task_status" in system["content"]
    assert '{"from": "customer", "says": "Is it?"}' in user["content"]
    assert "Is it right?" in user["content"]
    assert CALL_EXPERT not in system["content"] + user["content"]
    assert models.offered("checker") == [[]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (ask("oracle"), "there is no expert 'oracle'; the experts are: planner, checker"),
        ((CALL_EXPERT, {"expert": "planner"}), "question is missing"),
        ((CALL_EXPERT, '{"expert": "planner", "question": '), "not a JSON object"),
        ((CALL_EXPERT, '["expert", "planner"]'), "not a JSON object"),
    ],
)
@pytest.mark.parametrize("mode", [ADVISE, DELEGATE])
def test_a_wrong_call_is_a_tool_error_for_the_model(call: tuple[str, Any], message: str, mode: str) -> None:
    """The environment never hears of it, no expert is asked, and the model goes on."""
    with prepared(agent=[calls(call), says("Never mind.")]) as models:
        assert Talk(mode).hear().content == "Never mind."
    prompt = models.prompts("agent")[-1]
    check_pairs(prompt)
    assert message in prompt[-1]["content"]
    assert prompt[-1]["content"].startswith("Error: ")
    assert {name for name, _, _ in models.asked} == {"agent"}


def test_unreadable_arguments_of_another_tool_are_raised_as_ever() -> None:
    """What tau2's own agent would raise."""
    with prepared(agent=[calls(("create_task", '{"title": '))]), pytest.raises(ValueError, match="Expecting value"):
        Talk().hear()


def test_a_reply_that_mixes_the_tools_gets_both_done() -> None:
    """The expert is asked, the other call goes to the environment in the same turn, and all results stand in the next prompt."""
    replies = [calls(UPDATE, ask("planner"), CREATE), says("Done.")]
    with prepared(agent=replies, planner=[says("Create it.")]) as models:
        talk = Talk()
        said = talk.hear()
        talk.results(*(call.id for call in said.tool_calls))
    assert [call.name for call in said.tool_calls] == ["update_task_status", "create_task"]
    assert said.usage["prompt_tokens"] == 200
    prompt = models.prompts("agent")[-1]
    check_pairs(prompt)
    assert tools_called(prompt) == ["update_task_status", CALL_EXPERT, "create_task"]
    assert [message.role for message in talk.state.conversation] == ["assistant", "user", "assistant", "tool", "tool", "assistant"]


def test_consultations_are_limited_in_a_turn() -> None:
    """After `rounds` the model is told, then no longer offered the tool; what it calls then is a tool the environment does not know."""
    with prepared(agent=[calls(ask("planner"))] * 4, planner=[says("Wait.")] * 2) as models:
        said = Talk(rounds=2).hear()
    assert [CALL_EXPERT in offered for offered in models.offered("agent")] == [True, True, True, False]
    assert models.prompts("agent")[-1][-1]["content"] == NO_MORE
    assert [call.name for call in said.tool_calls] == [CALL_EXPERT]
    check_pairs(models.prompts("agent")[-1])


def test_an_expert_that_fails_is_a_tool_error() -> None:
    """Whatever its client raises, and an answer without words."""
    with prepared(agent=[calls(ask("planner"), ask("checker")), says("Alone, then.")], planner=[], checker=[says(" ")]) as models:
        assert Talk().hear().content == "Alone, then."
    first, second = models.prompts("agent")[-1][-2:]
    assert first["content"].startswith("Error: expert planner gave no answer (APIConnectionError: ")
    assert second["content"].startswith("Error: expert checker gave no answer (its reply was empty)")


def test_a_delegate_takes_the_turn_with_the_domains_tools() -> None:
    """It sees the conversation and the tools; its calls and the agent's later prompts fit together."""
    replies = [calls(ask("planner", "Do it."), UPDATE, ask("checker")), says("Done.")]
    with prepared(agent=replies, planner=[calls(CREATE)]) as models:
        talk = Talk(DELEGATE)
        said = talk.hear()
        talk.results(said.tool_calls[0].id)
    assert [call.name for call in said.tool_calls] == ["create_task"]
    assert said.usage["prompt_tokens"] == 200
    (briefed,) = models.prompts("planner")
    assert [message["role"] for message in briefed] == ["system", "assistant", "user"]
    assert "Do it." in briefed[0]["content"]
    assert "create_task" in models.offered("planner")[0]
    assert CALL_EXPERT not in models.offered("planner")[0]
    prompt = models.prompts("agent")[-1]
    check_pairs(prompt)
    told = {message["tool_call_id"]: message["content"] for message in prompt if message["role"] == "tool"}
    assert "takes this turn" in told["id_call_expert_0"]
    assert told["id_update_task_status_1"].startswith("Error: not done")
    assert told["id_call_expert_2"].startswith("Error: expert planner takes this turn; only one can")
    assert [message.role for message in talk.state.conversation] == ["assistant", "user", "assistant", "tool", "assistant"]


def test_a_delegate_may_speak_and_one_that_fails_gives_the_turn_back() -> None:
    """The next one that is asked takes it; one that reaches for its colleagues is no answer."""
    replies = [calls(ask("planner"), ask("checker"))]
    with prepared(agent=replies, planner=[calls(ask("checker"), text="Wait.")], checker=[says("Hello from me.")]) as models:
        assert Talk(DELEGATE).hear().content == "Hello from me."
        assert CALL_EXPERT not in models.offered("checker")[0]
    with prepared(agent=[*replies, says("My turn.")], planner=[], checker=[]) as models:
        assert Talk(DELEGATE).hear().content == "My turn."
        check_pairs(models.prompts("agent")[-1])


class FactoryRegistry:
    """The part of v1's registry that an agent is registered with."""

    def __init__(self) -> None:
        self._agent_factories: dict[str, Any] = {}

    def get_agents(self) -> list[str]:
        return list(self._agent_factories)

    def register_agent_factory(self, factory: Any, name: str) -> None:
        self._agent_factories[name] = factory


def test_the_installed_registry_knows_the_agent_for_the_length_of_a_run() -> None:
    """As a child of tau2's LLMAgent with the experts of the run; a second run may have others; without experts nothing is registered."""
    from tau2.registry import registry

    before = registry.get_agents()
    with registered(registry, ()):
        assert registry.get_agents() == before
    for experts in (EXPERTS, EXPERTS[:1]):
        with registered(registry, experts, DELEGATE):
            assert EXPERT_AGENT in registry.get_agents()
            if hasattr(registry, "get_agent_constructor"):
                agent = registry.get_agent_constructor(EXPERT_AGENT)
                assert issubclass(agent, LLMAgent)
                assert (agent.experts, agent.mode) == (experts, DELEGATE)
            with pytest.raises(UserError, match="has an agent 'expert_agent' already"), registered(registry, experts):
                pass
        assert registry.get_agents() == before


def test_a_registry_of_factories_makes_the_agent_from_what_v1_gives() -> None:
    """Settings it has no use for are let go."""
    registry = FactoryRegistry()
    with registered(registry, EXPERTS):
        made = registry._agent_factories[EXPERT_AGENT](
            tools=[], domain_policy="Be kind.", llm="prepared/agent", llm_args={}, task=None, audio_native_config=None, audio_taps_dir=None
        )
        assert isinstance(made, LLMAgent)
        assert made.experts == EXPERTS
    assert registry.get_agents() == []


def test_a_call_of_an_expert_has_the_trials_seed_and_its_own_settings() -> None:
    """What is set for the expert stands before what it shares with the agent."""
    replies = [calls(ask("planner"), ask("checker")), says("Yes.")]
    with prepared(agent=replies, planner=[says("a")], checker=[says("b")]) as models:
        Talk().hear()
    settings = {name: (params.get("seed"), params.get("temperature")) for name, params in models.settings}
    assert settings == {"agent": (5, None), "planner": (5, 0.0), "checker": (5, 0.5)}
