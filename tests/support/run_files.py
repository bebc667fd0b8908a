"""Read what a run has left, and check what must hold of it for every simulation."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.events import EXCLUSIVE_MS, Event, decode
from tau2_logging.events.sent_prompts import Prompts

Key = tuple[str, str, int]


@dataclass(frozen=True)
class RunFiles:
    """The log directory of runs."""

    log_dir: Path

    def events(self, domain: str) -> list[Event]:
        """Every event of a domain's log; a line that is no event fails the test."""
        return [decode(line) for line in (self.log_dir / f"tau2_{domain}.log").read_text().splitlines()]

    def run_dirs(self) -> list[Path]:
        return sorted((self.log_dir / "runs").iterdir())

    def only_run(self) -> Path:
        (directory,) = self.run_dirs()
        return directory

    def results(self, domain: str) -> list[dict[str, Any]]:
        """The simulations of results_{domain}.json."""
        return json.loads((self.only_run() / f"results_{domain}.json").read_text())["simulations"]


def by_simulation(events: Iterable[Event]) -> dict[Key, list[Event]]:
    """Events of each (domain, task, trial), those of the run left out."""
    found: dict[Key, list[Event]] = defaultdict(list)
    for event in events:
        if event.task is not None:
            found[str(event.get("domain")), event.task, int(event.get("trial") or 0)].append(event)
    return found


def prompts_of(events: Iterable[Event]) -> Prompts:
    """What each call was sent, put together from the events."""
    prompts = Prompts()
    for event in events:
        prompts.add(event.type, event.fields)
    return prompts


def sent(prompts: Prompts, call: Event) -> list[dict[str, Any]]:
    """The messages of a call, or of its payload."""
    return json.loads(str(prompts.messages(call.get("run"), call.get("span"))))


def of(events: Iterable[Event], *types: str) -> list[Event]:
    return [event for event in events if event.type in types]


def last_attempt(events: list[Event]) -> list[Event]:
    """The events from the last task_start on: a resumed run may have begun a simulation before."""
    starts = [at for at, event in enumerate(events) if event.type == "task_start"]
    return events[starts[-1] :]


def check_simulation(simulation: dict[str, Any], events: list[Event], history: int = 0, experts: bool = False) -> None:
    """The invariants between a simulation's trajectory and its events. `history` messages were there before it began.

    `experts`: the agent may have asked some, so that a turn, which is one message, took one model call of the agent's or more.
    """
    messages = simulation["messages"][history:]
    tools = [message for message in messages if message["role"] == "tool"]
    tool_calls = of(events, "tool_call")
    assert [message["error"] for message in tools] == [event.get("error") for event in tool_calls]
    assert [message["requestor"] for message in tools] == [event.get("requestor") for event in tool_calls]
    called = [call["name"] for message in messages if message["role"] != "tool" for call in message.get("tool_calls") or ()]
    assert called == [event.get("function") for event in tool_calls]
    greeting = 0 if history else 1  # tau2 itself says the first "Hi! How can I help you today?"
    solo = not of(events, "user_sim") and not any(message["role"] == "user" for message in messages)
    spoken = [message for message in messages if message["role"] == "assistant"][0 if solo else greeting :]
    answered = successful(of(events, "llm_call"))
    assert len(spoken) == (len({event.get("step") for event in answered}) if experts else len(answered))
    if experts:
        check_bill(spoken, events)
    assert sum(message["role"] == "user" for message in messages) == len(successful(of(events, "user_sim")))
    check_retrieval(messages, events)
    (end,) = of(events, "task_end")
    check_times(end)
    assert end.get("reward") == simulation["reward_info"]["reward"]
    assert end.get("termination") == simulation["termination_reason"]
    assert end.get("tool_calls") == len(tool_calls)
    assert end.get("tool_errors") == sum(message["error"] for message in tools)
    assert end.get("steps") == len(of(events, "step_complete"))
    check_spans(events)


