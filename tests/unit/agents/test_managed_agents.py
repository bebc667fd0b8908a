"""The agents as classes that a script makes itself: configured, driven by hand, asked what they have done."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tau2_logging.errors import UserError

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2.data_model.message import AssistantMessage, ToolCall, ToolMessage, UserMessage
from tau2.registry import registry

from tau2_logging import ContextManagedLLMAgent, EnhancedLLMAgent, RetryManagedLLMAgent

RIGHT = {"user_id": "user_1", "title": "Call Ann"}
Driven = Callable[..., Any]


def calls(**arguments: Any) -> AssistantMessage:
    call = ToolCall(id="c", name="create_task", arguments=arguments, requestor="assistant")
    return AssistantMessage(role="assistant", content=None, tool_calls=[call])


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> Driven:
    """Makes an agent of the mock domain whose model gives these replies; it has then answered each of these messages."""

    def drive(kind: type, replies: Iterable[Any], messages: Iterable[Any], prepare: Callable[[Any], object] = lambda agent: None) -> Any:
        given = iter(replies)
        monkeypatch.setattr("tau2.agent.llm_agent.generate", lambda **_: next(given))
        environment = registry.get_env_constructor("mock")()
        agent = kind(environment.get_tools(), environment.get_policy(), llm="scripted/agent")
        prepare(agent)
        state = agent.get_init_state()
        for message in messages:
            _, state = agent.generate_next_message(message, state)
        return agent

    return drive


def said(text: str) -> UserMessage:
    return UserMessage(role="user", content=text)


def test_retries_are_counted_by_turn(driven: Driven) -> None:
    """Four turns: right at once; right at the third attempt; never right; right at once after an error that was explained."""
    wrong, right = calls(title="no user"), calls(**RIGHT)
    replies = [right, wrong, wrong, right, *[wrong] * 4, right]
    failed = ToolMessage(role="tool", id="c", content="Error: no such user", requestor="assistant", error=True)
    agent = driven(RetryManagedLLMAgent, replies, [*[said("Please.")] * 3, failed])
    found = agent.get_retry_statistics()
    assert (found["total_retry_sequences"], found["successful_sequences"], found["success_rate"]) == (2, 1, 0.5)
    assert found["average_attempts"] == 3.0
    assert (found["wrong_calls_passed_on"], found["explained_errors"]) == (1, 1)
    assert sum(turn.model_calls for turn in agent.turns_made) == agent.statistics.model_calls == len(replies)


def test_an_enhanced_agent_says_how_often_it_helped(driven: Driven) -> None:
    """And forgets it when it is told to."""
    wrong, right = calls(title="no user"), calls(**RIGHT)
    agent = driven(EnhancedLLMAgent, [right, wrong, right, *[wrong] * 2], [said("Please.")] * 3, configured)
    found = agent.get_enhanced_statistics()
    assert found["enhanced_agent_metrics"] == {"total_turns": 3, "enhanced_turns": 2, "enhancement_usage_rate": 2 / 3}
    assert found["performance_analysis"] == {"enhancement_efficiency_score": 0.5, "model_calls_per_turn": 5 / 3}
    assert found["retry_mechanism"] == agent.get_retry_statistics()
    assert found["context_management"]["total_reductions"] == 0
    agent.reset_enhanced_metrics()
    assert agent.statistics.turns == agent.get_enhanced_statistics()["enhanced_agent_metrics"]["total_turns"] == 0


def configured(agent: Any) -> None:
    agent.configure_enhanced_agent(context_limit=100_000, warning_threshold=0.7, critical_threshold=0.9, max_retries=1)


def test_shortened_prompts_are_counted(driven: Driven) -> None:
    """Old words are folded into a summary as soon as the prompt comes near the limit that was set; the sums are those of its events."""

    def limited(agent: Any) -> None:
        agent.set_context_limit(1600)
        agent.set_reduction_thresholds(warning=0.5, critical=0.95)

    words = AssistantMessage(role="assistant", content="Of course. " * 40)
    agent = driven(ContextManagedLLMAgent, [words] * 8, [said("Order A12, B34. " * 30)] * 8, limited)
    found = agent.get_context_statistics()
    assert found["total_reductions"] == agent.statistics.reductions > 0
    assert found["total_tokens_saved"] == agent.statistics.tokens_saved > 0
    assert found["average_information_preservation"] == agent.statistics.information_kept


def test_what_has_not_happened_has_no_rate() -> None:
    """An agent without tools can be asked; NaN is not 0."""
    found = EnhancedLLMAgent().get_enhanced_statistics()
    rates = [found["enhanced_agent_metrics"]["enhancement_usage_rate"], *found["performance_analysis"].values()]
    rates += [found["retry_mechanism"]["success_rate"], found["context_management"]["average_information_preservation"]]
    assert all(map(math.isnan, rates))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda agent: agent.set_context_limit(5), "^limit is 5; give a whole number"),
        (lambda agent: agent.set_reduction_thresholds(0.9, 0.8), "^critical is 0.8; .* at least that of warning"),
        (lambda agent: agent.configure_enhanced_agent(max_retries=99), "^attempts is 99"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(change: Callable[[Any], object], message: str) -> None:
    """Without a word of the command line."""
    with pytest.raises(UserError, match=message):
        change(EnhancedLLMAgent())


def test_a_setting_without_effect_says_so() -> None:
    with pytest.warns(UserWarning, match="retry_delay_base has no effect"):
        EnhancedLLMAgent().configure_enhanced_agent(retry_delay_base=0.5)
