"""A LangGraph system under MASEval's harness: its model calls, tool calls, cost and reward are measured like those of any agent.

    pip install -r requirements-maseval.txt && pip install langgraph
    python run_local.py --harness maseval --maseval-agents examples.maseval_langgraph:setup_agents --domains retail --num-tasks 3

Without models named, scripted ones play agent and user; `--agent-llm gpt-4.1 --user-llm gpt-4.1` names real ones. The graph asks its model
through MASEval's adapter, so that the options of the run hold for it; a chat model of LangChain's (`ChatOpenAI(...)`) is measured as well.
"""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage, convert_to_openai_messages
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import tools_condition
from maseval import MessageHistory
from maseval.interface.agents.langgraph import LangGraphAgentAdapter

THREAD = {"configurable": {"thread_id": "conversation"}}
PROMPT = "You serve customers. Keep to this policy; send either a message or tool calls, never both.\n\n{policy}"


def setup_agents(benchmark: Any, agent_data: Any, environment: Any, task: Any, user: Any, seed_generator: Any) -> Any:
    """Return the system for one repetition of a task, as MASEval's benchmark asks for it."""
    seed = seed_generator.child("agents").derive_seed("langgraph")
    model = benchmark.get_model_adapter(agent_data["model_id"], register_name="agent_model", seed=seed)
    system = Adapter(graph(model, environment), "langgraph", config=THREAD, model_id=agent_data["model_id"])
    return [system], {"langgraph": system}


class Adapter(LangGraphAgentAdapter):  # type: ignore[misc]
    """Tells its messages in OpenAI's form, in which both evaluators replay them."""

    def get_messages(self) -> MessageHistory:
        """Return the conversation so far."""
        messages = self.agent.get_state(THREAD).values.get("messages", [])
        return MessageHistory(convert_to_openai_messages(messages))


def graph(model: Any, environment: Any) -> Any:
    """Return the compiled graph: the model, and the tools it calls until it answers in words. It remembers the conversation."""
    tools = environment.create_tools()
    schemas = [convert_to_openai_tool(tool) for tool in tools.values()]
    system = SystemMessage(PROMPT.format(policy=environment.policy))

    def ask_model(state: MessagesState) -> dict[str, list[BaseMessage]]:
        prompt = convert_to_openai_messages([system, *state["messages"]])
        reply = model.chat(messages=prompt, tools=schemas, tool_choice="auto", temperature=0.0)
        calls = [{"id": call["id"], **_function(**call["function"])} for call in reply.tool_calls or ()]
        return {"messages": [AIMessage(reply.content or "", tool_calls=calls)]}

    def use_tools(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": [ToolMessage(_answer(call), tool_call_id=call["id"]) for call in state["messages"][-1].tool_calls]}

    def _answer(call: dict[str, Any]) -> str:
        """Return what a tool returned, or raised, in the words of MASEval's environment, with which its evaluator compares them."""
        try:
            return str(environment.to_json_str(tools[call["name"]](**call["args"])))
        except Exception as error:
            return f"Error executing tool '{call['name']}': {error}"

    builder = StateGraph(MessagesState)
    builder.add_node("model", ask_model)
    builder.add_node("tools", use_tools)
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return builder.compile(checkpointer=InMemorySaver())


def _function(name: str, arguments: str) -> dict[str, Any]:
    """Return what is called, in LangChain's form."""
    return {"name": name, "args": json.loads(arguments)}