SEARCHES = {"KB_search": "query", "KB_search_bm25": "query", "KB_search_dense": "query", "grep": "pattern", "shell": "command"}
"""tau2 v1's tools that search documents, and what they search for."""


def check_retrieval(messages: list[dict[str, Any]], events: list[Event]) -> None:
    """Retrieval events are those of the trajectory's tool messages, one to one, each within its tool call, with the documents listed."""
    calls = {call["id"]: call for message in messages if message["role"] != "tool" for call in message.get("tool_calls") or ()}
    answers = [(calls[message["id"]], message) for message in messages if message["role"] == "tool"]
    domain = str(events[0].get("domain")).partition("@")[0]
    made = [(call, message) for call, message in answers if domain == "banking_knowledge" and call["name"] in SEARCHES]
    searches = of(events, "retrieval_call")
    assert [call["name"] for call, _ in made] == [event.get("function") for event in searches]
    assert [message["error"] for _, message in made] == [event.get("error") for event in searches]
    within = {event.get("span"): event for event in of(events, "tool_call")}
    assert [within[event.get("parent")].get("function") for event in searches] == [event.get("function") for event in searches]
    for (call, message), event in zip(made, searches, strict=True):
        query = call["arguments"].get(SEARCHES[call["name"]])
        assert str(event.get("query"))[:200] == str(query)[:200]
        if call["name"] != "shell" and not message["error"]:
            ids = str(event.get("documents") or "").split(",") if event.get("documents") else []
            assert all(f"   ID: {id_}\n" in message["content"] for id_ in ids)
            assert event.get("returned") == len(ids) == (0 if message["content"].startswith("No ") else len(set(ids)))
    (end,) = of(events, "task_end")
    assert end.get("retrieval_calls") == len(searches)


def check_bill(spoken: list[dict[str, Any]], events: list[Event]) -> None:
    """The agent's messages bear the tokens and the money of its own and its experts' calls, which never overlap."""
    calls = successful(of(events, "llm_call", "expert_call"))
    for name, field in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
        assert sum(message["usage"][name] for message in spoken) == sum(int(call.get(field) or 0) for call in calls)
    cost = sum(float(call.get("cost_usd") or 0) for call in calls)
    assert abs(sum(message["cost"] for message in spoken) - cost) < 1e-6
    for mine in of(events, "llm_call"):
        for theirs in of(events, "expert_call"):
            assert span_of(mine)[1] <= span_of(theirs)[0] or span_of(theirs)[1] <= span_of(mine)[0]


def span_of(event: Event) -> tuple[float, float]:
    """(begin, end) of a call, ms since the run began."""
    start = float(event.get("start_ms") or 0)
    return start, start + float(event.get("duration_ms") or 0)


def successful(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.get("error") is False]


def check_times(end: Event) -> None:
    """Exclusive times add up to the duration within 1 ms or 1 %."""
    total = float(end.get("duration_ms") or 0)
    spent = sum(float(end.get(name) or 0) for name in EXCLUSIVE_MS)
    assert abs(spent - total) <= max(1.0, 0.01 * total)


def check_spans(events: list[Event]) -> None:
    """Spans are unique, parents exist, and every event knows its run."""
    spans = [
        event.get("span")
        for event in events
        if event.type not in ("task_start", "llm_payload", "tool_payload", "traceback") and event.get("span")
    ]
    assert len(spans) == len(set(spans))
    parents = {event.get("parent") for event in events} - {None}
    assert parents <= set(spans)
    assert len({event.get("run") for event in events}) == 1


def check_run(log_dir: Path, domains: Iterable[str], histories: dict[tuple[str, str], int] | None = None, experts: bool = False) -> int:
    """Check every simulation of a run's results; returns how many there were."""
    files = RunFiles(log_dir)
    checked = 0
    for domain in domains:
        events = by_simulation(files.events(domain))
        for simulation in files.results(domain):
            key = (domain, simulation["task_id"], simulation["trial"])
            history = (histories or {}).get((domain, simulation["task_id"]), 0)
            check_simulation(simulation, last_attempt(events[key]), history, experts)
            checked += 1
    return checked
